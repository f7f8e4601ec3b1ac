"""Conformal p-values of values in bins: how far up each one is among all those before it and itself.

Of the values of a stream so far, the one that came last is as likely to be any of them, if their order is chance. Let
``C`` be the counts on fixed, ordered bins, the new value among them, and ``b`` its bin. Then

``p = (C[below b] + U · C[b]) / N``, with ``U`` uniform,

is uniform, and independent of all the p-values before it: exactly, at every sample size, whatever the distribution.
Nothing is estimated. (A fixed reference of ``n`` values makes p-values uniform only to about ``1/sqrt(n)``, and a bet
finds that in the long run; so the counts grow.)

Assumptions
-----------
1. **Exchangeable**: the joint distribution of the values does not change when their order does. Independent values of
   one distribution are. Autocorrelated ones are not; what is done about it is in :mod:`models.blocks`.
2. **Bins fixed before**: they may follow from the reference, whose values are never counted here.
3. **By partition**: ranks are taken among values of the same partition. Partitions may differ from each other (a key
   may well say something about its events), and need to be exchangeable only within themselves. This is the Mondrian
   form. It is also how values are ranked within **classes** (labels among those with a like score).

Values are ranked in the order in which they came. Where only counts are known (older profiles, blocks), any order that
is drawn by chance, apart from the data, is as good under assumption 1, so they are put in one that follows from their
position.

Source: Vovk, Gammerman and Shafer, *Algorithmic Learning in a Random World* (2005), theorem 8.1 for independence,
section 4.5 for the Mondrian form.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.bets import CELLS, Counts, cells_at

Codes = npt.NDArray[np.int32]

#: Values that are compared with each other, pair by pair: few enough that this costs less than counting.
RUN = 16

_NOT_LATER = np.tri(RUN, dtype=np.bool_)[:, :, None, None]


class Places:
    """Where the bins of each stream lie in one long row: stream by stream, class by class.

    Parameters
    ----------
    shapes
        Classes and bins of each stream.
    classed
        How many of them are ranked within classes: the first ones, which are of one shape.
    """

    def __init__(self, shapes: Sequence[tuple[int, int]], classed: int = 0) -> None:
        sizes = [classes * bins for classes, bins in shapes]
        widths = np.array([bins for classes, bins in shapes for _ in range(classes)])
        self.shapes, self.classed = tuple(shapes), classed
        #: First place of each stream, and first class of each.
        self.streams = np.cumsum([0, *sizes[:-1]])
        self.classes = np.cumsum([0, *(classes for classes, _ in shapes[:-1])])
        #: Stream of each place.
        self.stream = np.repeat(np.arange(len(shapes)), sizes)
        # Of each place: its class, and the first place of this one and of the next. A last one is for no value.
        self.row = np.append(np.repeat(np.arange(len(widths)), widths), len(widths))
        ends = np.append(np.cumsum(widths), sum(sizes) + 1)
        self.end = ends[self.row]
        self.start = np.append(np.repeat(np.cumsum(widths) - widths, widths), sum(sizes))

    @property
    def size(self) -> int:
        """Bins in all."""
        return len(self.stream)

    @property
    def rows(self) -> int:
        """Classes of all streams."""
        return int(self.row[-1])


class Ordered(NamedTuple):
    """Values in the order in which they came: places ``[stream, value]``; the last place is for no value."""

    codes: Codes
    places: Places

    def counts(self) -> Counts:
        """One long row of counts."""
        counted: Counts = np.bincount(self.codes.ravel(), minlength=self.places.size + 1)[:-1]
        return counted

    def given(self) -> Counts:
        """Counts ``[stream, class, bin]`` of those streams whose values are ranked within classes."""
        (classes, bins), streams = self.places.shapes[0], self.places.classed
        return self.counts()[: streams * classes * bins].reshape(streams, classes, bins)


def drawn(window: Counts, places: Places, generator: np.random.Generator) -> Ordered:
    """Values of which only the counts are known, one long row, in an order drawn by chance."""
    sizes = np.add.reduceat(window, places.streams)
    length = int(sizes.max())
    values = np.full((len(sizes), length), places.size, np.int32)
    values[np.arange(length) < sizes[:, None]] = np.repeat(np.arange(places.size, dtype=np.int32), window)
    return Ordered(generator.permuted(values, axis=1), places)


def cells_of(base: Counts, ordered: Ordered, generator: np.random.Generator) -> Counts:
    """The p-value of each value of one window, as one of the cells of [0, 1].

    Parameters
    ----------
    base
        Counts of all values of the partition before it, one long row.
    ordered
        The values.
    generator
        Draws the ``U``.

    Returns
    -------
    ``[stream, value]``
        Class times :data:`models.bets.CELLS`, plus the cell; filled up to full runs of :data:`RUN`. What is no value
        has a class of its own, behind all others.
    """
    codes, places = ordered
    streams, length = codes.shape
    runs = -(-length // RUN)
    full = np.full((streams, runs * RUN), places.size, np.int32)
    full[:, :length] = codes
    values = np.ascontiguousarray(full.reshape(streams * runs, RUN).T).reshape(RUN, streams, runs)
    lower, same, total = _ranks(base, values, places)
    ranks = lower + generator.random(values.shape, dtype=np.float32) * same
    cells = cells_at(ranks / total)
    cells += places.row.take(values) * CELLS
    return cells.reshape(RUN, -1).T.reshape(streams, -1)


def _ranks(base: Counts, values: Codes, places: Places) -> tuple[Counts, Counts, Counts]:
    """Of each value, how many by then were in lower bins of its class, in its own, and in any.

    All are ``[value, stream, run]``. What came before the run is read off from counts, and all pairs within it are
    compared.
    """
    runs = values.shape[2]
    width = places.size + 2
    at = np.arange(runs) * width
    here = values + at
    before = np.zeros((runs + 1, width), np.int64)
    before[0, : places.size] = base
    before[1:] = np.bincount(here.ravel(), minlength=runs * width).reshape(runs, width)
    before[:, places.size :] = 0
    below = np.zeros((runs + 1) * width + 1, np.int64)
    np.cumsum(np.cumsum(before, axis=0), out=below[1:])
    lower = below.take(here)
    same = below.take(here + 1) - lower
    # Narrow numbers are compared many at once.
    narrow: Codes = values.astype(np.uint8 if places.size < 2**8 else np.int16 if places.size < 2**15 else np.int32)
    if places.classed:
        start, end = places.start.take(values), places.end.take(values)
        row = places.row.take(values).astype(np.int16)
        within = (row == row[:, None]) & _NOT_LATER
        count: Counts = _count(within)
    else:
        # All values of a stream start and end in the same place.
        start, end = places.streams[:, None], np.append(places.streams[1:], places.size)[:, None]
        within = _NOT_LATER
        count = np.cumsum(values < places.size, axis=0)
    first = below.take(start + at)
    total = below.take(end + at) - first + count
    lower += _count(within & (narrow < narrow[:, None])) - first
    same += _count(within & (narrow == narrow[:, None]))
    return lower, same, np.maximum(total, 1)


def _count(pairs: Any) -> Any:
    counted: npt.NDArray[np.int8] = pairs.sum(axis=1, dtype=np.int8)
    return counted
