"""Before labels come, quality is guessed from calibrated scores; and the guess says what it is worth."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.bins import PROBABILITY_BINS
from models.estimates import LABELS_MIN, calibrate, estimate, estimate_binned, isotonic
from models.tails import Numbers


def drawn(count: int, seed: int, sharpen: float = 1.0) -> tuple[Numbers, Numbers]:
    """Scores that are too sure (``sharpen`` above 1), and what was true."""
    random = np.random.default_rng(seed)
    chances = random.random(count)
    odds = (chances / (1 - chances)) ** sharpen
    return odds / (1 + odds), (random.random(count) < chances).astype(float)


def true_quality(scores: Numbers, truths: Numbers) -> dict[str, float]:
    clamped = np.clip(scores, 1e-15, 1 - 1e-15)
    loss = -np.where(truths > 0, np.log(clamped), np.log(1 - clamped)).mean()
    return {"LogLoss": float(loss), "Accuracy": float(((scores > 0.5) == truths).mean())}


@pytest.mark.parametrize("sharpen", [1.0, 2.0], ids=["calibrated", "too sure"])
def test_expected_quality_is_near_the_quality_that_shows_later(sharpen: float) -> None:
    labelled = np.column_stack(drawn(5000, 1, sharpen))
    scores, truths = drawn(20_000, 2, sharpen)
    guess, truth = estimate("binary", labelled, scores), true_quality(scores, truths)
    assert guess["Accuracy"] == pytest.approx(truth["Accuracy"], abs=0.015)
    assert guess["LogLoss"] == pytest.approx(truth["LogLoss"], abs=0.05)


def test_shift_of_what_comes_is_seen_without_labels() -> None:
    labelled = np.column_stack(drawn(5000, 1))
    scores, truths = drawn(20_000, 2)
    hard = np.abs(scores - 0.5) < 0.2
    guess, truth = estimate("binary", labelled, scores[hard]), true_quality(scores[hard], truths[hard])
    assert guess["Accuracy"] == pytest.approx(truth["Accuracy"], abs=0.03)
    assert guess["Accuracy"] < estimate("binary", labelled, scores)["Accuracy"] - 0.1


def test_concept_drift_is_not_seen() -> None:
    labelled = np.column_stack(drawn(5000, 1))
    scores, truths = drawn(20_000, 2)
    assert estimate("binary", labelled, scores)["Accuracy"] > 0.7
    assert true_quality(scores, 1 - truths)["Accuracy"] < 0.3


def test_counts_of_profiles_give_the_same_as_the_scores() -> None:
    labelled = np.column_stack(drawn(5000, 1))
    scores, _ = drawn(20_000, 2)
    binned = estimate_binned("binary", labelled, PROBABILITY_BINS.edges, PROBABILITY_BINS.count(scores))
    each = estimate("binary", labelled, scores)
    assert binned["Accuracy"] == pytest.approx(each["Accuracy"], abs=0.02)
    assert binned["LogLoss"] == pytest.approx(each["LogLoss"], abs=0.03)


def test_for_many_classes_accuracy_is_expected_from_how_sure_the_model_was() -> None:
    confident = np.column_stack((np.repeat([0.4, 0.9], 500), np.tile([1.0, 0.0, 1.0, 1.0], 250)))
    assert estimate("multiclass", confident, np.array([0.9])).keys() == {"Accuracy"}


@pytest.mark.parametrize(
    ("problem", "labels", "scores"),
    [("regression", 1000, 10), ("binary", LABELS_MIN - 1, 10), ("binary", 1000, 0)],
)
def test_there_is_none_where_it_would_mean_nothing(problem: str, labels: int, scores: int) -> None:
    assert estimate(problem, np.full((labels, 2), 0.5), np.full(scores, 0.5)) == {}  # type: ignore[arg-type]


def test_all_scores_alike_are_one_bin() -> None:
    labelled = np.column_stack((np.full(400, 0.3), np.tile([1.0, 0.0], 200)))
    guess = estimate("binary", labelled, np.array([0.3]))
    assert guess == pytest.approx({"Accuracy": 0.5, "LogLoss": -(math.log(0.3) + math.log(0.7)) / 2})


def test_rates_never_fall_and_keep_their_mean() -> None:
    rates, weights = np.array([0.2, 0.1, 0.5, 0.4, 0.9]), np.array([1.0, 3.0, 2.0, 2.0, 1.0])
    pooled = isotonic(rates, weights)
    assert pooled.tolist() == pytest.approx([0.125, 0.125, 0.45, 0.45, 0.9])
    assert (pooled * weights).sum() == pytest.approx((rates * weights).sum())


def test_bin_without_labels_takes_its_neighbour_s() -> None:
    rates = calibrate(np.array([0.1, 0.9]), np.array([0.0, 1.0]), np.array([0.25, 0.5, 0.75]), rising=True)
    assert rates.tolist() == [0.0, 0.0, 0.0, 1.0]
