"""The first labelled examples, which fix the bins that outcomes are counted on.

At first, only labels that come soon have come, and those may differ from the others. So the reference begins only when
:data:`SETTLED` mean delays have passed since the first event, or the label's timeout.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from models.hindsight import Outcome, delays_of
from models.pipeline import Pipeline
from models.tallies import Tally

#: Mean delays; an exponential delay is longer once in 3,000 times.
SETTLED = 8.0


class Gathering:
    """Gathers outcomes until there are enough for a reference.

    Parameters
    ----------
    pipeline
        Its problem, and how long it waits for labels.
    wanted
        Outcomes with a label that make a reference.
    """

    def __init__(self, pipeline: Pipeline, wanted: int) -> None:
        self._problem = pipeline.problem
        self._timeout_s = pipeline.timeout.total_seconds()
        self._wanted = wanted
        self._begun: datetime | None = None
        self._gathered: list[Outcome] = []

    def take(self, window: Sequence[Outcome], seed: int) -> Tally | None:
        """Some more; gives the bins when there are enough."""
        begun = min(time for time, _, _, _ in window)
        self._begun = begun if self._begun is None else min(begun, self._begun)
        if not self._gathered and not self._is_settled(window, self._begun):
            return None
        self._gathered += [outcome for outcome in window if outcome[1] is not None]
        if len(self._gathered) < self._wanted:
            return None
        gathered, self._gathered = self._gathered, []
        return Tally(self._problem, gathered, seed)

    def _is_settled(self, window: Sequence[Outcome], begun: datetime) -> bool:
        delays = delays_of(window)
        latest = max((labelled for _, _, _, labelled in window if labelled is not None), default=begun)
        needed_s = min(self._timeout_s, SETTLED * float(delays.mean())) if delays.size else 0.0
        return (latest - begun).total_seconds() >= needed_s
