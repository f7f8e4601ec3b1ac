"""A canary: a challenger that has won serves growing shares of the traffic before it takes full effect."""

from __future__ import annotations

import numpy as np

from models.emergency import Emergency
from models.outcomes import Key
from models.pairs import Pairs


class Canary:
    """One challenger on its way through the declared steps, and the watch over it.

    The watch is the emergency rule turned round: it calls when the challenger has begun to lose to the champion.
    All models answer all events, so it looks at every label, whoever served.

    Parameters
    ----------
    key
        The challenger.
    test
        Number of the trial that it has won; with the end of that trial the canary is over, too.
    rate
        Chance that the watch ever calls without a cause.
    gap
        By how much it may be worse for a time, as a share of the loss's range.

    Attributes
    ----------
    step
        Which declared step it serves, from 1 on.
    labels
        Labels of events that were answered in this step.
    """

    def __init__(self, key: Key, test: int, rate: float, gap: float) -> None:
        self.key = key
        self.test = test
        self.watch = Emergency(rate, gap)
        self.step = 0
        self.labels = 0
        self._began: int | None = None
        self._since = 0

    def begin(self, step: int, position: int) -> None:
        """A step begins: predictions from ``position`` on count for it."""
        self.step, self.labels, self._since = step, 0, position
        if self._began is None:
            self._began = position

    def add(self, told: Pairs, champion: Key) -> None:
        """Labels have come."""
        if self.key not in told.losses or self._began is None:
            return
        lost = told.losses[self.key] - told.losses[champion]
        use = (told.weights > 0) & (told.positions >= self._began) & ~np.isnan(lost)
        self.labels += int((use & (told.positions >= self._since)).sum())
        self.watch.add(lost[use])

    def evidence(self) -> dict[str, float]:
        """The numbers of the watch, for a record."""
        watch = self.watch
        return {"e_value": watch.e_value, "threshold": 1 / watch.rate, "rate": watch.rate, "emergency": 1.0}
