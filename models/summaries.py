"""Mergeable summaries of columns of values: counts, moments, extremes, categories, bins, quantiles."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from operator import add

import numpy
from msgspec import structs

from models import sketches
from models.bins import Bins, CategoryBins, NumberBins, Numbers, most_frequent
from models.letters import letters, written
from schemas.examples import FieldSummary, Sketch
from schemas.values import FeatureValue

Column = list[FeatureValue]
Columns = dict[str, Column]

_NUMBERS = {float, int, bool}
_LARGEST = sys.float_info.max


def summarise(columns: Mapping[str, Sequence[FeatureValue]], bins: Mapping[str, Bins]) -> dict[str, FieldSummary]:
    """One summary of each column; where there are no bins for it, none are counted.

    The cost lies in numpy's calls, so columns of equal length that hold numbers alone are summarised together.

    Parameters
    ----------
    columns
        Values by feature or score, ``None`` where one is missing.
    bins
        By the same names.
    """
    found: dict[str, FieldSummary] = {}
    likely: dict[int, list[str]] = {}
    for name, column in columns.items():
        if column and type(column[0]) in _NUMBERS:
            likely.setdefault(len(column), []).append(name)
        else:
            found[name] = _mixed(column, bins.get(name))
    for names in likely.values():
        # To look at every type first would take longer than all the counting.
        table = _table(names, columns)
        if table is None:
            sure = [name for name in names if _NUMBERS.issuperset(map(type, columns[name]))]
            found.update({name: _mixed(columns[name], bins.get(name)) for name in names if name not in sure})
            table, names = _table(sure, columns), sure
        if table is not None and names:
            _numeric(names, table, bins, found)
    return {name: found[name] for name in columns}


def _table(names: Sequence[str], columns: Mapping[str, Sequence[FeatureValue]]) -> Numbers | None:
    """A row for each column; ``None`` if not all of it are numbers."""
    # The type is left to numpy to find out: it would take a text that says a number, and None, for numbers.
    table = numpy.array([columns[name] for name in names])
    return table.astype(numpy.float64) if table.dtype.kind in "fib" else None


def _numeric(
    names: Sequence[str], table: Numbers, bins: Mapping[str, Bins], found: dict[str, FieldSummary], missing: int = 0
) -> None:
    lowest, highest = table.min(axis=1).tolist(), table.max(axis=1).tolist()
    # The square of a large number is infinite, which JSON can't say.
    with numpy.errstate(over="ignore", invalid="ignore"):
        totals = table.sum(axis=1).clip(-_LARGEST, _LARGEST).tolist()
        squares = numpy.einsum("ij,ij->i", table, table).clip(0.0, _LARGEST).tolist()
    drawn = sketches.sketches(table)
    for place, name in enumerate(names):
        ruler = bins.get(name)
        counts: list[int] = []
        order = ""
        if isinstance(ruler, NumberBins):
            places = ruler.places(table[place])
            counts, order = numpy.bincount(places, minlength=len(ruler)).tolist(), letters(places)
        elif ruler is not None:
            counts = ruler.count(Counter(), table.shape[1])
            order = letters(numpy.full(table.shape[1], len(ruler) - 1))
        found[name] = FieldSummary(
            count=table.shape[1],
            missing=missing,
            total=totals[place],
            squares=squares[place],
            minimum=lowest[place],
            maximum=highest[place],
            bins=counts,
            sketch=drawn[place],
            order=order,
        )


def _mixed(column: Sequence[FeatureValue], ruler: Bins | None) -> FieldSummary:
    """The summary of a column that holds more than numbers."""
    texts = Counter(value for value in column if isinstance(value, str))
    numbers = [value for value in column if type(value) in _NUMBERS]
    there = texts.total() + len(numbers)
    missing = len(column) - there
    order = written(column, ruler) if ruler else ""
    summary = FieldSummary(count=0, missing=missing, bins=[0] * len(ruler) if ruler else [], order=order)
    if numbers:
        found: dict[str, FieldSummary] = {}
        _numeric([""], numpy.array([numbers], dtype=numpy.float64), {"": ruler} if ruler else {}, found, missing)
        summary = structs.replace(found[""], order=order)
    if not texts:
        return summary
    counts = ruler.count(texts, len(numbers)) if isinstance(ruler, CategoryBins) else summary.bins
    return FieldSummary(
        count=there,
        missing=missing,
        total=summary.total,
        squares=summary.squares,
        minimum=summary.minimum,
        maximum=summary.maximum,
        categories=dict(most_frequent(texts)),
        bins=counts,
        sketch=summary.sketch,
        order=order,
    )


def merge(one: FieldSummary, other: FieldSummary, *, sketched: bool = True) -> FieldSummary:
    """The summary of both parts, in whatever order they are merged (moments to within rounding).

    Bins of different references do not add up: there are none then.

    Parameters
    ----------
    sketched
        Whether quantiles are wanted, which cost more than all the rest.
    """
    bins = list(map(add, one.bins, other.bins)) if len(one.bins) == len(other.bins) else []
    categories: dict[str, int] = {}
    if one.categories or other.categories:
        categories = dict(sorted((Counter(one.categories) + Counter(other.categories)).items()))
    return FieldSummary(
        count=one.count + other.count,
        missing=one.missing + other.missing,
        total=_within(one.total + other.total),
        squares=_within(one.squares + other.squares),
        minimum=_outer(min, one.minimum, other.minimum),
        maximum=_outer(max, one.maximum, other.maximum),
        categories=categories,
        bins=bins,
        sketch=_sketch(one, other) if sketched else None,
    )


def _sketch(one: FieldSummary, other: FieldSummary) -> Sketch | None:
    """Of both parts; none where a part has numbers and no sketch, as in profiles written before there were any."""
    parts = [part for part in (one, other) if part.minimum is not None]
    drawn = [part.sketch for part in parts if part.sketch is not None]
    if not drawn or len(drawn) < len(parts):
        return None
    return drawn[0] if len(drawn) == 1 else sketches.merge(*drawn)


def quantiles(summary: FieldSummary, shares: Sequence[float]) -> list[float] | None:
    """The values at these shares of the numbers in order, within :data:`models.sketches.ERROR`; ``None`` without."""
    if summary.sketch is None:
        return None
    return sketches.quantiles(summary.sketch, shares, summary.minimum, summary.maximum)


def mean(summary: FieldSummary) -> float | None:
    """The mean of the numbers; ``None`` where there are none."""
    numbers = numbers_in(summary)
    return summary.total / numbers if numbers and summary.minimum is not None else None


def deviation(summary: FieldSummary) -> float | None:
    """The standard deviation of the numbers; ``None`` where there are none."""
    average = mean(summary)
    if average is None:
        return None
    spread = summary.squares / numbers_in(summary) - average * average
    return float(max(spread, 0.0) ** 0.5) if spread == spread else None


def numbers_in(summary: FieldSummary) -> int:
    """How many of the values are numbers, where a column holds numbers alone; 0 where it holds texts too."""
    return 0 if summary.categories else summary.count


def _outer(choose: Callable[[float, float], float], one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return other if one is None else one
    return choose(one, other)


def _within(value: float) -> float:
    return min(max(value, -_LARGEST), _LARGEST)
