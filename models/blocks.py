"""Where neighbours resemble each other: a block of event time is one observation.

Values of today resemble each other more than those of another day: weather, prices, anything with a rhythm. Value by
value they are not exchangeable, and bets on them alarm at every change of the weather. With ``Drift(block="1d")`` the
day is the observation, and what is assumed is only that **days** are exchangeable.

The first block fixes what a bin is worth: its middle rank, 0 to 1. From then on each block has two numbers per stream,
the mean of its values' ranks and the mean of their squares around the middle: where the values lie, and how far apart.
Each number has a conformal p-value among those of the blocks before it, as in :mod:`models.conformal`, and a bet of its
own.

A block of ``n`` events adds ``n`` to the Shiryaev-Roberts sum (``M = (M + n) · e``), so that the budget stays one in
events; how many events a block has must not depend on whether there is drift.

The price is time: a p-value among ``t`` blocks cannot be below ``1/(t + 1)``, so that only a change of many blocks is
told. What resemblance there is between blocks is left: seasons are drift, and are told as such.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.bets import COARSE, FIXED, Counts, Floats, cells_at
from models.conformal import Ordered
from models.detectors import Flags, Wealth

#: Blocks that are compared with; of more, the first ones stay the measure.
BLOCKS_MAX = 4096


class Blocks:
    """Streams that are watched block by block; the same verbs as :class:`models.detectors.Detectors`.

    Parameters
    ----------
    thresholds, ways
        As in :class:`models.detectors.Wealth`.
    bins
        Bins of the stream that has the most.
    """

    def __init__(self, thresholds: Floats, ways: Sequence[str], bins: int) -> None:
        streams = len(ways)
        # The rank of a block's mean is near to no boundary.
        ways = ["rise" if way == "near" else way for way in ways]
        both = np.array([way == "any" for way in ways])
        # What is bet on in one direction has no bet on its spread; the others share their weight between the two.
        place = np.where(both, 2.0, 1.0) * thresholds
        spread = np.where(both, 2.0 * thresholds, np.inf)
        self._wealth = Wealth(np.concatenate([place, spread]), [*ways, *ways])
        self._worth = np.full((streams, bins), np.nan)
        self._history: list[Floats] = []
        self._open: dict[int, tuple[Counts, Counts | None, int]] = {}
        self._worth_given: Floats | None = None
        self._latest: dict[int, int] = {}
        self._closed = -1
        self._shape = (streams, bins)

    def take(
        self, window: Counts, partition: int, index: int, events: int, seed: int, ordered: Ordered | None = None
    ) -> Flags:
        """A window of one partition in block ``index``; alarms come when a block is over."""
        given = ordered.given() if ordered is not None and ordered.places.classed else None
        index = max(index, self._closed + 1)
        counts, classes, size = self._open.get(index, (np.zeros(self._shape, np.int64), None, 0))
        classes = given if classes is None or given is None else classes + given
        self._open[index] = counts + window, classes, size + events
        self._latest[partition] = max(index, self._latest.get(partition, index))
        latest = self._latest.values()
        # A partition that is silent holds the others back for one block only.
        over = max(min(latest), max(latest) - 1)
        alarms = np.zeros(self._shape[0], np.bool_)
        for one in sorted(block for block in self._open if block < over):
            alarms |= self._close(*self._open.pop(one), np.random.default_rng((seed, one)))
            self._closed = one
        return alarms

    def _close(self, counts: Counts, given: Counts | None, events: int, generator: np.random.Generator) -> Flags:
        streams = self._shape[0]
        sizes = counts.sum(axis=1)
        shares = counts / np.maximum(sizes, 1)[:, None]
        fresh = np.isnan(self._worth[:, 0]) & (sizes > 0)
        self._worth[fresh] = (np.cumsum(shares, axis=1) - shares / 2)[fresh]
        place = (shares * self._worth).sum(axis=1)
        spread = (shares * (self._worth - 0.5) ** 2).sum(axis=1)
        if given is not None:
            place[: len(given)] = self._place_given(given)
        now = np.where(np.concatenate([sizes, sizes]) > 0, np.concatenate([place, spread]), np.nan)
        now[np.concatenate([fresh, fresh])] = np.nan
        draws = generator.random(2 * streams)
        fixed = np.zeros((2 * streams, 1, FIXED.shape[1]))
        coarse = np.zeros((2 * streams, 1, COARSE), np.int64)
        if self._history:
            past = np.stack(self._history)
            known = np.isfinite(past).sum(axis=0)
            with np.errstate(invalid="ignore"):
                ranks = (past < now).sum(axis=0) + draws * ((past == now).sum(axis=0) + 1)
            there = np.flatnonzero(np.isfinite(now))
            places = (ranks / (known + 1))[there]
            fixed[there, 0] = FIXED[cells_at(places)]
            coarse[there, 0, np.minimum((places * COARSE).astype(np.int64), COARSE - 1)] = 1
        if len(self._history) < BLOCKS_MAX:
            self._history.append(now)
        alarms = self._wealth.pay(fixed, coarse, max(events, 1))
        return alarms[:streams] | alarms[streams:]

    def _place_given(self, given: Counts) -> Floats:
        """The mean of ranks within their class; a class that the first block was without counts as the middle."""
        if self._worth_given is None:
            shares = given / np.maximum(given.sum(axis=2), 1)[:, :, None]
            self._worth_given = np.cumsum(shares, axis=2) - shares / 2
            self._worth_given[given.sum(axis=2) == 0] = 0.5
        total = np.maximum(given.sum(axis=(1, 2)), 1)
        place: Floats = (given * self._worth_given).sum(axis=(1, 2)) / total
        return place

    def restart(self, which: Flags) -> None:
        """These streams forget everything and begin again."""
        both = np.concatenate([which, which])
        self._wealth.restart(both)
        self._worth[which] = np.nan
        for past in self._history:
            past[both] = np.nan

    def rewind(self) -> None:
        """All bets begin again, and the blocks so far stay."""
        self._wealth.restart(np.ones(2 * self._shape[0], np.bool_))

    def excess(self) -> Floats:
        """Logarithm of ``M`` over its threshold, by stream: the greater of its two."""
        excess = self._wealth.excess()
        greater: Floats = np.maximum(excess[: self._shape[0]], excess[self._shape[0] :])
        return greater

    def likeness(self, stream: int) -> dict[str, float]:
        """How far neighbouring blocks resemble each other, as evidence."""
        values = np.array([past[stream] for past in self._history])
        values = values[np.isfinite(values)]
        if len(values) < 8 or not values.std():
            return {"blocks": float(len(values))}
        around = values - values.mean()
        autocorrelation = float((around[1:] * around[:-1]).mean() / around.var())
        return {"blocks": float(len(values)), "autocorrelation": autocorrelation}
