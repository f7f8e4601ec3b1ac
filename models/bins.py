"""Bins fixed once and counted for ever after: what makes windows of values comparable, and their counts add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf, nextafter

import numpy
import numpy.typing as npt

from schemas.values import FeatureValue

#: Bins of equal mass for a numeric feature; one with at most so many values has a bin for each of them.
QUANTILES = 16

#: Categories with a bin of their own; all others share the last one.
CATEGORIES_MAX = 20

#: Equal bins of a probability.
PROBABILITIES = 20

Numbers = npt.NDArray[numpy.float64]
Places = npt.NDArray[numpy.int64]


@dataclass(frozen=True)
class NumberBins:
    """Bins of numbers: bin ``i`` holds values from ``edges[i - 1]`` on to below ``edges[i]``, the outer ones the rest.

    Parameters
    ----------
    edges
        Ascending, all different.
    """

    edges: tuple[float, ...]

    @cached_property
    def _edges(self) -> Numbers:
        return numpy.array(self.edges, dtype=numpy.float64)

    def __len__(self) -> int:
        return len(self.edges) + 1

    def places(self, values: Numbers) -> Places:
        """The bin of each value."""
        return self._edges.searchsorted(values, side="right")

    def count(self, values: Numbers) -> list[int]:
        """How many of the values lie in each bin."""
        counts: list[int] = numpy.bincount(self.places(values), minlength=len(self)).tolist()
        return counts


@dataclass(frozen=True)
class CategoryBins:
    """Bins of categories: one for each of these, the last for all others.

    Parameters
    ----------
    categories
        The most frequent first.
    """

    categories: tuple[str, ...]

    @cached_property
    def _places(self) -> dict[FeatureValue, int]:
        return {category: place for place, category in enumerate(self.categories)}

    def __len__(self) -> int:
        return len(self.categories) + 1

    def places(self, values: Iterable[FeatureValue]) -> list[int]:
        """The bin of each value; what is no text is in the last."""
        places, last = self._places, len(self.categories)
        return [places.get(value, last) for value in values]

    def count(self, counts: Counter[str], others: int = 0) -> list[int]:
        """How many values lie in each bin, of counted texts and ``others`` that are no texts."""
        known = [counts[category] for category in self.categories]
        return [*known, counts.total() - sum(known) + others]


Bins = NumberBins | CategoryBins

#: Of every probability, whatever has been seen of it.
PROBABILITY_BINS = NumberBins(tuple(place / PROBABILITIES for place in range(1, PROBABILITIES)))


def number_bins(values: Sequence[float]) -> NumberBins:
    """Bins that hold about as many of these values each; a value that is most of them has one of its own.

    >>> number_bins([3.0, 3.0]).count(numpy.array([2.0, 3.0, 3.0, 4.0]))
    [1, 2, 1]

    Parameters
    ----------
    values
        At least one. At most :data:`QUANTILES` different ones have a bin each, with one below and one above.
    """
    ordered = sorted(map(float, values))
    edges = sorted(set(ordered))
    if len(edges) > QUANTILES:
        count = len(ordered)
        edges = sorted({ordered[place * count // QUANTILES] for place in range(1, QUANTILES)})
    if edges[-1] == ordered[-1]:
        # The highest value is not what lies above it.
        edges.append(nextafter(edges[-1], inf))
    return NumberBins(tuple(edge for edge in edges if edge < inf))


def category_bins(counts: Counter[str]) -> CategoryBins:
    """A bin for each of the most frequent categories."""
    return CategoryBins(tuple(name for name, _ in most_frequent(counts)))


def most_frequent(counts: Counter[str]) -> list[tuple[str, int]]:
    """At most :data:`CATEGORIES_MAX` categories with their counts; among equals the first by name."""
    return sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:CATEGORIES_MAX]
