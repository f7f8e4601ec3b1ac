"""When a window of features is closed before it is full: its values are not like those before.

A shift that a few dozen values show should not wait for hundreds. So a worker looks at its window at the end of a
batch, where at least :data:`EVERY` events have come since it did last, and few at a time. Where the mean rank of a
feature is far from that of the last few thousand values, in the values since the last look or in all of the window, the
window ends there. That is no judgement: drift is judged from the log, value by value in the order in which they came,
and what is bet on a value is the same wherever its window ends (:mod:`models.detectors`).

A regime that stays odd must not cost more than the others, so windows that end early are counted: one for every
:data:`FULL` that were full, and at most :data:`CREDIT` at a time.
"""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from models.letters import Ranks

#: Events between two looks, at least.
EVERY = 32

#: Events that come at once, beyond which a window is full so soon that looking is not worth while.
FEW = 2 * EVERY

#: Events of a full window, below which it is not worth while.
WINDOW_MIN = 4 * EVERY

#: Looks at values that are as usual that end a window all the same, of a hundred.
CHANCE = 0.01

#: Events that are usual, at most and at least.
USUAL_MAX, USUAL_MIN = 4096, 512

#: Full windows that make up for an early one, and early ones in a row.
FULL, CREDIT = 4, 4

_Sums = npt.NDArray[np.float64]


class Looks:
    """Looks at the windows of one partition, one after the other.

    Parameters
    ----------
    features
        How many are looked at.
    """

    def __init__(self, features: int) -> None:
        # Two means of every feature may be too far off on either side.
        self._far = NormalDist().inv_cdf(1.0 - CHANCE / (4 * max(features, 1)))
        self._credit = float(CREDIT)
        self._usual = np.zeros((2, features))
        self._events = 0
        self._window = np.zeros(features)
        self._looked = 0

    def is_odd(self, ranks: Ranks) -> bool:
        """Whether the window is to end with these values.

        Parameters
        ----------
        ranks
            The next values of each feature, ``[feature, value]``.
        """
        events = ranks.shape[1]
        sums: _Sums = ranks.sum(axis=1, dtype=np.float64)
        self._window += sums
        self._looked += events
        odd = self._credit >= 1.0 and self._events >= USUAL_MIN
        if odd:
            mean, square = self._usual / self._events
            deviation = np.sqrt(np.maximum(square - mean**2, 1e-9))
            odd = any(
                bool((np.abs(those - count * mean) > self._far * sqrt(count) * deviation).any())
                for those, count in ((sums, events), (self._window, self._looked))
            )
        self._usual += sums, np.einsum("ij,ij->i", ranks, ranks, dtype=np.float64)
        self._events += events
        if self._events > USUAL_MAX:
            self._usual /= 2
            self._events //= 2
        return odd

    def closed(self, *, early: bool) -> None:
        """The window has ended."""
        self._credit = self._credit - 1.0 if early else min(self._credit + 1 / FULL, CREDIT)
        self._window[:] = 0.0
        self._looked = 0
