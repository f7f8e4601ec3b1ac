"""E-detectors that share one budget of false alarms.

For every stream ``k`` and every bet, ``M`` is the sum over all starting points of what a bet of one, placed then, would
have become: the Shiryaev-Roberts recursion ``M = (M + n) · e`` for a chunk of ``n`` events that pays ``e``. Without
drift the mean of ``e`` is at most one, so that ``M`` grows by at most ``n`` on average. The mean of ``M`` over the bets
of a stream does too, since all of them look at the same p-values.

Chunks are cut beforehand: a window of which only the counts are known is one, whatever is in it, and values whose order
is known make one each :data:`CHUNK`. At the end of which chunk ``M`` is looked at may depend on all that came until
then: ``M`` less the events so far does not grow on average up to any stopping time.

Stream ``k`` has the weight ``w``, and the weights of everything that is watched sum to one (but for streams that start
no episode by themselves, whose alarms need none). It alarms as soon as its
``M`` reaches ``B / w``, and begins again at zero. Each alarm has then cost ``B / w`` of at most one per event, so the
expected number of alarms of stream ``k`` among ``T`` events is at most ``T · w / B``. That holds for every ``T``, not
only in the long run, and expectations add up: over all streams it is at most ``T / B``, **however they depend on each
other**.

(The mean of ``M`` over *streams* would need p-values that stay uniform given the past of all the other streams, which
conformal p-values are not. So each stream has a threshold of its own.)

Source: Shin, Ramdas and Rinaldo, *E-detectors: a nonparametric framework for sequential change detection* (2022); the
bound by the number of alarms instead of the time to the first one is this file's, by the argument above.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models import bets
from models.bets import Counts, Floats
from models.conformal import RUN, Ordered, Places, cells_of, drawn

Flags = npt.NDArray[np.bool_]

_CENTRES = (bets.EDGES[1:] + bets.EDGES[:-1]) / 2 - 0.5

#: Values whose order is known that are bet on together.
CHUNK = RUN

#: Windows after a start over which it is measured how much neighbours resemble each other.
LIKENESS_WINDOWS = 64

#: Windows that wait before they are measured, so that a drift that is about to be told is not taken for likeness.
LIKENESS_WAITS = 16


def permitted(ways: Sequence[str]) -> Floats:
    """The share of each bet, ``[stream, bet]``.

    Parameters
    ----------
    ways
        ``"any"`` change is bet on, only a ``"shift"``, only a ``"rise"``, or one that may be ``"near"`` the boundary.
    """
    chosen = {
        "any": [bet for bet in range(bets.BETS) if bet != bets.NEAR],
        "shift": list(range(bets.SHIFTING)),
        "rise": list(range(bets.RISING)),
        "near": [*range(bets.RISING), bets.NEAR],
    }
    shares: Floats = np.zeros((len(ways), bets.BETS))
    for row, way in zip(shares, ways, strict=True):
        row[chosen[way]] = 1.0
    shares /= shares.sum(axis=1, keepdims=True)
    return shares


class Wealth:
    """``M`` of some streams, by bet.

    Parameters
    ----------
    thresholds
        ``B / w`` of each stream.
    ways
        What each is bet on, see :func:`permitted`.
    """

    def __init__(self, thresholds: Floats, ways: Sequence[str]) -> None:
        self._thresholds = np.log(thresholds)
        with np.errstate(divide="ignore"):
            self._shares = np.log(permitted(ways))
        self._wealth = np.full(self._shares.shape, -np.inf)
        self._histograms = bets.flat(len(ways))

    def pay(self, fixed: Floats, coarse: Counts, events: float) -> Flags:
        """Pay for so many events; gives who alarms.

        Parameters
        ----------
        fixed
            Logarithms of what the fixed bets made of them, ``[stream, chunk, bet]``.
        coarse
            Their p-values, ``[stream, chunk, COARSE]``.
        events
            How many in all; as many enter with each chunk.
        """
        paid = np.concatenate([fixed, bets.adaptive(coarse, self._histograms)], axis=2)
        # From the start of each chunk to the end of all of them.
        paid = np.cumsum(paid[:, ::-1], axis=1)[:, ::-1]
        entering = np.log(events / paid.shape[1])
        self._wealth = np.logaddexp(self._wealth, entering) + paid[:, 0]
        if paid.shape[1] > 1:
            self._wealth = np.logaddexp(self._wealth, np.logaddexp.reduce(paid[:, 1:], axis=1) + entering)
        self._histograms = bets.learn(self._histograms, coarse.sum(axis=1))
        alarms: Flags = self.excess() >= 0.0
        return alarms

    def excess(self) -> Floats:
        """Logarithm of ``M`` over its threshold, by stream."""
        together: Floats = np.logaddexp.reduce(self._wealth + self._shares, axis=1) - self._thresholds
        return together

    def restart(self, which: Flags) -> None:
        """Begin again at nothing."""
        self._wealth[which] = -np.inf
        self._histograms[:, which] = 0.0


@dataclass(frozen=True)
class Known:
    """What a reference says about the values of some streams, for bets that fit them.

    Parameters
    ----------
    values
        How often each value was there, by stream ``[class, bin]``.
    reaches
        How many times as far the shifts are that a class is bet on, by stream ``[class]``.
    near
        How far the shift is of a class near the boundary, 0 for others, by stream ``[class]``.
    """

    values: Sequence[Floats]
    reaches: Sequence[Floats]
    near: Sequence[Floats]

    def tables(self) -> Floats:
        """Logarithms of the fixed bets, ``[class and cell, bet]``; a last class, of what is no value, pays nothing."""
        shifts = np.concatenate(self.reaches).tolist(), np.concatenate(self.near).tolist()
        rows = zip((row for one in self.values for row in one), *shifts, strict=True)
        tables = [bets.levelled(*row) for row in rows]
        return np.concatenate([*tables, np.zeros_like(bets.FIXED)])


class Detectors:
    """Streams that are watched value by value.

    Parameters
    ----------
    thresholds, ways
        As in :class:`Wealth`.
    bins
        Bins of the stream that has the most.
    known
        What is known about their values beforehand, if anything is.
    """

    def __init__(self, thresholds: Floats, ways: Sequence[str], bins: int, known: Known | None = None) -> None:
        self._wealth = Wealth(thresholds, ways)
        self._shape = (len(ways), bins)
        self._tables = None if known is None else known.tables()
        self._whole = Places([(1, bins)] * len(ways))
        self._places = self._whole
        # By partition: one long row of counts.
        self._base: dict[int, Counts] = {}
        self._likeness = Likeness(len(ways))

    def take(
        self, window: Counts, partition: int, index: int, events: int, seed: int, ordered: Ordered | None = None
    ) -> Flags:
        """A window of one partition, counts ``[stream, bin]``; gives which streams alarm. They are not yet restarted.

        Parameters
        ----------
        window, partition
            The counts, and whose.
        index
            Not used: the block of event time that it belongs to.
        events
            Events that it is about.
        seed
            Draws the order: the position in the log.
        ordered
            The values themselves, where their order is known: full chunks of :data:`CHUNK`, and what is known of them.
        """
        if not window.any():
            return np.zeros(self._shape[0], np.bool_)
        generator = np.random.default_rng((seed, partition))
        values = drawn(window.ravel(), self._whole, generator) if ordered is None else ordered
        places = values.places
        base = self._base.get(partition)
        if base is None:
            self._places = places
            base = self._base[partition] = np.zeros(places.size, np.int64)
        cells = cells_of(base, values, generator)
        base += window.ravel() if ordered is None else ordered.counts()
        # Where the order is chance, nothing is gained by cutting a window up.
        chunks = 1 if ordered is None else cells.shape[1] // CHUNK
        counted = self._counted(cells, places, chunks)
        whole = counted.sum(axis=1)
        if self._tables is None:
            fixed: Floats = counted @ bets.FIXED
        else:
            each = np.take(self._tables, cells, axis=0)
            fixed = np.einsum("scvb->scb", each.reshape(len(cells), chunks, CHUNK, -1))
        self._likeness.take(whole, partition)
        return self._wealth.pay(fixed, bets.coarsened(counted), max(events, 1))

    def _counted(self, cells: Counts, places: Places, chunks: int) -> Counts:
        """Counts of p-values, ``[stream, chunk, CELLS]``."""
        streams, length = cells.shape
        end = streams * chunks * bets.CELLS
        chunk = np.arange(streams)[:, None] * chunks + np.arange(length) * chunks // length
        at = np.where(cells < places.rows * bets.CELLS, chunk * bets.CELLS + cells % bets.CELLS, end)
        return np.bincount(at.ravel(), minlength=end + 1)[:-1].reshape(streams, chunks, bets.CELLS)

    def restart(self, which: Flags) -> None:
        """These streams forget everything and begin again."""
        self._wealth.restart(which)
        for base in self._base.values():
            base[which[self._places.stream]] = 0
        self._likeness.restart(which)

    def rewind(self) -> None:
        """All bets begin again, and the counts stay."""
        self._wealth.restart(np.ones(self._shape[0], np.bool_))

    def excess(self) -> Floats:
        """Logarithm of ``M`` over its threshold, by stream."""
        return self._wealth.excess()

    def likeness(self, stream: int) -> dict[str, float]:
        """How far neighbours resemble each other, as evidence."""
        return self._likeness.of(stream)


class Likeness:
    """Measures whether windows of a partition differ by more than chance allows, and resemble the one before them.

    Of ``n`` independent uniform p-values, the mean has the variance ``1 / 12n``. How many times that is what was
    measured says how many events count as one.

    Parameters
    ----------
    streams
        How many.
    """

    def __init__(self, streams: int) -> None:
        # Windows, sums of deviations, their squares, and products with the one before, in units of chance.
        self._sums = np.zeros((4, streams))
        self._last: dict[int, Floats] = {}
        self._waiting: deque[Floats] = deque()

    def take(self, cells: Counts, partition: int) -> None:
        """The p-values of one window, ``[stream, CELLS]``."""
        if self._sums[0].min() >= LIKENESS_WINDOWS:
            # Nothing more is learnt, until a stream begins again.
            self._last.clear()
            self._waiting.clear()
            return
        sizes = cells.sum(axis=1)
        deviation = (cells @ _CENTRES) * np.sqrt(12.0 / np.maximum(sizes, 1))
        last = self._last.get(partition)
        self._last[partition] = deviation
        if last is None:
            return
        self._waiting.append(
            np.stack([np.ones_like(deviation), deviation, deviation**2, deviation * last]) * (sizes > 0)
        )
        if len(self._waiting) > LIKENESS_WAITS:
            self._sums += self._waiting.popleft() * (self._sums[0] < LIKENESS_WINDOWS)

    def restart(self, which: Flags) -> None:
        """Begin again."""
        self._sums[:, which] = 0.0
        for waiting in self._waiting:
            waiting[:, which] = 0.0

    def of(self, stream: int) -> dict[str, float]:
        """``autocorrelation`` of neighbouring windows and ``inflation`` of their variance over that of chance."""
        windows, total, squares, products = self._sums[:, stream].tolist()
        if windows < 8:
            return {}
        mean = total / windows
        variance = max(squares / windows - mean**2, 1e-12)
        return {"autocorrelation": (products / windows - mean**2) / variance, "inflation": squares / windows}
