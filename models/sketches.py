"""Sketches of numbers: what quantiles follow from, within a stated error, and which add up.

A number lies in the bucket ``i`` with ``G^(i-1) < |number| <= G^i``; how many lie in each is all that is kept. What
stands for a bucket is off by at most :data:`ERROR` of the true value, wherever it lies: ``G = (1 + e) / (1 - e)``.
Numbers below zero have buckets of their own, and so has zero. The buckets are the same everywhere, so sketches of parts
are merged by adding counts, in any order, and nothing in them is left to chance.

Of each sign at most :data:`BUCKETS_MAX` buckets are kept, those farthest from zero; what lies nearer to it is counted
in the last that is kept, and only for it the error is not promised any more. They span 17 orders of magnitude if
every one between them is used. The buckets that are kept are the same whether parts are cut before they are merged
or after: the farthest of the whole are among the farthest of each part.

Source
------
Masson, Rim and Lee, *DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees*, PVLDB 12
(2019); it collapses the buckets nearest to zero as here.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import accumulate, pairwise
from math import exp, log

import numpy
import numpy.typing as npt

from models.bins import Numbers
from schemas.examples import Sketch

#: A quantile is off by at most this share of its true value.
ERROR = 0.02

#: Buckets of one sign.
BUCKETS_MAX = 1024

_GROWTH = (1 + ERROR) / (1 - ERROR)
_PER_BUCKET = 1 / log(_GROWTH)

#: Bucket 0 has this place, so that a place of a number above zero is above zero, and the sign can tell the rest. The
#: logarithm of the smallest float is -745, 18,613 buckets below that of one.
_ONE = 20_000

#: More than twice the largest place: what keeps the rows of a table apart.
_ROW = 1 << 17

#: Of the largest float.
_POWER_MAX = log(sys.float_info.max)

_Places = npt.NDArray[numpy.int64]


def sketches(table: Numbers) -> list[Sketch]:
    """The sketch of each row of finite numbers.

    One sort of all rows together costs less than a dictionary for each.
    """
    sizes = numpy.abs(table)
    logs = numpy.log(sizes, out=numpy.full(table.shape, -_ONE / _PER_BUCKET), where=sizes > 0)
    places = numpy.ceil(logs * _PER_BUCKET).astype(numpy.int32)
    places += _ONE
    numpy.negative(places, out=places, where=table < 0)
    rows = numpy.arange(len(table), dtype=numpy.int32) * _ROW
    places = (places + rows[:, None]).ravel()
    places.sort()
    begins = numpy.flatnonzero(places[1:] != places[:-1])
    begins = numpy.concatenate([[0], begins + 1, [places.size]])
    kept, counts = places[begins[:-1]], begins[1:] - begins[:-1]
    firsts = numpy.searchsorted(kept, rows - _ROW // 2)
    steps = kept.copy()
    steps[1:] -= kept[:-1]
    steps[firsts] = kept[firsts] - rows
    all_steps, all_counts, ends = steps.tolist(), counts.tolist(), [*firsts.tolist(), len(kept)]
    return [_within(all_steps[first:end], all_counts[first:end]) for first, end in pairwise(ends)]


def _within(steps: list[int], counts: list[int]) -> Sketch:
    """As many buckets as may be kept."""
    if len(steps) <= BUCKETS_MAX:
        return Sketch(steps=steps, counts=counts)
    return _sketch(numpy.cumsum(steps), numpy.array(counts))


def _sketch(places: _Places, counts: _Places) -> Sketch:
    """Of ascending places, as many as may be kept."""
    if len(places) > BUCKETS_MAX:
        places, counts = _collapsed(places, counts)
    steps = places.copy()
    steps[1:] -= places[:-1]
    return Sketch(steps=steps.tolist(), counts=counts.tolist())


def _collapsed(places: _Places, counts: _Places) -> tuple[_Places, _Places]:
    zero, above = numpy.searchsorted(places, [0, 1]).tolist()
    low, low_counts = places[:zero], counts[:zero]
    high, high_counts = places[above:], counts[above:]
    if len(low) > BUCKETS_MAX:
        low = low[:BUCKETS_MAX]
        low_counts = numpy.append(low_counts[: BUCKETS_MAX - 1], low_counts[BUCKETS_MAX - 1 :].sum())
    if len(high) > BUCKETS_MAX:
        cut = len(high) - BUCKETS_MAX
        high = high[cut:]
        high_counts = numpy.append(high_counts[: cut + 1].sum(), high_counts[cut + 1 :])
    return (
        numpy.concatenate([low, places[zero:above], high]),
        numpy.concatenate([low_counts, counts[zero:above], high_counts]),
    )


def merge(one: Sketch, other: Sketch) -> Sketch:
    """The sketch of both parts, in whatever order they are merged."""
    added: dict[int, int] = {}
    for part in (one, other):
        for place, count in zip(accumulate(part.steps), part.counts, strict=True):
            added[place] = added.get(place, 0) + count
    places = sorted(added)
    steps = [place - before for before, place in pairwise([0, *places])]
    return _within(steps, [added[place] for place in places])


def quantiles(
    sketch: Sketch, shares: Sequence[float], minimum: float | None = None, maximum: float | None = None
) -> list[float]:
    """The values at these shares of the numbers in order, from 0, the least, to 1; none of an empty sketch.

    Parameters
    ----------
    minimum, maximum
        Between which the numbers are known to lie.
    """
    if not sketch.counts:
        return []
    places, until = numpy.cumsum(sketch.steps), numpy.cumsum(sketch.counts)
    ranks = [int(share * (int(until[-1]) - 1)) for share in shares]
    found = [_value(int(places[at])) for at in numpy.searchsorted(until, ranks, side="right")]
    low = found if minimum is None else [max(value, minimum) for value in found]
    return low if maximum is None else [min(value, maximum) for value in low]


def _value(place: int) -> float:
    """The number that stands for a bucket: nowhere in it is one farther off, in relation to its size."""
    if place == 0:
        return 0.0
    power = (abs(place) - _ONE) / _PER_BUCKET - log((1 + _GROWTH) / 2)
    size = exp(power) if power < _POWER_MAX else sys.float_info.max
    return size if place > 0 else -size
