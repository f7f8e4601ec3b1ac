"""Bins hold about equal shares of what they were made of, and a place for everything else."""

from __future__ import annotations

import random
from collections import Counter

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.bins import (
    CATEGORIES_MAX,
    PROBABILITIES,
    PROBABILITY_BINS,
    QUANTILES,
    category_bins,
    number_bins,
)

finite = st.floats(allow_nan=False, allow_infinity=False)


def counts(values: list[float], reference: list[float]) -> list[int]:
    return number_bins(reference).count(numpy.array(values, dtype=float))


def test_bins_of_a_smooth_feature_have_equal_mass() -> None:
    chance = random.Random(1)
    values = [chance.gauss(0, 1) for _ in range(1600)]

    assert len(number_bins(values)) == QUANTILES
    assert counts(values, values) == [100] * QUANTILES


def test_a_constant_feature_has_bins_for_below_equal_and_above() -> None:
    assert counts([1.0, 7.0, 7.0, 7.5, 9.0], [7.0] * 50) == [1, 2, 2]


def test_few_values_have_a_bin_each() -> None:
    assert counts([False, True, True, True], [True, False]) == [0, 1, 3, 0]
    assert counts([0, 1, 2, 3, 3, 4, 99], [1, 2, 3, 3, 3]) == [1, 1, 1, 2, 2]


def test_a_value_that_is_most_of_them_does_not_share_its_bin_with_what_lies_below() -> None:
    reference = [0.0] * 700 + [float(number) for number in range(1, 301)]

    found = counts([-1.0, 0.0, 0.0], reference)

    assert found[:2] == [1, 2]


def test_the_highest_value_is_not_what_lies_above_it() -> None:
    reference = [float(number) for number in range(1, 301)] + [500.0] * 700

    found = counts([500.0, 500.0, 501.0], reference)

    assert found[-2:] == [2, 1]


@given(st.lists(finite, min_size=1, max_size=200), st.lists(finite, max_size=50))
def test_every_number_lies_in_one_bin(reference: list[float], values: list[float]) -> None:
    bins = number_bins(reference)

    assert list(bins.edges) == sorted(set(bins.edges))
    assert len(bins) <= QUANTILES + 2
    found = bins.count(numpy.array(values, dtype=float))
    assert len(found) == len(bins)
    assert sum(found) == len(values)


@given(st.lists(finite, min_size=1, max_size=100))
def test_bins_do_not_depend_on_the_order_of_the_values(reference: list[float]) -> None:
    assert number_bins(reference) == number_bins(reference[::-1])


def test_rare_categories_share_the_last_bin() -> None:
    seen = Counter({f"c{number:02}": 100 - number for number in range(30)})

    bins = category_bins(seen)

    assert bins.categories == tuple(f"c{number:02}" for number in range(CATEGORIES_MAX))
    assert len(bins) == CATEGORIES_MAX + 1
    assert bins.count(Counter({"c00": 3, "c25": 2, "never seen": 1}), others=1) == [3, *[0] * 19, 4]


def test_among_equally_frequent_categories_the_names_decide() -> None:
    assert category_bins(Counter("bca")).categories == ("a", "b", "c")


def test_probabilities_have_equal_bins_from_0_to_1() -> None:
    found = PROBABILITY_BINS.count(numpy.array([0.0, 0.049, 0.05, 0.5, 0.999, 1.0]))

    assert len(PROBABILITY_BINS) == PROBABILITIES
    assert (found[0], found[1], found[10], found[-1]) == (2, 1, 1, 2)
    assert sum(found) == pytest.approx(6)
