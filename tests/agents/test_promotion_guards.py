"""The guards that need the models themselves, as the leader asks them before it writes a decision."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from agents.promotions import _guarded
from models.policies import Promotion as Policy
from models.promotions import Verdicts
from schemas.examples import Control, Example, Notice
from schemas.promotions import Promotion
from tests.models.stories import begin, data, pipeline_for


def line_of(**policy: Any) -> Any:
    """The part of a worker's state that the guards look at, after some real examples."""
    pipeline = pipeline_for("binary", promotion=Policy(**policy))
    story, verdicts = begin(pipeline), Verdicts(pipeline)
    for features, label in data("binary", 300):
        story.live(features, label)
    for offset, record in story.log:
        verdicts.fold(offset, record)
    return SimpleNamespace(pipeline=pipeline, learning=story.learning, verdicts=verdicts)


def guarded(line: Any) -> list[Promotion | Control | Notice]:
    """What becomes of a decision for the tree."""
    key = ("tree", 1)
    decided = line.verdicts.promotion(key, "promote", "it is better")
    return list(_guarded([decided, line.verdicts.control(key, "promoted", "it is better")], line))


@pytest.mark.parametrize(
    ("policy", "name"),
    [({"size_ratio_max": 1.0}, "size"), ({"cost_ratio_max": 0.01}, "cost"), ({"robustness_gap": 0.0}, "robustness")],
)
def test_veto_takes_the_place_of_the_change_and_goes_into_the_log(policy: dict[str, Any], name: str) -> None:
    if name == "robustness":
        line = line_of(**policy)
        line.learning.members["tree@1"].answer = lambda _: None
    else:
        line = line_of(**policy)
    vetoed, notice = guarded(line)
    assert isinstance(vetoed, Promotion)
    assert isinstance(notice, Notice)
    assert vetoed.status == "vetoed"
    assert {guard.name for guard in vetoed.guards if not guard.passed} == {name}
    assert (notice.action, notice.target) == ("refused", "tree@1")


def test_what_passes_is_done_with_what_the_guards_have_found() -> None:
    done, control = guarded(line_of(size_ratio_max=1e6, cost_ratio_max=1e6, robustness_gap=1.0))
    assert isinstance(done, Promotion)
    assert isinstance(control, Control)
    assert done.status == "done"
    assert {guard.name for guard in done.guards} == {"size", "cost", "robustness"}


def test_model_that_has_failed_is_never_put_in_charge() -> None:
    line = line_of()
    line.learning.members["tree@1"].failed = "it raised an error when it learnt"
    vetoed, _ = guarded(line)
    assert isinstance(vetoed, Promotion)
    assert vetoed.status == "vetoed"


def test_the_recent_examples_are_bounded_and_labelled() -> None:
    recent = line_of().verdicts.recent
    assert 0 < len(recent) <= 64
    assert all(isinstance(one, Example) and one.label is not None for one in recent)
