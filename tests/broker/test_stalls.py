"""Workers that stand still, brokers that go away, names taken twice, inputs that break an agent."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from streams.broker import start
from tests.broker.conftest import Deploy
from tests.broker.deployment import PARTITIONS, Deployment
from tests.broker.outcomes import declared_once, exactly_once
from tests.broker.traffic import Traffic

SEED = 31

#: Shorter than usual, so that a worker that stands still is given up soon.
SHORT = {"HEADRACE_SESSION_TIMEOUT_MS": "6000", "HEADRACE_TRANSACTION_TIMEOUT_MS": "6000"}


def served(deployment: Deployment, count: int) -> None:
    deployment.wait_until(lambda: len(deployment.predictions()) >= count, f"{count} predictions")


@pytest.mark.timeout(180)
def test_a_worker_that_was_frozen_and_wakes_writes_nothing_twice(deploy: Deploy) -> None:
    deployment = deploy(**SHORT)
    traffic = Traffic(deployment, SEED)
    frozen = deployment.start("frozen")
    traffic.send(300)
    served(deployment, 300)
    traffic.send(2000)
    frozen.pause()
    before = deployment.processed()
    deployment.start("other")
    traffic.send(300)
    deployment.wait_for_progress(before)
    traffic.send(300)
    frozen.resume()
    for _ in range(20):
        traffic.send(20)
        time.sleep(0.1)
    traffic.finish()
    exactly_once(traffic)
    declared_once(traffic)
    assert frozen.runs, frozen.said


@pytest.mark.timeout(180)
def test_a_worker_goes_on_by_itself_after_the_broker_was_killed(deploy: Deploy, tmp_path: Path) -> None:
    with start(data=tmp_path / "kafka") as broker:
        deployment = deploy(bootstrap=broker.bootstrap)
        traffic = Traffic(deployment, SEED)
        worker = deployment.start()
        traffic.send(500)
        served(deployment, 500)
        traffic.send(1000)
        broker.kill(1)
        time.sleep(1)
        broker.restart(1)
        traffic.send(500)
        traffic.finish()
        exactly_once(traffic)
        declared_once(traffic)
        assert worker.runs, worker.said
        assert worker.stop() == 0
        deployment.close()


def test_of_two_processes_with_one_name_the_older_ends_and_says_why(deployment: Deployment) -> None:
    traffic = Traffic(deployment, SEED)
    older = deployment.start("same")
    traffic.send(300)
    served(deployment, 300)
    newer = deployment.start("same")
    assert older.ended() == 1
    assert "another process runs under this worker's name" in older.said
    assert "Traceback" not in older.said
    traffic.send(300)
    traffic.finish()
    exactly_once(traffic)
    assert newer.runs, newer.said


BREAKS = """
def breaks(event):
    if event["word"] == "break":
        raise SystemExit("a preparation must not do this")
    return {"a": event["a"], "b": event["b"]}
"""


def event(number: int, word: str) -> tuple[str, bytes]:
    id = f"{number:06}"
    return id, json.dumps({"id": id, "at": 1e9 + number, "a": 1.0, "b": 2.0, "word": word}).encode()


def test_an_input_that_breaks_an_agent_is_rejected_alone(deploy: Deploy) -> None:
    deployment = deploy(before=BREAKS, prepare="breaks")
    breaking = {20, 21, 59}
    for number in range(60):
        deployment.send("events", *event(number, "break" if number in breaking else ""))
    deployment.flush()
    worker = deployment.start()
    served(deployment, 57)
    deployment.wait_until(lambda: len(deployment.rejects()) >= 3, "three rejects")
    assert sorted(int(prediction.id) for prediction in deployment.predictions()) == [
        number for number in range(60) if number not in breaking
    ]
    for reject in deployment.rejects():
        assert (reject.reason, reject.stage, reject.source.topic) == (
            "unexpected",
            "events",
            deployment.topology.name("events"),
        )
        assert "a preparation must not do this" in reject.detail
    rejected = {json.loads(record.value or b"")["id"] for record in deployment.read("rejects")}
    assert rejected == {f"{number:06}" for number in breaking}
    assert worker.runs, worker.said


def test_what_waits_for_labels_is_remembered_though_the_last_input_was_rejected(deploy: Deploy) -> None:
    deployment = deploy(before=BREAKS, prepare="breaks")
    worker = deployment.start()
    for number in range(PARTITIONS):
        deployment.send("events", f"{number:06}", event(number, "")[1], partition=number)
    deployment.flush()
    served(deployment, PARTITIONS)
    for number in range(PARTITIONS):
        deployment.send("events", "x", event(100 + number, "break")[1], partition=number)
    deployment.flush()
    deployment.wait_until(lambda: len(deployment.rejects()) == PARTITIONS, "the rejects")
    worker.kill()
    deployment.start()
    for number in range(PARTITIONS):
        label = json.dumps({"id": f"{number:06}", "label": True}).encode()
        deployment.send("feedback", f"{number:06}", label, partition=number)
    deployment.flush()
    deployment.wait_until(lambda: len(deployment.examples()) == PARTITIONS, "all labels are in the log")
