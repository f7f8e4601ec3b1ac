"""Quantiles of a sketch are as near as is said, and sketches of parts are the sketch of the whole."""

from __future__ import annotations

import math
import random
from functools import reduce

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.sketches import BUCKETS_MAX, ERROR, merge, quantiles, sketches
from models.summaries import merge as merge_summaries
from models.summaries import quantiles as quantiles_of
from models.summaries import summarise
from schemas.codec import decode, encode
from schemas.examples import FieldSummary, Sketch

# The smallest floats have hardly any digits, so none is near them.
normal = st.one_of(st.just(0.0), st.floats(1e-300, 1.79e308), st.floats(-1.79e308, -1e-300))
usual = st.integers(-100_000, 100_000).map(float)
columns = st.lists(st.one_of(normal, usual), min_size=1, max_size=60)
shares = st.floats(0.0, 1.0)


def sketch(values: list[float]) -> Sketch:
    (made,) = sketches(numpy.array([values], dtype=numpy.float64))
    return made


def exact(values: list[float], share: float) -> float:
    return sorted(values)[int(share * (len(values) - 1))]


@given(columns, shares)
def test_a_quantile_is_as_near_as_is_said(values: list[float], share: float) -> None:
    (found,) = quantiles(sketch(values), [share])

    assert found == pytest.approx(exact(values, share), rel=ERROR * (1 + 1e-9))


@given(st.sampled_from([random.Random(1).gauss, random.Random(2).lognormvariate, random.Random(3).uniform]))
def test_the_bound_holds_for_many_values_of_any_shape(draw: object) -> None:
    values = [draw(0.0, 3.0) for _ in range(3000)]  # type: ignore[operator]

    for share in (0.0, 0.001, 0.01, 0.25, 0.5, 0.75, 0.99, 0.999, 1.0):
        (found,) = quantiles(sketch(values), [share])
        assert found == pytest.approx(exact(values, share), rel=ERROR * (1 + 1e-9))


@given(columns, columns)
def test_the_merged_sketches_of_two_parts_are_that_of_the_whole(one: list[float], other: list[float]) -> None:
    assert merge(sketch(one), sketch(other)) == sketch(one + other)


@given(columns, columns, columns)
def test_the_order_of_merging_does_not_matter(one: list[float], two: list[float], three: list[float]) -> None:
    a, b, c = sketch(one), sketch(two), sketch(three)

    assert merge(a, b) == merge(b, a)
    assert merge(merge(a, b), c) == merge(a, merge(b, c)) == merge(merge(a, c), b)


@given(st.lists(st.lists(usual, min_size=7, max_size=7), min_size=1, max_size=5))
def test_rows_are_sketched_alike_together_and_alone(table: list[list[float]]) -> None:
    assert sketches(numpy.array(table)) == [sketch(row) for row in table]


def test_a_sketch_is_bounded_and_keeps_what_is_farthest_from_zero() -> None:
    growth = (1 + ERROR) / (1 - ERROR)
    ladder = [growth**step for step in range(-5000, 5000)]
    values = [*ladder, 0.0, *(-value for value in ladder)]
    shuffled = random.Random(4).sample(values, len(values))
    parts = [sketch(shuffled[place::7]) for place in range(7)]

    whole = reduce(merge, parts)

    assert whole == sketch(values)
    assert len(whole.counts) <= 2 * BUCKETS_MAX + 1
    assert sum(whole.counts) == len(values)
    for share in (0.0, 0.01, 0.05, 0.95, 0.99, 1.0):
        assert quantiles(whole, [share])[0] == pytest.approx(exact(values, share), rel=ERROR * (1 + 1e-9))


def test_the_extremes_bound_a_quantile() -> None:
    made = sketch([3.0, 3.0, 3.0])

    assert quantiles(made, [0.5]) != [3.0]
    assert quantiles(made, [0.0, 0.5, 1.0], 3.0, 3.0) == [3.0, 3.0, 3.0]


def test_nothing_has_no_quantiles() -> None:
    assert quantiles(Sketch(steps=[], counts=[]), [0.5]) == []
    assert quantiles_of(FieldSummary(count=0), [0.5]) is None


@given(columns)
def test_a_sketch_survives_json(values: list[float]) -> None:
    assert decode(Sketch, encode(sketch(values))) == sketch(values)


def test_numbers_beside_gaps_and_texts_have_quantiles_of_their_own() -> None:
    summary = summarise({"x": [None, 3, "three", True, 5.0]}, {})["x"]

    assert quantiles_of(summary, [0.0, 0.5, 1.0]) == pytest.approx([1.0, 3.0, 5.0], rel=ERROR)


def test_a_part_from_before_there_were_sketches_leaves_the_whole_without() -> None:
    new = summarise({"x": [1.0, 2.0]}, {})["x"]
    old = FieldSummary(count=2, total=3.0, squares=5.0, minimum=1.0, maximum=2.0)
    gaps = summarise({"x": [None, None]}, {})["x"]

    assert merge_summaries(new, old).sketch is None
    assert merge_summaries(merge_summaries(new, old), new).sketch is None
    assert merge_summaries(new, gaps).sketch == new.sketch


def test_half_of_the_largest_numbers_is_finite() -> None:
    (found,) = quantiles(sketch([1.7976931348623157e308] * 3), [0.5])

    assert math.isfinite(found)
