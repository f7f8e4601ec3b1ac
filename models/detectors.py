"""E-detectors that share one budget of false alarms.

For every stream ``k`` and every bet, ``M`` is the sum over all starting points of what a bet of one, placed then, would
have become: the Shiryaev-Roberts recursion ``M = (M + n) · e`` for a chunk of ``n`` events that pays ``e``. Without
drift the mean of ``e`` is at most one, so that ``M`` grows by at most ``n`` on average. The mean of ``M`` over the bets
of a stream does too, since all of them look at the same p-values.

Stream ``k`` has the weight ``w``, and the weights of everything that is watched sum to one. It alarms as soon as its
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

import numpy as np
import numpy.typing as npt

from models import bets
from models.bets import Counts, Floats
from models.conformal import cells_of, chunks_of

Flags = npt.NDArray[np.bool_]

_CENTRES = (np.arange(bets.CELLS) + 0.5) / bets.CELLS - 0.5

#: Windows after a start over which it is measured how much neighbours resemble each other.
LIKENESS_WINDOWS = 64

#: Windows that wait before they are measured, so that a drift that is about to be told is not taken for likeness.
LIKENESS_WAITS = 16


def permitted(ways: Sequence[str]) -> Floats:
    """The share of each bet, ``[stream, bet]``: ``"any"`` bet, only those on a ``"shift"``, or only on a ``"rise"``."""
    shares: Floats = np.zeros((len(ways), bets.BETS))
    for row, way in zip(shares, ways, strict=True):
        row[: {"any": bets.BETS, "shift": bets.SHIFTING, "rise": bets.RISING}[way]] = 1.0
    shares /= shares.sum(axis=1, keepdims=True)
    return shares


class Wealth:
    """``M`` of some streams, by bet.

    Parameters
    ----------
    thresholds
        ``B / w`` of each stream.
    ways
        What each is bet on: ``"any"`` change, a ``"shift"``, or a ``"rise"`` only.
    """

    def __init__(self, thresholds: Floats, ways: Sequence[str]) -> None:
        self._thresholds = np.log(thresholds)
        with np.errstate(divide="ignore"):
            self._shares = np.log(permitted(ways))
        self._wealth = np.full(self._shares.shape, -np.inf)
        self._histograms = bets.flat(len(ways))

    def pay(self, cells: Counts, events: float) -> Flags:
        """Bet on p-values, ``[stream, chunk, CELLS]``, of so many events in all; gives who alarms."""
        paid = bets.payouts(cells, self._histograms)
        each = np.log(events / cells.shape[1])
        for chunk in range(cells.shape[1]):
            self._wealth = np.logaddexp(self._wealth, each) + paid[:, chunk]
        self._histograms = bets.learn(self._histograms, cells.sum(axis=1))
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


class Detectors:
    """Streams that are watched value by value.

    Parameters
    ----------
    thresholds, ways
        As in :class:`Wealth`.
    bins
        Bins of the stream that has the most.
    """

    def __init__(self, thresholds: Floats, ways: Sequence[str], bins: int) -> None:
        self._wealth = Wealth(thresholds, ways)
        self._base: dict[int, Counts] = {}
        self._base_given: dict[int, Counts] = {}
        self._shape = (len(ways), bins)
        self._likeness = Likeness(len(ways))

    def take(
        self, window: Counts, partition: int, index: int, events: int, seed: int, given: Counts | None = None
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
        given
            Counts ``[stream, class, bin]`` of the first streams, whose values are ranked among those of their class.
        """
        if not window.any():
            return np.zeros(self._shape[0], np.bool_)
        generator = np.random.default_rng((seed, partition))
        base = self._base.setdefault(partition, np.zeros(self._shape, np.int64))
        conditional = 0 if given is None else len(given)
        plain = window[conditional:]
        cells = cells_of(base[conditional:], plain, generator)
        base[conditional:] += plain
        if given is not None:
            cells = np.concatenate([self._given(given, partition, generator, cells.shape[1]), cells])
        self._likeness.take(cells.sum(axis=1), partition)
        return self._wealth.pay(cells, max(events, chunks_of(int(window.sum(axis=1).max()))))

    def _given(self, given: Counts, partition: int, generator: np.random.Generator, chunks: int) -> Counts:
        """The p-values of values that are ranked within their class."""
        base = self._base_given.setdefault(partition, np.zeros_like(given))
        rows = (-1, given.shape[-1])
        cells = cells_of(base.reshape(rows), given.reshape(rows), generator, chunks)
        base += given
        together: Counts = cells.reshape(*given.shape[:2], *cells.shape[1:]).sum(axis=1)
        return together

    def restart(self, which: Flags) -> None:
        """These streams forget everything and begin again."""
        self._wealth.restart(which)
        for base in self._base.values():
            base[which] = 0
        for base in self._base_given.values():
            base[which[: len(base)]] = 0
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
