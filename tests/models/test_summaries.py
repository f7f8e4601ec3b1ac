"""Summaries of parts add up to the summary of the whole."""

from __future__ import annotations

import math
from collections import Counter
from statistics import mean as exact_mean
from statistics import pstdev
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from models.bins import Bins, category_bins, number_bins
from models.letters import ranks, read
from models.summaries import deviation, mean, merge, summarise
from schemas.codec import decode, encode
from schemas.examples import FieldSummary
from schemas.values import FeatureValue

# Quarters of whole numbers add up exactly, so that order can't matter.
numbers = st.integers(-4000, 4000).map(lambda quarters: quarters / 4)
words = st.sampled_from(["red", "green", "blue", "12", ""])
columns = st.one_of(
    st.lists(st.one_of(numbers, st.none()), min_size=1, max_size=40),
    st.lists(st.one_of(words, st.none()), min_size=1, max_size=40),
    st.lists(st.one_of(numbers, words, st.booleans(), st.none()), min_size=1, max_size=40),
)
RULERS: list[Bins | None] = [
    None,
    number_bins([-100.0, -1.0, 0.0, 0.0, 5.0, 300.0]),
    category_bins(Counter(["red", "red", "blue"])),
]
rulers = st.sampled_from(RULERS)


def summary_of(column: list[FeatureValue], ruler: Bins | None = None) -> FieldSummary:
    return summarise({"x": column}, {"x": ruler} if ruler else {})["x"]


@given(columns, columns, rulers)
def test_the_merged_summaries_of_two_parts_are_that_of_the_whole(one: Any, other: Any, ruler: Bins | None) -> None:
    merged = merge(summary_of(one, ruler), summary_of(other, ruler))
    whole = summary_of(one + other, ruler)

    assert merged == structs.replace(whole, order="")


@given(columns, rulers)
def test_the_order_says_of_each_value_in_which_bin_it_is(column: Any, ruler: Bins | None) -> None:
    summary = summary_of(column, ruler)

    assert len(summary.order) == (len(column) if ruler else 0)
    if ruler is None:
        return
    found = read(summary.order)
    assert (found == 0).tolist() == [value is None for value in column]
    assert np.bincount(found[found > 0] - 1, minlength=len(ruler)).tolist() == summary.bins
    assert ranks(column, ruler).tolist() == found.tolist()
    for value, rank in zip(column, found.tolist(), strict=True):
        alone = summary_of([value], ruler)
        assert alone.bins == [int(rank == place + 1) for place in range(len(ruler))]


@given(columns, columns, columns, rulers, rulers)
def test_the_order_of_merging_does_not_matter(one: Any, two: Any, three: Any, ruler: Any, another: Any) -> None:
    a, b, c = summary_of(one, ruler), summary_of(two, ruler), summary_of(three, another)

    assert merge(a, b) == merge(b, a)
    assert merge(merge(a, b), c) == merge(a, merge(b, c)) == merge(merge(a, c), b)


@given(columns, rulers)
def test_what_is_counted_is_what_is_there(column: Any, ruler: Bins | None) -> None:
    summary = summary_of(column, ruler)
    there = [value for value in column if value is not None]
    seen = [float(value) for value in there if not isinstance(value, str)]

    assert (summary.count, summary.missing) == (len(there), len(column) - len(there))
    assert summary.categories == Counter(value for value in there if isinstance(value, str))
    assert summary.total == sum(seen)
    assert summary.squares == sum(value * value for value in seen)
    assert (summary.minimum, summary.maximum) == (min(seen, default=None), max(seen, default=None))
    assert len(summary.bins) == (len(ruler) if ruler else 0)
    assert sum(summary.bins) <= summary.count


@given(st.lists(numbers, min_size=1, max_size=40))
def test_mean_and_deviation_follow_from_the_summary(values: list[float]) -> None:
    summary = summary_of(list(values))

    assert mean(summary) == pytest.approx(exact_mean(values))
    assert deviation(summary) == pytest.approx(pstdev(values), abs=1e-4)


def test_categories_have_neither_mean_nor_deviation() -> None:
    summary = summary_of(["red", "blue"])

    assert mean(summary) is None
    assert deviation(summary) is None


def test_columns_are_summarised_alike_together_and_alone() -> None:
    together: dict[str, Any] = {
        "a": [1.0, 2.5],
        "gap": [1.0, None],
        "late": [3],
        "word": ["12", "x"],
        "flag": [True, False],
    }
    bins = {name: RULERS[1] for name in together if name != "word"}

    found = summarise(together, {name: ruler for name, ruler in bins.items() if ruler})

    assert list(found) == list(together)
    assert found == {name: summary_of(column, bins.get(name)) for name, column in together.items()}


def test_numbers_whose_squares_no_float_can_hold_survive_json() -> None:
    summary = summary_of([1e300, -1e300, 1e308, 1e308, 1e308])
    merged = merge(summary, summary)

    for one in (summary, merged):
        assert math.isfinite(one.squares)
        assert math.isfinite(one.total)
        assert decode(FieldSummary, encode(one)) == one
