"""A watch: streams that are counted together, their detectors, and what they were before and after a change."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from models.bets import Counts, Floats
from models.conformal import Ordered
from models.detectors import Flags
from models.segments import Segments, chance, distance, shift
from schemas.drift import Moved

#: Standard normal units beyond which a stream that did not alarm is said to have moved along.
BEYOND = 5.0

#: Values that are compared with what was before, to see whether it has returned.
RECENT = 1536

#: It has returned where it is within this many standard normal units of before, and farther from what came in between;
RETURNED = 3.0

#: or where the difference has shrunk to this share of what it was.
SHRUNK = 0.3


#: Parts of a window: event time of the first value of each in seconds, and counts ``[stream, bin]``.
Stretches = Sequence[tuple[float, Counts]]


class Window(NamedTuple):
    """What is taken at once: values of one partition.

    Attributes
    ----------
    partition, events
        Whose, and about how many events.
    time_s
        Event time of its first value, in seconds.
    counts
        ``[stream, bin]``.
    ordered
        The values themselves, where their order is known; some are ranked within classes.
    cut
        Gives its parts, between which a change is looked for; finer ones if it alarms. None: it is not cut up.
    """

    partition: int
    events: int
    time_s: float
    counts: Counts
    ordered: Ordered | None = None
    cut: Callable[[bool], Stretches] | None = None


class Detecting(Protocol):
    """What a watch needs of its detectors: :class:`models.detectors.Detectors` or :class:`models.blocks.Blocks`."""

    def take(
        self, window: Counts, partition: int, index: int, events: int, seed: int, ordered: Ordered | None = None
    ) -> Flags:
        """A window; gives which streams alarm."""

    def restart(self, which: Flags) -> None:
        """These streams begin again."""

    def rewind(self) -> None:
        """All bets begin again, and what has been counted stays."""

    def excess(self) -> Floats:
        """Logarithm of ``M`` over its threshold, by stream."""

    def likeness(self, stream: int) -> dict[str, float]:
        """How far neighbours resemble each other, as evidence."""


@dataclass(frozen=True)
class Change:
    """Where a change was found: in which stream, from when on, and how sure its detector is."""

    stream: str
    since_s: float
    excess: float
    likeness: dict[str, float]


class Watch:
    """Streams that are counted together.

    Parameters
    ----------
    names
        Of the streams.
    detectors
        Of the same streams.
    """

    def __init__(self, names: Sequence[str], detectors: Detecting) -> None:
        self.names = tuple(names)
        self.detectors = detectors
        self._segments = Segments()
        self._since_s: float | None = None
        self._alarmed = np.zeros(len(names), np.bool_)
        self._sides: tuple[Counts, Counts] | None = None
        self._farthest = np.zeros(len(names))

    def take(
        self, window: Window, index: int, seed: int, *, reach_s: float = math.inf, bets: bool = True
    ) -> tuple[Change | None, Flags]:
        """A window; gives the change that was found, if any, and the streams that alarm.

        Parameters
        ----------
        index
            The block of event time that it belongs to.
        seed
            Position in the log.
        reach_s
            Seconds before this window in which a change is looked for.
        bets
            Whether it may alarm; if not, it is part of what later windows are compared with.
        """
        alarms = self.detectors.take(window.counts, window.partition, index, window.events, seed, window.ordered)
        for time_s, counts in window.cut(bool(alarms.any())) if window.cut else [(window.time_s, window.counts)]:
            self._segments.drop(time_s - reach_s)
            self._segments.add(time_s, counts)
            if self._sides is not None and self._since_s is not None:
                self._sides[int(time_s >= self._since_s)][...] += counts
        if not bets:
            self.detectors.rewind()
            alarms = np.zeros_like(alarms)
        if not alarms.any():
            return None, alarms
        first = int(np.where(alarms, self.detectors.excess(), -np.inf).argmax())
        since_s = self._segments.change(first)
        change = Change(
            self.names[first],
            window.time_s if since_s is None else since_s,
            float(self.detectors.excess()[first]),
            self.detectors.likeness(first),
        )
        return change, alarms

    def alarm(self, which: Flags) -> None:
        """These alarms count: the streams are part of the episode, and their detectors begin again."""
        self._alarmed |= which
        self.detectors.restart(which)

    def dismiss(self, which: Flags) -> None:
        """These alarms do not count: the detectors begin again, and nothing else."""
        self.detectors.restart(which)

    def begin(self, since_s: float) -> None:
        """An episode begins: from now on there is a before and an after."""
        self._since_s = since_s
        if len(self._segments):
            before, after = self._segments.sides(since_s)
            self._sides = before, after
        self._farthest[:] = 0.0

    def moved(self) -> list[Moved]:
        """The streams that moved, the farthest first."""
        if self._sides is None:
            return []
        before, after = self._sides
        far, way = distance(before, after), shift(before, after)
        self._farthest = np.maximum(self._farthest, far)
        found = [
            Moved(
                stream=self.names[at],
                alarmed=bool(self._alarmed[at]),
                distance=round(float(far[at]), 4),
                shift=round(float(way[at]), 4),
                before=_shares(before[at]),
                after=_shares(after[at]),
                count_before=int(before[at].sum()),
                count_after=int(after[at].sum()),
            )
            for at in np.flatnonzero(self._alarmed | (chance(before, after) > BEYOND)).tolist()
        ]
        return sorted(found, key=lambda moved: (-moved.alarmed, -moved.distance, moved.stream))

    def returned(self) -> bool:
        """Whether all streams that alarmed are what they were before."""
        if self._sides is None or not self._alarmed.any():
            return True
        before, after = (side[self._alarmed] for side in self._sides)
        recent = self._segments.recent(RECENT)[self._alarmed]
        self._farthest[self._alarmed] = np.maximum(self._farthest[self._alarmed], distance(before, after))
        # Too few values differ from nothing: it must be unlike what came in between, too.
        like, unlike = chance(before, recent) < RETURNED, chance(np.maximum(after - recent, 0), recent) > RETURNED
        near = (like & unlike) | (distance(before, recent) < SHRUNK * self._farthest[self._alarmed])
        return bool(near.all())

    def end(self, now_s: float) -> None:
        """The episode is over: streams that moved begin again from here."""
        if self._sides is not None:
            before, after = self._sides
            moved = self._alarmed | (chance(before, after) > BEYOND)
            self.detectors.restart(moved)
            self._segments.forget(np.flatnonzero(moved), now_s)
        self._since_s, self._sides = None, None
        self._alarmed = np.zeros(len(self.names), np.bool_)


def _shares(counts: Counts) -> list[float]:
    total = max(int(counts.sum()), 1)
    return [round(count / total, 4) for count in counts.tolist()]
