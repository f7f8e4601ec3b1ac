"""Where in the learning log so many examples or so much event time ago lies, roughly, in little memory."""

from __future__ import annotations

from bisect import bisect_right
from datetime import datetime

#: Milestones that are kept at most: beyond it every other one is left out.
MILESTONES_MAX = 4096


class Milestones:
    """Offset, count and event time of every so manieth labelled example.

    Attributes
    ----------
    count
        Labelled examples so far.
    """

    def __init__(self) -> None:
        self.count = 0
        self._stride = 1
        self._offsets: list[int] = []
        self._counts: list[int] = []
        self._times: list[datetime] = []

    def add(self, offset: int, time: datetime) -> None:
        """One more labelled example; ``time`` is event time as far as it has come."""
        if self.count % self._stride == 0:
            self._offsets.append(offset)
            self._counts.append(self.count)
            self._times.append(time)
            if len(self._offsets) > MILESTONES_MAX:
                self._offsets, self._counts, self._times = self._offsets[::2], self._counts[::2], self._times[::2]
                self._stride *= 2
        self.count += 1

    def last(self, examples: int) -> int:
        """The offset from which on at least the last so many examples lie; 0 if there are fewer."""
        return self._before(bisect_right(self._counts, self.count - examples)) if examples < self.count else 0

    def since(self, time: datetime) -> int:
        """The offset from which on all examples from that event time on lie."""
        return self._before(bisect_right(self._times, time))

    def _before(self, place: int) -> int:
        return self._offsets[place - 1] if place else 0
