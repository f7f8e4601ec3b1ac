"""What a training has shown, and what the parts of a trial show, may veto a promotion."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from msgspec import structs

from models.guards import Guards
from models.intervals import around
from models.mistakes import mistakes
from models.policies import Promotion as Policy
from models.stability import PART_LABELS, PARTS_MAX, Stability
from schemas.examples import Trained
from schemas.promotions import Guard
from schemas.trainings import Fit
from tests.models.stories import pipeline_for
from tests.models.trial_logs import Log, Says, noisy, pipeline_of

OLD, BETTER, WORSE, FAR_WORSE = noisy(0.15, 1), noisy(0.02, 2), noisy(0.4, 3), noisy(1.0, 4)


def only_from_to(says: Says, other: Says, start: int, end: int) -> Says:
    """A model that is another one for a while."""
    return lambda truth, places: np.where((places >= start) & (places < end), says(truth, places), other(truth, places))


def promoted(log: Log) -> list[tuple[str, set[str]]]:
    """Each decision to promote, with the names of the guards that did not pass."""
    decisions = [each for each in log.decisions if each.verdict == "promote"]
    return [(each.status, {guard.name for guard in each.guards if not guard.passed}) for each in decisions]


@pytest.mark.parametrize(
    ("stability", "first"), [(None, ("done", set())), (0.9, ("vetoed", {"stability"}))], ids=["off", "on"]
)
def test_gain_that_a_part_of_the_trial_does_not_have_vetoes(stability: float | None, first: Any) -> None:
    unsteady = only_from_to(FAR_WORSE, BETTER, 3500, 4700)
    log = Log(pipeline_of(examples_min=5000, stability=stability), {"old": WORSE, "new": unsteady}).go_on(6000)
    assert promoted(log)[0] == first


def test_gain_that_holds_all_along_passes_with_its_evidence() -> None:
    log = Log(pipeline_of(examples_min=3000, stability=0.9), {"old": OLD, "new": BETTER}).go_on(4000)
    (decision,) = [each for each in log.decisions if each.verdict == "promote"]
    (guard,) = [guard for guard in decision.guards if guard.name == "stability"]
    assert decision.status == "done"
    assert (guard.passed, guard.about) in ((True, "parts"), (True, "without its best part"))


def judged(parts: list[float], share: float = 0.75) -> dict[str, Guard]:
    """The verdict on parts of 500 labels with these mean gains, and much noise."""
    stability, chance = Stability(), np.random.default_rng(1)
    for mean in parts:
        stability.add(np.clip(chance.normal(mean, 0.2, 500), -1, 1), np.ones(500))
    return {guard.about: guard for guard in stability.judge(share, 2.0)}


@pytest.mark.parametrize(
    ("parts", "vetoed"),
    [
        ([0.02] * 16, set()),
        ([0.08] * 13 + [-0.2] * 3, set()),
        ([0.1] * 8 + [-0.2] * 8, {"parts", "without its best part"}),
        ([0.9, *[-0.01] * 15], {"without its best part"}),
    ],
    ids=["all along", "most of the time", "half of the time", "once"],
)
def test_parts_veto_where_the_challenger_is_shown_to_be_worse_in_too_many(parts: list[float], vetoed: set[str]) -> None:
    assert {about for about, guard in judged(parts).items() if not guard.passed} == vetoed


def test_too_few_labels_for_parts_say_nothing() -> None:
    stability = Stability()
    stability.add(np.full(PART_LABELS, -1.0), np.ones(PART_LABELS))
    assert list(stability.judge(0.9, 1.0)) == []


def test_parts_stay_few_equal_and_complete_however_the_labels_are_cut() -> None:
    differences = np.random.default_rng(2).normal(0.0, 0.2, 10_000).clip(-1, 1)
    whole, pieces = Stability(), Stability()
    whole.add(differences, np.ones(len(differences)))
    for start in range(0, len(differences), 37):
        piece = differences[start : start + 37]
        pieces.add(piece, np.ones(len(piece)))
    for one in (whole, pieces):
        counts = one._sums[:, 0]
        assert counts.sum() == len(differences)
        assert len(set(counts[: one._seen // one._labels])) == 1
        assert PARTS_MAX // 2 <= one._seen // one._labels <= PARTS_MAX
    assert np.allclose(whole._sums, pieces._sums)


def test_label_that_is_taken_back_counts_no_more() -> None:
    stability = Stability()
    stability.add(np.array([0.5, 0.25]), np.array([1.0, 1.0]))
    stability.add(np.array([0.25]), np.array([-1.0]))
    assert stability._sums[0, :2].tolist() == [1.0, 0.5]


def fit(gap: float, examples: int = 1000, spread: float = 0.1) -> Fit:
    """A model that fits so much better what it has learnt."""
    return Fit(examples=examples, loss=0.2, prequential=0.2 + gap, squares=gap**2 + spread**2, unit=2.0)


@pytest.mark.parametrize(
    ("found", "passed"),
    [(fit(0.2), False), (fit(0.04), True), (fit(0.2, examples=20), True), (fit(-0.1), True)],
    ids=["by heart", "a little", "too few to say", "better before"],
)
def test_model_that_knows_its_training_range_by_heart_is_vetoed(found: Fit, passed: bool) -> None:
    guards = Guards(Policy(overfitting_gap=0.1), [], True)
    (guard,) = guards.judge([], 1.0, found)
    assert (guard.name, guard.passed, guard.examples) == ("overfitting", passed, found.examples)
    low, _ = around(found.examples, found.examples * (found.prequential - found.loss + 1) / 2, found.examples / 4)
    # What is shown is never more than what was seen, and holds with the sample that there was.
    assert (2 * low - 1) * found.unit < guard.value < (found.prequential - found.loss) * found.unit


def test_without_a_declared_gap_or_a_training_nobody_looks() -> None:
    assert Guards(Policy(), [], True).judge([], 1.0, fit(0.5)) == []
    assert Guards(Policy(overfitting_gap=0.1), [], True).judge([], 1.0, None) == []


def test_what_the_training_recorded_vetoes_the_promotion() -> None:
    log = Log(pipeline_of(overfitting_gap=0.1), {"old": OLD, "new": BETTER})
    control = log.verdicts.reigns.models["new", 1]
    trained = Trained(retrain="one", method="fresh", first=0, end=9, examples=4, fit=fit(0.3))
    log.verdicts.reigns.models["new", 1] = structs.replace(control, trained=trained)
    assert promoted(log.go_on(3000))[0] == ("vetoed", {"overfitting"})


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        ({"overfitting_gap": -1}, "overfitting_gap -1 is no number of 0 or more"),
        ({"stability": 0}, "stability 0 is no share above 0, up to 1"),
        ({"stability": 1.5}, "stability 1.5 is no share"),
    ],
)
def test_mistake_in_a_guard_is_told(policy: dict[str, Any], told: str) -> None:
    (found,) = mistakes(pipeline_for("binary", promotion=Policy(**policy)))
    assert told in found
