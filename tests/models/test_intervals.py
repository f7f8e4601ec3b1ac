"""An interval holds at all times at once, and is no wider than it needs to be."""

from __future__ import annotations

import numpy as np
import pytest

from models.intervals import ALPHA, around, deviations, reach
from models.tails import Numbers

RUNS, LENGTH = 300, 2000


def looks(values: Numbers) -> list[tuple[float, float]]:
    """The interval after every tenth value."""
    spread = np.cumsum(deviations(values, np.ones(len(values)), 0.0, 0.0))
    total = np.cumsum(values)
    return [around(count, total[count - 1], spread[count - 1]) for count in range(10, len(values) + 1, 10)]


@pytest.mark.parametrize("mean", [0.02, 0.5])
def test_mean_of_coin_throws_is_seldom_ever_outside(mean: float) -> None:
    random = np.random.default_rng(1)
    runs = [looks((random.random(LENGTH) < mean).astype(float)) for _ in range(RUNS)]
    missed = sum(any(not low <= mean <= high for low, high in run) for run in runs)
    assert missed / RUNS <= ALPHA


def test_mean_that_moves_is_covered_as_the_mean_so_far() -> None:
    random = np.random.default_rng(2)
    chances = 0.5 + 0.4 * np.sin(np.arange(LENGTH) / 100)
    so_far = (np.cumsum(chances) / np.arange(1, LENGTH + 1))[9::10]
    missed = 0
    for _ in range(RUNS):
        run = looks((random.random(LENGTH) < chances).astype(float))
        missed += any(not low <= mean <= high for (low, high), mean in zip(run, so_far, strict=True))
    assert missed / RUNS <= ALPHA


def test_it_costs_at_most_twice_the_width_of_an_interval_for_one_look() -> None:
    values = (np.random.default_rng(3).random(LENGTH) < 0.3).astype(float)
    low, high = looks(values)[-1]
    assert (high - low) / 2 < 2.1 * 1.96 * np.sqrt(0.3 * 0.7 / LENGTH)


def test_values_that_hardly_vary_have_a_narrow_interval() -> None:
    low, high = looks(np.full(LENGTH, 0.3))[-1]
    assert high - low < 0.015


def test_correction_widens_it_and_moves_it() -> None:
    values = np.array([0.0] * 100 + [0.0, 1.0])
    weights = np.array([1.0] * 100 + [-1.0, 1.0])
    spread = deviations(values, weights, 0.0, 0.0)
    assert spread[100] == 1.0
    assert around(100, 1.0, spread.sum())[1] > around(100, 0.0, spread[:100].sum())[1]


@pytest.mark.parametrize("cut", [1, 57, 199])
def test_it_is_the_same_however_the_values_are_cut(cut: int) -> None:
    values = np.random.default_rng(4).random(200)
    ones = np.ones(200)
    total = float(np.cumsum(values[:cut])[-1])
    parts = [deviations(values[:cut], ones[:cut], 0.0, 0.0), deviations(values[cut:], ones[cut:], float(cut), total)]
    assert np.concatenate(parts).tolist() == deviations(values, ones, 0.0, 0.0).tolist()


def test_reach_grows_with_the_deviations_and_is_finite() -> None:
    reaches = [reach(deviation) for deviation in (0.0, 1.0, 1e3, 1e6, 1e12)]
    assert reaches == sorted(reaches)
    assert all(np.isfinite(reaches))
