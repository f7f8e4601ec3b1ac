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
        self._buffers: dict[Lane, deque[Incoming]] = {lane: deque() for lane in lanes}

    def __len__(self) -> int:
        return sum(len(buffer) for buffer in self._buffers.values())

    def put(self, lane: Lane, record: Incoming) -> None:
        """Add a record; those of a lane come in order."""
        self._buffers[lane].append(record)

    def waiting_for(self) -> list[Lane]:
        """The lanes that hold nothing, and so hold back the others unless they are drained."""
        return [lane for lane, buffer in self._buffers.items() if not buffer]

    def ahead(self, records_max: int, held: Set[Lane]) -> set[Lane]:
        """The lanes that are too far ahead: with more than so many records, or, once held, still a quarter."""
        return {
            lane
            for lane, buffer in self._buffers.items()
            if len(buffer) > (records_max // 4 if lane in held else records_max)
        }

    def take(self, records_max: int, drained: Iterable[Lane]) -> list[tuple[Lane, Incoming]]:
        """The next records in order of time, at most so many.

        Parameters
        ----------
        drained
            Lanes of which there is nothing left to read.
        """
        ended = set(drained)
        open_lanes = [lane for lane in self._buffers if lane not in ended]
        if any(not self._buffers[lane] for lane in open_lanes):
            return []
        frontier = min((self._buffers[lane][-1].received_ms for lane in open_lanes), default=None)
        candidates: list[tuple[int, Lane, Incoming]] = []
        for lane, buffer in self._buffers.items():
            taken = 0
            for record in buffer:
                if taken >= records_max or (frontier is not None and record.received_ms > frontier):
                    break
                candidates.append((record.received_ms, lane, record))
                taken += 1
        candidates.sort(key=itemgetter(0))
        chosen = candidates[:records_max]
        for _, lane, _ in chosen:
            self._buffers[lane].popleft()
        return [(lane, record) for _, lane, record in chosen]
