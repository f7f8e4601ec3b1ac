"""Reads two co-partitioned topics side by side: in the order in which Kafka took their records.

After a pause, one topic may arrive days ahead of the other. Without this, labels would be read long before or after
their events, and a model would be judged on, and learn from, an order that never was.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Set
from operator import itemgetter
from typing import Generic, TypeVar

from streams.batches import Incoming

Lane = TypeVar("Lane", bound=Hashable)


class Alignment(Generic[Lane]):
    """Buffers of several lanes (topic and partition) that are emptied in order of time.

    A record leaves once every other lane has either a later record or is known to be empty.

    Parameters
    ----------
    lanes
        The lanes to align.
    """

    def __init__(self, lanes: Iterable[Lane]) -> None:
        self._buffers: dict[Lane, deque[tuple[int, Lane, Incoming]]] = {lane: deque() for lane in lanes}
        #: Records that nothing can come before any more, in order of time.
        self._ordered: deque[tuple[int, Lane, Incoming]] = deque()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def put(self, lane: Lane, record: Incoming) -> None:
        """Add a record; those of a lane come in order."""
        self._buffers[lane].append((record.received_ms, lane, record))
        self._count += 1

    @property
    def lanes(self) -> Iterable[Lane]:
        """All lanes."""
        return self._buffers.keys()

    def short_of(self, records_max: int) -> bool:
        """Whether fewer records than so many have been put into order."""
        return len(self._ordered) < records_max

    def waiting_for(self) -> list[Lane]:
        """The lanes that hold nothing, and so hold back the others unless they are drained."""
        return [lane for lane, buffer in self._buffers.items() if not buffer]

    def empty(self) -> set[Lane]:
        """The lanes of which everything that was put has been taken."""
        ordered = {lane for _, lane, _ in self._ordered}
        return {lane for lane, buffer in self._buffers.items() if not buffer and lane not in ordered}

    def ahead(self, records_max: int, held: Set[Lane]) -> set[Lane]:
        """The lanes that are too far ahead: with more than so many records, or, once held, still a quarter."""
        return {
            lane
            for lane, buffer in self._buffers.items()
            if len(buffer) > (records_max // 4 if lane in held else records_max)
        }

    def take(self, records_max: int, drained: Set[Lane]) -> list[tuple[Lane, Incoming]]:
        """The next records in order of time, at most so many.

        Parameters
        ----------
        drained
            Lanes of which there is nothing left to read: they hold back nothing.
        """
        if self.short_of(records_max):
            self._order(drained)
        ordered = self._ordered
        taken = [ordered.popleft()[1:] for _ in range(min(records_max, len(ordered)))]
        self._count -= len(taken)
        return taken

    def _order(self, drained: Set[Lane]) -> None:
        frontier = None
        for lane, buffer in self._buffers.items():
            if lane in drained:
                continue
            if not buffer:
                return
            newest = buffer[-1][0]
            frontier = newest if frontier is None else min(frontier, newest)
        fresh: list[tuple[int, Lane, Incoming]] = []
        for buffer in self._buffers.values():
            if buffer and (frontier is None or buffer[-1][0] <= frontier):
                fresh += buffer
                buffer.clear()
                continue
            while buffer and frontier is not None and buffer[0][0] <= frontier:
                fresh.append(buffer.popleft())
        fresh.sort(key=itemgetter(0))
        self._ordered += fresh
