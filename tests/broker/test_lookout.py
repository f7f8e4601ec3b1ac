"""What the leader sees by its clock becomes alerts: a worker that stands still, a checkpoint that was refused."""

from __future__ import annotations

import pytest

from schemas.alerts import Alert
from schemas.examples import Notice
from streams.cluster import admin
from streams.members import LOG
from tests.broker.conftest import Deploy
from tests.broker.deployment import NUMBERS_ONLY, PARTITIONS, PATIENCE_S, Deployment
from tests.broker.test_alerts import Feed, folded, states, written

SOON = 'alerts=Alerts(lag="2s", stalled="2s", clear="1s"), profile_events=64'


#: It is still waited for while nobody works in its place; its open transaction, which hides what comes after it, is not.
PATIENT = {"HEADRACE_SESSION_TIMEOUT_MS": "60000", "HEADRACE_TRANSACTION_TIMEOUT_MS": "6000"}


def leader(deployment: Deployment) -> str:
    """The name of the worker that leads."""
    client = admin(deployment.settings)
    group = client.describe_consumer_groups([deployment.topology.pipeline])[deployment.topology.pipeline]
    log = deployment.topology.name(LOG)
    found: str = next(
        member.group_instance_id
        for member in group.result(PATIENCE_S).members
        if any(place.topic == log for place in member.assignment.topic_partitions)
    )
    return found


def firing(deployment: Deployment) -> dict[str, Alert]:
    return {one.name: one for one in states(deployment) if one.status == "firing"}


@pytest.mark.timeout(180)
def test_partitions_of_a_frozen_worker_stand_still_until_it_wakes(deploy: Deploy) -> None:
    deployment = deploy(before="from headrace import Alerts\n" + NUMBERS_ONLY, more=SOON, **PATIENT)
    workers = {name: deployment.start(name) for name in ("one", "two")}
    feed = Feed(deployment)
    feed.send(200)
    deployment.wait_until(lambda: len(deployment.predictions()) == 200, "the workers serve")
    deployment.wait_until(lambda: all(deployment.owned().get(name) for name in workers), "both have partitions")
    (other,) = set(workers) - {leader(deployment)}
    lost = deployment.owned()[other]
    workers[other].pause()

    def told() -> bool:
        feed.send(20)
        return {"Lag", "Stalled"} <= firing(deployment).keys()

    deployment.wait_until(told, "records wait, and nobody works on them")
    found = firing(deployment)
    stalled, lag = found["Stalled"], found["Lag"]
    assert lag.inhibited_by == [stalled.fingerprint]
    said = stalled.annotations["description"]
    still = {partition for partition in range(PARTITIONS) if f"[{partition}]" in said}
    assert still
    assert still <= lost

    workers[other].resume()

    def over() -> bool:
        feed.send(20)
        return not firing(deployment).keys() & {"Lag", "Stalled"}

    deployment.wait_until(over, "it works again")
    deployment.wait_until(lambda: len(deployment.predictions()) == feed.events, "nothing was lost")
    notices = [record for record in deployment.log() if isinstance(record, Notice) and record.action != "quiet"]
    assert {(one.action, one.target) for one in notices} == {
        (action, name) for action in ("troubled", "recovered") for name in ("Lag", "Stalled")
    }
    deployment.wait_until(lambda: written(deployment) == folded(deployment), "all of it follows from the log")
