"""How long records have waited on the inputs, and whether anybody works on them.

An offset says which record is next and not how old it is. So ends and committed offsets are looked at again and again:
what was not done yet when the end was first seen behind it has waited since then.

The end of a partition is no record: behind a producer's transaction lies a marker, and an aborted one leaves nothing
that could be read. So records only count as waiting while something moves, the end or what is done; and a lane stands
still where its end has moved again and again since something was done.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

#: Seconds without any movement after which what is left of a lane may be no records at all.
MOVING_S = 60.0

#: Times at which the end moved that are remembered of a lane.
MARKS_MAX = 1000

#: A topic's noun and a partition.
Lane = tuple[str, int]


@dataclass(slots=True)
class _Backlog:
    """One lane: when its end moved to where, what is done, since when, and how often the end has moved since."""

    done: int
    since_s: float
    worked: bool = False
    end: int = -1
    moved_s: float = 0.0
    arrivals: int = 0
    marks: deque[tuple[float, int]] = field(default_factory=deque)

    def look(self, now_s: float, end: int, done: int) -> None:
        if done != self.done:
            self.done, self.since_s, self.moved_s, self.arrivals, self.worked = done, now_s, now_s, 0, True
        if end > self.end:
            self.arrivals += self.end >= 0
            self.end, self.moved_s = end, now_s
            if len(self.marks) < MARKS_MAX:
                self.marks.append((now_s, end))
        while self.marks and self.marks[0][1] <= done:
            self.marks.popleft()


class Backlogs:
    """What waits on the inputs of a pipeline, as it is seen by somebody with a clock."""

    def __init__(self) -> None:
        self._lanes: dict[Lane, _Backlog] = {}
        self._begun_s: float | None = None
        self._now_s = 0.0

    def look(self, now_s: float, places: Mapping[Lane, tuple[int, int]]) -> None:
        """Take in how things stand.

        Parameters
        ----------
        now_s
            Seconds by a clock that only goes forward.
        places
            Of each lane the offset behind its last record, and the one that work goes on from.
        """
        self._now_s = now_s
        self._begun_s = now_s if self._begun_s is None else self._begun_s
        for lane, (end, done) in places.items():
            if lane not in self._lanes:
                self._lanes[lane] = _Backlog(done, now_s)
            self._lanes[lane].look(now_s, end, done)

    @property
    def watched_s(self) -> float:
        """Seconds from the first look to the last."""
        return 0.0 if self._begun_s is None else self._now_s - self._begun_s

    def waiting_s(self) -> float:
        """Seconds that the oldest record has waited, at least."""
        return max((self._now_s - backlog.marks[0][0] for _, backlog in self._behind()), default=0.0)

    def records(self) -> int:
        """How many wait."""
        return sum(backlog.end - backlog.done for _, backlog in self._behind())

    def stalled(self, longer_than_s: float) -> list[Lane]:
        """Lanes on which nothing was done for so long, though records went on coming."""
        return sorted(
            lane
            for lane, backlog in self._lanes.items()
            if backlog.marks and backlog.arrivals >= 2 and self._now_s - backlog.since_s > longer_than_s
        )

    def untouched(self) -> bool:
        """Whether there is a lane that is behind, and on which nothing was done since the first look."""
        return any(backlog.marks and not backlog.worked for backlog in self._lanes.values())

    def _behind(self) -> Iterator[tuple[Lane, _Backlog]]:
        for lane, backlog in self._lanes.items():
            if backlog.marks and self._now_s - backlog.moved_s <= MOVING_S:
                yield lane, backlog
