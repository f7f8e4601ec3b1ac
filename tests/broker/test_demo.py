"""The demo as a user without a terminal runs it: what it says is what the topics hold."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pandas as pd
import psutil
import pytest

from headrace.demo.flights import happenings
from schemas.codec import decoder
from schemas.examples import Example
from schemas.health import Health
from schemas.predictions import Prediction
from schemas.promotions import Promotion
from streams.broker import Broker, start
from streams.settings import Settings, load
from streams.tail import Tail, last

FLIGHTS = 3_000

#: Until the middle of January: by then the better model is in charge.
FLIGHTS_SHOWN = 14_000
HEADRACE = (sys.executable, "-P", "-c", "import sys; from headrace.cli import main; sys.exit(main())")


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[Broker]:
    """A cluster of the user's own; the demo takes the pipeline's real name, so it is not shared."""
    with start() as broker:
        yield broker


@pytest.fixture(scope="module")
def settings(own_cluster: Broker, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return load(bootstrap=own_cluster.bootstrap, data=tmp_path_factory.mktemp("data"))


def environment(settings: Settings) -> dict[str, str]:
    return os.environ | {"HEADRACE_BOOTSTRAP": settings.bootstrap, "HEADRACE_DATA": str(settings.data)}


def demo(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*HEADRACE, "demo", *arguments],
        env=environment(settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


@pytest.fixture(scope="module")
def shown(settings: Settings) -> dict[str, Any]:
    """The facts of one run, whose topics stay."""
    ended = demo(settings, "--events", str(FLIGHTS_SHOWN), "--json")
    assert ended.returncode == 0, ended.stderr
    # With --json nothing else is on stdout.
    facts: dict[str, Any] = json.loads(ended.stdout)
    return facts


def test_every_flight_has_one_prediction(shown: dict[str, Any], settings: Settings) -> None:
    decode = decoder(Prediction)
    with Tail(settings, "flights.predictions", "earliest") as tail:
        predictions = [decode(message.value() or b"") for message in tail.to_end()]
    assert shown["events"] == shown["predictions"] == len(predictions) == FLIGHTS_SHOWN
    assert len({prediction.id for prediction in predictions}) == FLIGHTS_SHOWN
    assert shown["repeated"] == shown["rejected"] == 0
    states = {f"{said.model}@{said.version}:{said.position}" for said in predictions}
    assert shown["state"] in states


def test_every_label_is_learnt_once(shown: dict[str, Any], settings: Settings) -> None:
    decode = decoder("examples")
    with Tail(settings, "flights.examples", "earliest") as tail:
        records = [decode(message.value() or b"") for message in tail.to_end()]
    learnt = Counter(r.id for r in records if isinstance(r, Example) and r.status == "known")
    landed = {told.id for told in happenings(events=FLIGHTS_SHOWN) if told.kind == "label"}
    assert set(learnt) == landed and set(learnt.values()) == {1}
    assert shown["labels_learnt"] == shown["labels_sent"] == len(landed)
    assert shown["labels_never_came"] == FLIGHTS_SHOWN - len(landed)


def test_numbers_of_the_models_are_those_of_the_last_health_report(shown: dict[str, Any], settings: Settings) -> None:
    health = decoder(Health)(last(settings, "flights.health", 1)[0].value() or b"")
    assert [model["model"] for model in shown["models"]] == [model.model for model in health.models]
    for told, model in zip(shown["models"], health.models, strict=True):
        assert told["log_loss"] == model.metrics["LogLoss"]
        assert told["labels"] == model.count
    (champion,) = (model for model in shown["models"] if model["champion"])
    assert champion["labels"] == shown["labels_learnt"]


def test_decisions_are_those_on_the_topic_and_take_effect(shown: dict[str, Any], settings: Settings) -> None:
    decode = decoder(Promotion)
    with Tail(settings, "flights.promotions", "earliest") as tail:
        decided = [decode(message.value() or b"") for message in tail.to_end()]
    told = [(each["about"], each["kind"]) for each in shown["decisions"]]
    assert told == [(each.challenger, f"{each.verdict} {each.status}") for each in decided]
    assert ("logistic@1", "promote done") in told
    assert [model["model"] for model in shown["models"] if model["champion"]] == ["logistic"]
    assert shown["state"].startswith("logistic@1:")


def test_what_was_served_lost_what_the_tree_lost_until_the_promotion_and_the_logistic_model_from_then_on(
    shown: dict[str, Any], settings: Settings
) -> None:
    decode = decoder("examples")
    with Tail(settings, "flights.examples", "earliest") as tail:
        records = [decode(message.value() or b"") for message in tail.to_end()]
    learnt = [r for r in records if isinstance(r, Example) and r.status == "known"]
    rows: list[dict[str, Any]] = [
        {"label": r.label, "served": r.said[r.served].model} | {said.model: said.score for said in r.said}
        for r in learnt
        if not any(said.score is None for said in r.said)
    ]
    frame = pd.DataFrame(rows)
    models = ["prior", "tree", "logistic"]
    right = frame[models].where(frame["label"].astype(bool), 1 - frame[models]).clip(0.01, 0.99)
    lost = -right.astype(float).map(math.log)
    served = lost["tree"].where(frame["served"] == "tree", lost["logistic"])
    assert set(frame["served"]) == {"tree", "logistic"}
    assert shown["served"]["log_loss_clipped"] == pytest.approx(served.mean())
    alone = {model["model"]: model["log_loss_clipped"] for model in shown["models"]}
    assert {model: alone[model] for model in models} == pytest.approx(lost.mean().to_dict())


def test_replayed_sample_is_equal_across_the_promotion(shown: dict[str, Any]) -> None:
    assert shown["replayed"]["compared"] == shown["replayed"]["equal"] > 500


def test_topics_of_an_earlier_demo_are_not_mixed_with_new_flights(shown: dict[str, Any], settings: Settings) -> None:
    ended = demo(settings, "--events", "10")
    assert ended.returncode == 2
    assert f"holds {FLIGHTS_SHOWN:,} events already" in ended.stderr and "--fresh" in ended.stderr


def test_worker_that_is_killed_starts_again_and_nothing_is_lost_and_all_is_told_in_words(
    shown: dict[str, Any], settings: Settings
) -> None:
    with under_way(settings, "--fresh", "--events", str(FLIGHTS)) as process:
        worker_of(process).kill()
        told, complaints = process.communicate(timeout=100)
    assert process.returncode == 0, complaints
    assert "3,000 flights went in and 3,000 predictions came out, exactly one for each." in told
    assert " labels were learnt, each once" in told
    assert "The worker was killed and started again once." in told
    assert "all equal." in told and "headrace replay" in told


def test_interrupted_demo_ends_its_worker_and_says_so_without_a_traceback(
    shown: dict[str, Any], settings: Settings
) -> None:
    with under_way(settings, "--fresh", "--speed", "3600") as process:
        worker = worker_of(process)
        process.send_signal(signal.SIGINT)
        told, complaints = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "everything is stopped" in complaints and "Traceback" not in told + complaints
    assert not worker.is_running()


def test_demo_that_is_killed_takes_its_worker_along(shown: dict[str, Any], settings: Settings) -> None:
    with under_way(settings, "--fresh", "--speed", "3600") as process:
        worker = worker_of(process)
        process.kill()
        worker.wait(60)
    assert not worker.is_running()


@contextmanager
def under_way(settings: Settings, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A demo that runs, and does not outlive its test."""
    process = subprocess.Popen(
        [*HEADRACE, "demo", *arguments],
        env=environment(settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def worker_of(demo: subprocess.Popen[str]) -> psutil.Process:
    """A demo's worker, once there is one."""
    for _ in range(1_000):
        assert demo.poll() is None, demo.communicate()
        for child in psutil.Process(demo.pid).children():
            with suppress(psutil.NoSuchProcess):
                if "headrace.demo.worker" in child.cmdline():
                    return child
        time.sleep(0.05)
    raise AssertionError("the demo did not start a worker")
