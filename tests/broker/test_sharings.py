"""A share of the traffic on the real Kafka: every key stays on its side, on every worker, through kills."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import pytest

from models.sharings import Sharings
from schemas.codec import decode, decoder
from schemas.examples import Control
from schemas.predictions import Prediction
from schemas.values import at_millisecond
from tests.broker.conftest import Deploy
from tests.broker.deployment import Deployment
from tests.broker.outcomes import exactly_once
from tests.broker.test_promotions import PLAIN_CHAMPION, POLICY, decisions, go_on, reigns
from tests.broker.traffic import Traffic

SEED = 67

#: Keys that come again and again.
KEYS = 300


def sharings(deployment: Deployment) -> Sharings:
    """The shares as the log tells them; nobody leaves, so all who have one may have it."""
    decoded, found = decoder("examples"), Sharings()
    for record in deployment.read("examples"):
        control = decoded(record.value or b"")
        if isinstance(control, Control):
            found.fold(record.offset, at_millisecond(record.received_ms), control, able=True)
    return found


def go_on_until(traffic: Traffic, holds: Callable[[], bool]) -> None:
    """Send as many events as it takes: how many labels count depends on when the models were added."""
    for _ in range(20):
        if holds():
            return
        go_on(traffic, 300)
    raise AssertionError("it did not come to that")


@pytest.mark.timeout(240)
def test_keys_stay_on_their_side_through_kills_on_two_workers_and_the_replay_agrees(deploy: Deploy) -> None:
    deployment = deploy(before=PLAIN_CHAMPION)
    traffic, name = Traffic(deployment, SEED, KEYS), deployment.topology.pipeline
    first = deployment.start("one")
    go_on(traffic, 300)
    deployment.start("two")
    for number, share in enumerate((0.2, 0.5, 0.0)):
        told = deployment.run(
            "models",
            "share",
            name,
            "logistic",
            "--share",
            str(share),
            "--reason",
            "is it good for them?",
            "--by",
            "ann",
        )
        assert f"logistic@1 serves {share:g} of the traffic: set by ann" in told
        go_on(traffic, 300)
        if number < 2:
            assert f"{share:g}" in deployment.run("models", "ls", name)
            traffic.send(100)
            first.kill()
            first = deployment.start("one")
            go_on(traffic, 300)
    traffic.finish()

    # Its replay compares who served, too.
    exactly_once(traffic)
    found = sharings(deployment)
    every = found.every
    assert [(each.state, each.share, each.end is None) for each in every] == [
        ("logistic@1", 0.2, False),
        ("logistic@1", 0.5, False),
    ]
    served: dict[tuple[str, str], set[int]] = defaultdict(set)
    for record in deployment.read("predictions"):
        prediction = decode(Prediction, record.value or b"")
        now = found.at(prediction.position)
        step = f"step {every.index(now[0]) + 1}" if now else "none"
        assert prediction.model == ("logistic" if prediction.served else "plain")
        served[step, (record.key or b"").decode()].add(prediction.served)
    # At each step every key is on one side, and none goes back while the share grows.
    assert {len(sides) for sides in served.values()} == {1}
    with_it = {step: {key for one, key in served if one == step and served[one, key] != {0}} for step, _ in served}
    assert with_it["none"] == set()
    assert 0.1 * KEYS < len(with_it["step 1"]) < 0.3 * KEYS
    assert 0.4 * KEYS < len(with_it["step 2"]) < 0.6 * KEYS
    assert with_it["step 1"] < with_it["step 2"]
    why = next(each.id for each in deployment.predictions() if each.served)
    assert "served, by its share" in deployment.run("why", name, why)


@pytest.mark.timeout(240)
def test_canary_takes_its_steps_and_then_over_though_the_leader_is_killed(deploy: Deploy) -> None:
    deployment = deploy(before=PLAIN_CHAMPION, more=POLICY % "canary=(0.1, 0.4), canary_examples=200")
    traffic = Traffic(deployment, SEED, KEYS)
    leader = deployment.start()
    go_on_until(traffic, lambda: len(sharings(deployment).every) == 1)
    traffic.send(100)
    leader.kill()
    deployment.start()
    go_on_until(traffic, lambda: len(reigns(deployment)) == 2)
    go_on(traffic, 200)
    traffic.finish()

    exactly_once(traffic)
    every = sharings(deployment).every
    assert [(each.share, each.step) for each in every] == [(0.1, 1), (0.4, 2)]
    ends = [(each.position, each.end) for each in every]
    crowned = reigns(deployment)[1][0]
    assert ends[0][1] == ends[1][0] < (ends[1][1] or 0) == crowned - 1
    made = [each for each in decisions(deployment) if each.verdict == "promote"]
    assert [each.status for each in made] == ["canary", "canary", "done"]
    before = [each for each in deployment.predictions() if each.position < crowned]
    assert {each.model for each in before} == {"plain", "logistic"}
    assert all((each.served > 0) == (each.model == "logistic") for each in before)
