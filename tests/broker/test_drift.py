"""The leader tells drift: what is on the topic is what a fold over the log gives, through kills and checkpoints."""

from __future__ import annotations

import json
import random

import pytest

from models.drift import DriftMonitor
from schemas.codec import decoder, encode
from schemas.drift import Drift
from tests.broker.conftest import Deploy
from tests.broker.deployment import Deployment

MORE = "profile_events=64, drift=Drift(reference_examples=300, detectors=['ADWIN']),"
BEFORE = """
from headrace import Drift

def numbers(event):
    return {"a": event["a"], "b": event["b"]}
"""

CHANGE, EVENTS = 3000, 6000


def send(deployment: Deployment, first: int, end: int) -> None:
    """Events whose ``a`` is another from the change on, each with its label."""
    for number in range(first, end):
        generator = random.Random(number)
        a, b = generator.gauss(1.5 if number >= CHANGE else 0.0, 1.0), generator.gauss(0.0, 1.0)
        id = f"{number:06}"
        event = {"id": id, "at": 1_700_000_000.0 + number, "a": a, "b": b, "word": ""}
        deployment.send("events", id, json.dumps(event).encode())
        deployment.send("feedback", id, json.dumps({"id": id, "label": a + b + generator.gauss(0, 1) > 0}).encode())
    deployment.flush()


def told(deployment: Deployment) -> list[bytes]:
    """What is on the topic."""
    return [record.value or b"" for record in deployment.read("drift")]


def folded(deployment: Deployment) -> list[bytes]:
    """What a fold over the log gives, bit for bit."""
    monitor, decode = DriftMonitor(deployment.pipeline), decoder("examples")
    return [
        encode(drift)
        for record in deployment.read("examples")
        for drift in monitor.fold(record.offset, decode(record.value or b""))
    ]


@pytest.mark.timeout(180)
def test_drift_is_told_once_and_as_the_log_says_whoever_leads(deploy: Deploy) -> None:
    deployment = deploy(before=BEFORE, more=MORE)
    for first in range(0, EVENTS, 1000):
        before = deployment.processed()
        worker = deployment.start()
        send(deployment, first, first + 1000)
        deployment.wait_for_progress(before)
        worker.kill()
    deployment.start()
    deployment.wait_until(lambda: deployment.processed() == 2 * EVENTS, "all events and labels are behind the workers")
    deployment.wait_until(lambda: told(deployment) == folded(deployment), "all that the log says is told")
    starts = [drift for drift in map(decoder(Drift), told(deployment)) if drift.phase == "start"]
    assert starts
    assert any(moved.stream == "a" and moved.alarmed for drift in starts for moved in drift.moved)
