"""The demo's account of decisions: what it tells, and when it says that a training is under way."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from headrace.demo.decisions import Decisions, first_of_each
from schemas.examples import Control, Trained
from schemas.promotions import Promotion
from schemas.retrains import Retrain

MOMENT = datetime(2013, 2, 1, 6, 5, tzinfo=UTC)


def step(step: Any, id: str = "r1", **more: Any) -> Retrain:
    fields: dict[str, Any] = {"model": "tree", "time": MOMENT, "reason": "every 30d", "first": 0, "end": 9}
    return Retrain(id=id, step=step, **(fields | more))


def promotion(verdict: Any, challenger: str = "logistic@1", **more: Any) -> Promotion:
    fields: dict[str, Any] = {"position": 9, "time": MOMENT, "examples": 11_108, "reason": "LogLoss 0.01 lower"}
    return Promotion(verdict=verdict, champion="tree@1", challenger=challenger, **({"evidence": {}} | fields | more))


def joined(retrain: str, version: int = 2) -> Control:
    trained = Trained(retrain=retrain, method="fresh", first=0, end=9, examples=9)
    return Control(action="added", model="tree", version=version, reason="", trained=trained)


def sentences(decisions: Decisions) -> list[str]:
    return [each.sentence() for each in decisions.told]


def test_retraining_is_told_when_it_is_asked_for_and_when_its_challenger_joins() -> None:
    decisions = Decisions(3)
    decisions.retrain(step("requested"))
    for name in ("started", "progress"):
        decisions.retrain(step(name))
    decisions.retrain(step("finished", version=2, evidence={"examples": 26_000.0}, duration_s=3.21))
    assert sentences(decisions) == [
        "1 Feb 06:05  tree is retrained: every 30d",
        "1 Feb 06:05  tree@2 joins the shadows: trained on 26,000 labels in 3.2 s",
    ]
    assert decisions.steps == 4


def test_failed_retraining_is_told_with_its_reason() -> None:
    decisions = Decisions(3)
    decisions.retrain(step("requested"))
    decisions.retrain(step("failed", reason="it diverges"))
    assert sentences(decisions)[-1] == "1 Feb 06:05  tree was not retrained: it diverges"
    assert not decisions.training


def test_promotion_is_told_with_its_evidence() -> None:
    decisions = Decisions(3)
    decisions.promotion(promotion("promote", evidence={"e_value": 83.04, "threshold": 32.9}))
    told = "1 Feb 06:05  logistic@1 takes over: LogLoss 0.01 lower (e-value 83, 33 were needed)"
    decisions.promotion(promotion("promote", evidence={"e_value": 2.33e14, "threshold": 132.0}))
    assert sentences(decisions)[0] == told
    assert "(e-value 2e+14, 132 were needed)" in sentences(decisions)[1]


@pytest.mark.parametrize(
    ("decision", "words"),
    [
        (promotion("promote", status="vetoed"), "logistic@1 is not put in charge"),
        (promotion("futile"), "logistic@1 is given up"),
        (promotion("keep"), "logistic@1 is given up"),
        (promotion("roll_back"), "logistic@1 is back in charge"),
    ],
)
def test_other_verdicts_are_told_as_what_they_are(decision: Promotion, words: str) -> None:
    decisions = Decisions(3)
    decisions.promotion(decision)
    assert words in sentences(decisions)[0]


def test_challenger_that_is_given_up_again_and_again_is_shown_once() -> None:
    decisions = Decisions(3)
    for challenger in ("tree@2", "tree@2", "tree@3"):
        decisions.promotion(promotion("futile", challenger))
    assert [each.about for each in first_of_each(decisions.told)] == ["tree@2", "tree@3"]
    assert len(decisions.told) == 3


def test_training_is_under_way_from_the_request_until_its_end() -> None:
    decisions = Decisions(3)
    assert not decisions.training
    decisions.retrain(step("requested"))
    assert decisions.training
    decisions.retrain(step("finished", version=2))
    assert not decisions.training


def test_control_record_ends_a_training_whose_last_step_comes_later() -> None:
    decisions = Decisions(3)
    decisions.retrain(step("requested"))
    decisions.control(joined("r1"))
    assert not decisions.training


def test_what_waits_for_room_is_not_under_way_until_a_challenger_leaves() -> None:
    decisions = Decisions(1)
    decisions.control(joined("r1"))
    decisions.retrain(step("requested", "r2"))
    assert not decisions.training
    decisions.control(Control(action="promoted", model="tree", version=2, reason=""))
    assert decisions.training
