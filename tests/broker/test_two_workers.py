"""Workers come and go, by force and without notice: the others take over, and nothing is done twice or left out."""

from __future__ import annotations

import pytest

from tests.broker.conftest import Deploy
from tests.broker.deployment import PARTITIONS, Deployment
from tests.broker.outcomes import declared_once, exactly_once
from tests.broker.traffic import Traffic

SEED = 47

ALL = set(range(PARTITIONS))


def shared_by(deployment: Deployment, *names: str) -> bool:
    """Whether exactly these workers have all the partitions, each of them some."""
    owned = deployment.owned()
    return set(owned) == set(names) and all(owned.values()) and set().union(*owned.values()) == ALL


@pytest.mark.timeout(240)
def test_partitions_move_between_workers_that_are_killed_join_and_come_back(deploy: Deploy) -> None:
    deployment = deploy(HEADRACE_SESSION_TIMEOUT_MS="6000", HEADRACE_TRANSACTION_TIMEOUT_MS="6000")
    traffic = Traffic(deployment, SEED)

    def all_answered() -> bool:
        return len({prediction.id for prediction in deployment.predictions()}) == traffic.events

    first = deployment.start("one")
    deployment.start("two")
    traffic.send(600)
    deployment.wait_until(lambda: shared_by(deployment, "one", "two"), "both workers have partitions")
    traffic.send(600)
    deployment.wait_until(all_answered, "both workers serve")

    traffic.send(600)
    first.kill()
    deployment.start("three")
    traffic.send(600)
    deployment.wait_until(lambda: shared_by(deployment, "two", "three"), "the killed worker's partitions move")
    traffic.send(600)
    deployment.wait_until(all_answered, "the two that are left serve")

    deployment.start("one")
    traffic.send(600)
    deployment.wait_until(lambda: shared_by(deployment, "one", "two", "three"), "the killed worker is back")
    traffic.send(600)
    traffic.finish()

    compared = exactly_once(traffic)
    declared_once(traffic)
    assert all(worker.runs for worker in deployment.workers if worker is not first)
    print(f"seed {SEED}: {traffic.events} events over three workers; replay compared {compared}, all equal")
