"""A fast way back: has the champion just begun to lose to the one before it?

The test of :mod:`models.gains` judges the average since its beginning, and what broke today must first eat up all that
was good before. Here a new purse is opened with every chunk of labels, and all of them count together: with ``M`` what
they hold, ``M = (M + w) * prod(1 + b (d - gap))`` over the chunk, where the parts ``w`` of all chunks add up to one.
That is a supermartingale as long as the former champion is at no moment expected to be better by more than ``gap``, so
that it reaches ``1 / rate``, ever, with probability ``rate`` at most. Labels count as they come, and an hour in which
the former one was really better by that much is enough: its promise is about accidents, not about averages, and has a
rate of its own. Without the gap a few days that suit the former champion are an accident too.

Source
------
Shin, Ramdas and Rinaldo, *E-detectors: a nonparametric framework for sequential change detection* (2024), for
purses that are opened one after the other; the parts that add up to one are spent as by Ville's inequality.
"""

from __future__ import annotations

import numpy as np

from models import gains
from models.tails import Numbers

SHARES: Numbers = np.array([0.9, 0.5, 0.25, 0.1])

#: With more a single label could take more than all from a purse.
GAP_MAX = 0.1

#: More than any threshold; purses do not grow beyond it.
_MOST = 1e200


class Emergency:
    """The purses of one reign.

    Parameters
    ----------
    rate
        Chance that they ever call without a cause.
    gap
        By how much the champion may be worse at a time; of differences in -1 .. 1, and at most :data:`GAP_MAX`.
    """

    def __init__(self, rate: float, gap: float) -> None:
        self.rate = rate
        self.gap = gap
        self.labels = 0
        self._chunks = 0
        self._purses: Numbers = np.zeros(len(SHARES))

    @property
    def e_value(self) -> float:
        """What they hold together."""
        return float(self._purses.mean())

    @property
    def calls(self) -> bool:
        """Whether it has happened."""
        return self.e_value >= 1 / self.rate

    def add(self, differences: Numbers) -> None:
        """Labels have come: loss of the champion minus loss of the former one, in -1 .. 1."""
        if self.calls or not len(differences):
            return
        self._chunks += 1
        self.labels += len(differences)
        growth = np.exp(np.log1p(SHARES * (differences[:, None] - self.gap)).sum(axis=0))
        self._purses = np.minimum((self._purses + gains.spent(1.0, self._chunks)) * growth, _MOST)
