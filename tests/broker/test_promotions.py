"""Promotion and rollback on the real Kafka: one champion at each position, on every worker, through kills."""

from __future__ import annotations

from typing import Any

from confluent_kafka import Producer

from schemas.codec import decode, decoder, encode
from schemas.commands import Command
from schemas.examples import Control
from schemas.promotions import Promotion
from schemas.values import at_millisecond
from tests.broker.conftest import Deploy
from tests.broker.deployment import NUMBERS_ONLY, Deployment
from tests.broker.outcomes import exactly_once
from tests.broker.traffic import Traffic

SEED = 61

#: A champion that knows nothing but the share of true labels, so that the other is better for sure.
PLAIN_CHAMPION = (
    NUMBERS_ONLY
    + """
import headrace
from river import dummy

def Pipeline(**declared):
    declared["models"] = {"plain": dummy.PriorClassifier(), **declared["models"]}
    return headrace.Pipeline(**declared | {"champion": "plain"})
"""
)

POLICY = "promotion=__import__('headrace').Promotion(examples_min=300, settle='0s', %s),"


def decisions(deployment: Deployment) -> list[Promotion]:
    """What has been decided."""
    return [decode(Promotion, record.value or b"") for record in deployment.read("promotions")]


def ask(deployment: Deployment, action: Any, **more: Any) -> None:
    """Send a command."""
    command = Command(id=f"{action}-1", action=action, by="ann", reason="for the test", time=at_millisecond(0), **more)
    producer = Producer({"bootstrap.servers": deployment.settings.bootstrap})
    producer.produce(deployment.topology.name("commands"), encode(command), command.id.encode(), 0)
    assert producer.flush(30) == 0
    producer.close()


def reigns(deployment: Deployment) -> list[tuple[int, str]]:
    """From which position of the log on who is in charge."""
    decoded = decoder("examples")
    log = ((record.offset, decoded(record.value or b"")) for record in deployment.read("examples"))
    return [
        (offset + 1, f"{control.model}@{control.version}")
        for offset, control in log
        if isinstance(control, Control) and control.action in ("promoted", "rolled_back")
    ]


def served_as_the_log_says(deployment: Deployment) -> set[str]:
    """Check every prediction, by whichever worker; gives who has served."""
    crowned = reigns(deployment)
    found = set()
    for prediction in deployment.predictions():
        champion = [state for since, state in crowned if since <= prediction.position][-1]
        assert f"{prediction.model}@{prediction.version}" == champion, prediction
        found.add(champion)
    return found


def go_on(traffic: Traffic, count: int) -> None:
    """Send so many events, and wait until most of their labels are in the log."""
    deployment = traffic.deployment
    before = len(deployment.examples())
    for _ in range(0, count, 100):
        traffic.send(100)
    deployment.wait_until(lambda: len(deployment.examples()) > before + count * 0.8 - 120, "the labels are learnt")


def test_promotion_happens_once_on_every_worker_at_one_position_though_the_leader_is_killed(deploy: Deploy) -> None:
    deployment = deploy(before=PLAIN_CHAMPION, more=POLICY % "calibration_gap=0.5, robustness_gap=1.0")
    traffic = Traffic(deployment, SEED)
    leader = deployment.start("one")
    go_on(traffic, 300)
    deployment.start("two")
    for _ in range(3):
        # Wherever a kill falls, between the evidence and the decision or behind it, there is one decision.
        traffic.send(250)
        leader.kill()
        leader = deployment.start("one")
        go_on(traffic, 300)
    deployment.wait_until(lambda: len(reigns(deployment)) > 1, "the promotion")
    go_on(traffic, 600)
    traffic.finish()

    exactly_once(traffic)
    assert [state for _, state in reigns(deployment)] == ["plain@1", "logistic@1"]
    (promotion,) = [each for each in decisions(deployment) if each.verdict == "promote"]
    assert (promotion.verdict, promotion.status, promotion.challenger) == ("promote", "done", "logistic@1")
    assert promotion.evidence["e_value"] >= promotion.evidence["threshold"]
    assert promotion.examples >= 300
    assert {guard.name for guard in promotion.guards} >= {"calibration", "robustness"}
    assert served_as_the_log_says(deployment) == {"plain@1", "logistic@1"}


def test_person_approves_and_goes_back_by_hand_and_the_records_say_who(deploy: Deploy) -> None:
    deployment = deploy(before=PLAIN_CHAMPION, more=POLICY % "mode='approval'")
    traffic = Traffic(deployment, SEED)
    deployment.start()
    go_on(traffic, 1500)
    deployment.wait_until(lambda: len(decisions(deployment)) == 1, "the proposal")
    (waiting,) = decisions(deployment)
    assert waiting.status == "waiting"
    assert waiting.until is not None
    assert len(reigns(deployment)) == 1

    ask(deployment, "approve", model="logistic")
    deployment.wait_until(lambda: len(reigns(deployment)) == 2, "the promotion")
    go_on(traffic, 200)
    ask(deployment, "roll_back")
    deployment.wait_until(lambda: len(reigns(deployment)) == 3, "the way back")
    go_on(traffic, 200)
    traffic.finish()

    assert [state for _, state in reigns(deployment)] == ["plain@1", "logistic@1", "plain@1"]
    changes = [each for each in decisions(deployment) if each.verdict in ("promote", "roll_back")]
    assert [(each.verdict, each.status, each.by) for each in changes] == [
        ("promote", "waiting", None),
        ("promote", "done", "ann"),
        ("roll_back", "done", "ann"),
    ]
    exactly_once(traffic)
    assert served_as_the_log_says(deployment) == {"plain@1", "logistic@1"}

    ask(deployment, "promote", model="logistc")
    deployment.wait_until(lambda: bool(deployment.rejects()), "the reject")
    (reject,) = deployment.rejects()
    assert reject.stage == "promotions"
    assert "'logistc' is not active" in reject.detail


def test_worse_model_that_a_person_promotes_is_left_by_itself_though_the_leader_is_killed(deploy: Deploy) -> None:
    deployment = deploy(before=PLAIN_CHAMPION, more=POLICY % "")
    traffic = Traffic(deployment, SEED)
    leader = deployment.start()
    go_on(traffic, 1200)
    deployment.wait_until(lambda: len(reigns(deployment)) == 2, "the promotion")
    ask(deployment, "promote", model="plain")
    deployment.wait_until(lambda: len(reigns(deployment)) == 3, "what the person wants")
    traffic.send(100)
    leader.kill()
    deployment.start()
    go_on(traffic, 600)
    deployment.wait_until(lambda: len(reigns(deployment)) == 4, "the way back")
    go_on(traffic, 200)
    traffic.finish()

    exactly_once(traffic)
    assert [state for _, state in reigns(deployment)] == ["plain@1", "logistic@1", "plain@1", "logistic@1"]
    changes = [each for each in decisions(deployment) if each.verdict in ("promote", "roll_back")]
    assert [(each.verdict, each.challenger, each.by) for each in changes] == [
        ("promote", "logistic@1", None),
        ("promote", "plain@1", "ann"),
        ("roll_back", "logistic@1", None),
    ]
    assert changes[-1].evidence["e_value"] >= changes[-1].evidence["threshold"]
    assert served_as_the_log_says(deployment) == {"plain@1", "logistic@1"}
