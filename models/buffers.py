"""Outcomes that wait to be looked at, by partition, and when that is to be."""

from __future__ import annotations

import math

from models.detectors import CHUNK
from models.hindsight import Outcome, outcome_of
from models.tallies import Tally
from schemas.examples import Example

#: Outcomes of one partition that are looked at together, at most.
WINDOW = 256

#: Deviations by which outcomes are odd, and how many chunks are looked at together.
ODD = 2.5
FEW = 5


class Buffers:
    """Gathers outcomes until there are enough, or some of them are odd."""

    def __init__(self) -> None:
        self._new: dict[int, list[Example]] = {}
        self._waiting: dict[int, list[Outcome]] = {}
        self._sums: dict[int, list[tuple[int, float, float]]] = {}

    def add(self, example: Example) -> list[Outcome] | None:
        """One more; gives the newest chunk of its partition where that is complete. Passed at every label."""
        new = self._new.get(example.partition)
        if new is None:
            new = self._new[example.partition] = []
        new.append(example)
        if len(new) < CHUNK:
            return None
        chunk = [outcome_of(one) for one in new]
        new.clear()
        self._waiting.setdefault(example.partition, []).extend(chunk)
        return chunk

    def is_due(self, partition: int, tally: Tally | None, *, near: bool) -> bool:
        """Whether those of a partition are to be looked at, now that there is a chunk more of them.

        Parameters
        ----------
        partition, tally
            Whose, and what they are like usually.
        near
            Whether an alarm is.
        """
        waiting = self._waiting[partition]
        if len(waiting) >= WINDOW or tally is None:
            return len(waiting) >= WINDOW
        sums = self._sums.setdefault(partition, [])
        sums.append(tally.sums(waiting[-CHUNK:]))
        return near or _is_odd(sums[-1:]) or _is_odd(sums[-FEW:])

    def take(self, partition: int) -> list[Outcome]:
        """All of a partition, which wait no more."""
        self._sums.pop(partition, None)
        return self._waiting.pop(partition)


def _is_odd(sums: list[tuple[int, float, float]]) -> bool:
    """Whether some chunks together are far enough from the reference to be looked at."""
    far = ODD * math.sqrt(sum(count for count, _, _ in sums))
    return any(abs(sum(one[at] for one in sums)) > far for at in (1, 2))
