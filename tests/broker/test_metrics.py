"""What a worker tells Prometheus is what lies on the topics, and a real Prometheus can work with it."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from headrace.cli import main
from headrace.exports.dashboards import dashboards
from headrace.exports.rules import RECORDS
from schemas.codec import decode
from schemas.health import Health
from tests.broker.conftest import Deploy
from tests.broker.deployment import PATIENCE_S, Deployment, Worker
from tests.broker.traffic import Traffic

EVENTS = 1500
BAD = 7

#: So often it is waited until everything sent is processed.
PARTS = 2

#: Panels that show nothing while nothing is wrong.
EMPTY_WHILE_WELL = {
    "What is wrong with the data",
    "Who has failed",
    "Alerts of the pipelines",
    "Alarms about drift",
}

GROUPED = """
from headrace import Objective

def numbers(event):
    return {"a": event["a"], "b": event["b"], "high": int(event["a"] > 0)}
"""

Labels = frozenset[tuple[str, str]]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        text: bytes = answer.read()
    return text.decode()


class Scraped:
    """One answer of a worker."""

    def __init__(self, port: int) -> None:
        self.samples: dict[str, dict[Labels, float]] = {}
        for family in text_string_to_metric_families(get(port, "/metrics")):
            for sample in family.samples:
                labels = frozenset((name, value) for name, value in sample.labels.items() if name != "pipeline")
                self.samples.setdefault(sample.name, {})[labels] = sample.value

    def of(self, name: str, **labels: str) -> float:
        """One series."""
        return self.samples[name][frozenset(labels.items())]

    def sum(self, name: str) -> float:
        """All series of a metric."""
        return sum(self.samples.get(name, {}).values())


def answers(port: int) -> bool:
    try:
        get(port, "/metrics")
    except (urllib.error.URLError, ConnectionError):
        return False
    return True


def started(deployment: Deployment) -> tuple[Worker, int]:
    """A worker, and the port of its endpoint."""
    port = free_port()
    worker = deployment.start(HEADRACE_METRICS_PORT=str(port), HEADRACE_LOG_FORMAT="json")
    deployment.wait_until(lambda: answers(port), "the endpoint answers")
    return worker, port


def settle(deployment: Deployment) -> None:
    """Wait until the worker has committed everything that was sent."""
    sent = sum(1 for noun in ("events", "feedback") for _ in deployment.read(noun))
    deployment.wait_until(lambda: deployment.processed() == sent, "everything sent is processed")


def send(deployment: Deployment) -> Traffic:
    """Good events and labels, and a few bad events."""
    traffic = Traffic(deployment, seed=3)
    for _ in range(PARTS):
        # What is answered before anything is learnt says nothing about a model.
        traffic.send(EVENTS // PARTS)
        settle(deployment)
    for number in range(BAD):
        deployment.send("events", f"bad-{number}", json.dumps({"id": f"bad-{number}", "at": "soon"}).encode())
    traffic.finish()
    return traffic


def test_metrics_are_what_lies_on_the_topics(deployment: Deployment) -> None:
    worker, port = started(deployment)
    send(deployment)
    settle(deployment)
    deployment.wait_until(
        lambda: Scraped(port).sum("headrace_label_outcomes") == len(deployment.examples()), "the last health report"
    )

    told = Scraped(port)

    events, labels = list(deployment.read("events")), list(deployment.read("feedback"))
    predictions, rejects, examples = deployment.predictions(), deployment.rejects(), deployment.examples()
    assert told.of("headrace_events_total") == len(events)
    assert told.of("headrace_labels_total") == len(labels)
    assert told.of("headrace_predictions_total") == len(predictions)
    assert told.sum("headrace_rejects_total") == len(rejects)
    assert told.of("headrace_rejects_total", stage="features", reason=rejects[0].reason) == BAD
    duplicates = len(events) - len(predictions) - len(rejects)
    assert told.of("headrace_duplicates_total") >= duplicates > 0
    assert told.of("headrace_batch_records_sum") == len(events) + len(labels)
    assert told.of("headrace_prediction_latency_seconds_count") == len(events)
    assert told.of("headrace_log_position") >= told.of("headrace_log_records_total") >= len(examples)
    for status in ("known", "expired"):
        expected = sum(example.status == status for example in examples)
        assert told.of("headrace_label_outcomes", status=status) == expected
    labelled = {example.id for example in examples}
    assert told.sum("headrace_waiting_events") == len({prediction.id for prediction in predictions} - labelled)
    assert told.sum("headrace_lag_records") == 0
    assert told.of("headrace_worker_leading") == told.of("headrace_worker_serving") == 1
    assert told.of("headrace_worker_starts_total") == 1
    assert told.of("headrace_model_champion", model="logistic", version="1") == 1
    newest = decode(Health, list(deployment.read("health"))[-1].value or b"")
    for model in newest.models:
        for window, scores in (("all", model.metrics), ("rolling", model.rolling)):
            for metric, score in scores.items():
                named = {"model": model.model, "version": str(model.version), "metric": metric, "window": window}
                assert told.of("headrace_model_score", **named) == score
    assert told.of("headrace_metrics_left_out_series") == 0
    assert worker.stop() == 0
    assert not answers(port)


def test_the_log_has_the_address_of_what_was_rejected_and_nothing_of_what_it_holds(deployment: Deployment) -> None:
    worker, _ = started(deployment)
    deployment.send("events", "k", b'{"id": "k", "at": "my secret"}', partition=2)
    deployment.flush()
    deployment.wait_until(lambda: len(deployment.rejects()) == 1, "the reject")
    deployment.wait_until(lambda: "rejected" in worker.said, "the line in the log")
    assert worker.stop() == 0

    lines = [json.loads(line) for line in worker.said.splitlines()]

    (about,) = [line for line in lines if "offset" in line]
    address = {"topic": deployment.topology.name("events"), "partition": 2, "offset": 0}
    assert about | address == about
    assert about["reason"] == deployment.rejects()[0].reason
    assert {line["pipeline"] for line in lines} == {deployment.topology.pipeline}
    assert "my secret" not in worker.said


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed: apt-get install prometheus")
def test_promtool_has_nothing_to_say_against_names_and_types(deployment: Deployment) -> None:
    _, port = started(deployment)
    send(deployment)
    settle(deployment)
    deployment.wait_until(lambda: "headrace_model_score" in Scraped(port).samples, "a health report")

    result = subprocess.run(
        ["promtool", "check", "metrics"],
        input=get(port, "/metrics"),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert (result.returncode, result.stdout + result.stderr) == (0, "")


def test_a_port_that_is_taken_is_said(deployment: Deployment) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        worker = deployment.start(HEADRACE_METRICS_PORT=str(port))

        assert worker.ended() == 2

    assert f"127.0.0.1:{port}" in worker.said
    assert "HEADRACE_METRICS_PORT" in worker.said
    assert "Traceback" not in worker.said


class Prometheus:
    """A real Prometheus with the exported configuration, except that it looks every second."""

    def __init__(self, folder: Path, target: int) -> None:
        self.port = free_port()
        assert main(["export", "prometheus", str(folder), "--target", f"127.0.0.1:{target}"]) == 0
        for file in folder.glob("*.yml"):
            file.write_text(file.read_text().replace("15s", "1s"))
        self.log = folder / "prometheus.log"
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [
                    "prometheus",
                    f"--config.file={folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                ],
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def query(self, expr: str) -> list[dict[str, Any]]:
        """The newest values."""
        try:
            found = json.loads(get(self.port, "/api/v1/query?" + urllib.parse.urlencode({"query": expr})))
        except urllib.error.HTTPError as error:
            if error.code == HTTPStatus.SERVICE_UNAVAILABLE:
                # It is still starting.
                return []
            raise AssertionError(f"{expr}: {error.read().decode()}") from None
        except (urllib.error.URLError, ConnectionError):
            assert self.process.poll() is None, self.log.read_text()
            return []
        result: list[dict[str, Any]] = found["data"]["result"]
        return result

    def until(self, expr: str) -> list[dict[str, Any]]:
        """The values, as soon as there are any."""
        deadline = time.monotonic() + PATIENCE_S
        while not (found := self.query(expr)):
            assert time.monotonic() < deadline, f"nothing in time: {expr}"
            time.sleep(0.2)
        return found


@contextmanager
def prometheus(folder: Path, target: int) -> Iterator[Prometheus]:
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not installed: apt-get install prometheus")
    folder.mkdir()
    made = Prometheus(folder, target)
    try:
        yield made
    finally:
        made.process.terminate()
        made.process.wait(PATIENCE_S)


def dashboard_queries() -> list[tuple[str, str]]:
    """Title and query of every panel, with what Grafana fills in."""
    filled = {"$pipeline": ".+", "$__rate_interval": "30s"}
    pattern = re.compile("|".join(map(re.escape, filled)))
    return [
        (panel["title"], pattern.sub(lambda found: filled[found[0]], target["expr"]))
        for made in dashboards().values()
        for panel in made["panels"]
        for target in panel["targets"]
    ]


@pytest.mark.timeout(300)
def test_a_real_prometheus_answers_every_query_of_the_dashboards(deploy: Deploy, tmp_path: Path) -> None:
    deployment = deploy(
        before=GROUPED,
        more='objective=[Objective("LogLoss", better_than="prior"), Objective("LogLoss", at_most=0.69)], groups=["high"],',
    )
    _, port = started(deployment)
    with prometheus(tmp_path / "prometheus", port) as server:
        server.until("headrace_worker_serving == 1")
        send(deployment)
        settle(deployment)

        (total,) = server.until(f"headrace_events_total >= {sum(1 for _ in deployment.read('events'))}")
        assert total["metric"]["pipeline"] == deployment.topology.pipeline
        assert total["metric"]["job"] == "headrace"
        unanswered = [*dashboard_queries(), *((name, name) for name in RECORDS)]
        deadline = time.monotonic() + PATIENCE_S
        while {title for title, _ in unanswered} - EMPTY_WHILE_WELL and time.monotonic() < deadline:
            time.sleep(0.2)
            unanswered = [(title, expr) for title, expr in unanswered if not server.query(expr)]
        assert {title for title, _ in unanswered} <= EMPTY_WHILE_WELL, unanswered
        # What the pipeline says about its data is its own affair; the machinery is well.
        firing = 'ALERTS{alertstate="firing", alertname!="HeadraceAlertFiring"}'
        assert server.query(firing) == []
