"""What is wrong with a declared policy is told, all at once; and what models do with disturbed examples."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from models.mistakes import mistakes
from models.pairs import Scale
from models.policies import Promotion
from models.robustness import robustness
from schemas.examples import Example
from tests.models.stories import START, every_problem, pipeline_for


def wrong(**policy: Any) -> list[str]:
    return mistakes(pipeline_for("binary", promotion=Promotion(**policy)))


@every_problem
def test_the_default_policy_is_right_for_every_problem(problem: Any) -> None:
    assert not mistakes(pipeline_for(problem, promotion=Promotion()))


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ({"false_promotion_rate": 5}, "false_promotion_rate 5 is no chance between 0 and 1, like 0.05"),
        ({"emergency_rate": 0}, "emergency_rate 0 is no chance"),
        ({"emergency_gap": 0.5}, "emergency_gap 0.5 is no share from 0 to 0.1"),
        ({"examples_min": 0}, "examples_min 0 is no whole number of 1 or more"),
        ({"worthwhile": 0}, "worthwhile 0 is no number above 0"),
        ({"group_loss": -1}, "group_loss -1 is no number of 0 or more"),
        ({"mode": "aproval"}, "mode: 'aproval' is not one of 'automatic', 'approval'; did you mean 'approval'?"),
        ({"settle": "soon"}, "settle: 'soon' is no duration"),
        ({"block": "0s"}, "block: '0s' is not longer than nothing"),
        ({"approval_timeout": 3}, "approval_timeout: 3 is no duration"),
        ({"challengers": "tree"}, "challengers 'tree' is no list of names of models"),
        ({"challengers": ("tre",)}, "challengers: 'tre' is not one of 'logistic', 'tree'; did you mean 'tree'?"),
        ({"loss": "MAE"}, "loss: 'MAE' is not one of 'LogLoss'"),
        ({"canary": 0.05}, "canary 0.05 is no list of shares; write canary=(0.05, 0.25)"),
        ({"canary": "5 %"}, "canary '5 %' is no list of shares"),
        ({"canary": (0.05, 1.0)}, "canary 1.0 is no share from 0.0001 to below 1"),
        ({"canary": (5,)}, "canary 5 is no share from 0.0001 to below 1"),
        ({"canary": (True,)}, "canary True is no share"),
        ({"canary": (float("nan"),)}, "canary nan is no share"),
        ({"canary": (0.00001,)}, "canary 1e-05 is no share"),
        ({"canary": (0.25, 0.05)}, "canary 0.05 comes after 0.25: each step must be larger than the one before"),
        ({"canary_examples": 0}, "canary_examples 0 is no whole number of 1 or more"),
        ({"time_share_removed": 80}, "time_share_removed 80 is no share of the time, like 0.8, and not None"),
    ],
)
def test_a_mistake_is_told_with_its_argument_and_a_way_out(policy: dict[str, Any], said: str) -> None:
    (found,) = wrong(**policy)
    assert said in found


def test_a_canary_may_be_declared_as_a_list() -> None:
    assert wrong(canary=[0.05, 0.25], time_share_removed=None) == []


def test_all_mistakes_are_told_at_once() -> None:
    assert len(wrong(mode=3, examples_min="many", settle=5)) == 3


def test_what_is_no_policy_is_told() -> None:
    (found,) = mistakes(pipeline_for("binary", promotion=0.05))
    assert "promotion: 0.05 is no Promotion" in found


# Disturbed examples


def recent(count: int = 60) -> list[Example]:
    return [
        Example(
            id=str(place),
            partition=0,
            time=START,
            status="known",
            label=place % 2 == 0,
            labelled=START,
            features={"size": 1.0 if place % 2 == 0 else -1.0, "word": "x"},
            said=[],
            position=place,
        )
        for place in range(count)
    ]


def careful(features: dict[str, Any]) -> float:
    return {1.0: 0.9, -1.0: 0.1}.get(features.get("size", 0.0), 0.5)


def careless(features: dict[str, Any]) -> float:
    return 0.99 if features["size"] > 0 else 0.01


def guards(challenger: Any, gap: float = 0.1) -> dict[str, bool]:
    pipeline = dataclasses.replace(pipeline_for("binary"))
    found = robustness(pipeline, "LogLoss", Scale("binary", None), recent(), (careful, challenger), gap)
    return {guard.about: guard.passed for guard in found}


def test_a_model_that_cannot_do_without_a_feature_is_found() -> None:
    found = guards(careless)
    assert not found["size missing"], "it raises"
    assert not found["size out of range"], "it is sure of what it has never seen"
    assert found["word missing"]


def test_a_model_that_takes_it_as_the_champion_does_passes() -> None:
    assert all(guards(careful).values())


def test_the_same_examples_are_disturbed_alike_each_time() -> None:
    assert guards(careless) == guards(careless)


def test_without_recent_labels_nothing_is_said() -> None:
    pipeline = pipeline_for("binary")
    assert not robustness(pipeline, "LogLoss", Scale("binary", None), [], (careful, careful), 0.1)


@every_problem
def test_regression_is_not_judged_before_its_scale_is_known(problem: Any) -> None:
    scale = Scale(problem, None)
    assert scale.known == (problem != "regression")
    scale.see([float(place) for place in range(200)])
    assert scale.known
    assert scale.value == (199.0 if problem == "regression" else None)
