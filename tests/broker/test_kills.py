"""A worker is killed without warning, again and again, and what it leaves behind is as if it had not been."""

from __future__ import annotations

import random
import time

import pytest

from tests.broker.deployment import Deployment
from tests.broker.outcomes import declared_once, exactly_once
from tests.broker.traffic import Traffic

SEED = 20_130_101
KILLS = 20

#: Share of the kills that may hit the start; the others wait for the worker's first commit.
WHILE_STARTING = 0.25
STARTING_S_MAX = 3.0
WORKING_S_MAX = 1.0

EVENTS_AT_ONCE = 20


@pytest.mark.timeout(300)
def test_twenty_kills_leave_one_prediction_per_event_and_one_example_per_label(
    deployment: Deployment,
) -> None:
    traffic = Traffic(deployment, SEED)
    chance = random.Random(SEED)
    while_working = 0
    for _ in range(KILLS):
        before = deployment.processed()
        worker = deployment.start()
        if chance.random() < WHILE_STARTING:
            keep_sending(traffic, chance.uniform(0, STARTING_S_MAX))
        else:
            traffic.send(EVENTS_AT_ONCE)
            deployment.wait_for_progress(before)
            while_working += 1
            keep_sending(traffic, chance.uniform(0, WORKING_S_MAX))
        assert worker.runs, worker.said
        worker.kill()
    deployment.start()
    traffic.finish()

    compared = exactly_once(traffic)
    declared_once(traffic)
    print(
        f"seed {SEED}: {KILLS} kills, {while_working} of them at work; {traffic.events} events, "
        f"{len(traffic.labels)} labels, {len(traffic.expired)} expired; replay compared {compared}, all equal"
    )


def keep_sending(traffic: Traffic, seconds: float) -> None:
    """A steady stream, so that there is always something under way."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        traffic.send(EVENTS_AT_ONCE)
        time.sleep(0.02)
