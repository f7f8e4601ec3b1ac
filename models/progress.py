"""How far each partition has come: what tells one in which nothing happens from one whose worker is merely behind.

Windows of several partitions lie in the log in the order in which workers were through with them, which is not that in
which Kafka took their events: one worker may be hours ahead of another. So it is asked by two clocks.

By Kafka's, which events of others it took after the last of this partition. Only these say that something should have
come; what an earlier backlog of others brings says nothing.

By the workers', how long nothing has come. While one is late, nothing comes of its partitions either: what was behind
is given twice that time, and everything :data:`QUIET`. By then a worker that does not move has ended itself and
another has its partitions (``HEADRACE_STALL_S_MAX`` and ``HEADRACE_SESSION_TIMEOUT_MS`` are 70 s together).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.examples import Profile

#: For so long nothing must have come of a partition.
QUIET = timedelta(minutes=2)


@dataclass(slots=True)
class Place:
    """The newest window of a partition.

    Parameters
    ----------
    received, answered
        When Kafka took its last event, and about when it was answered.
    """

    received: datetime
    answered: datetime


class Progress:
    """Folds profiles into how far each partition has come."""

    def __init__(self) -> None:
        self._places: dict[int, Place] = {}
        self._now: datetime | None = None

    def take(self, profile: Profile) -> list[int]:
        """A window has come; gives the other partitions of which nothing has come although Kafka took it later."""
        before = self._places.get(profile.partition)
        answered = profile.received + timedelta(milliseconds=profile.latency_p50_ms or 0.0)
        self._now = answered if self._now is None else max(self._now, answered)
        # Of a backlog, Kafka may have taken events after those of an earlier window, never before.
        received = profile.received if before is None else max(profile.received, before.received)
        self._places[profile.partition] = Place(received, answered)
        if before is None:
            return []
        places = self._places.items()
        return [other for other, place in places if other != profile.partition and before.received >= place.received]

    def is_quiet(self, partition: int) -> bool:
        """Whether nothing has come of it for so long that its worker is not merely behind."""
        place = self._places.get(partition)
        if place is None or self._now is None:
            return False
        behind = place.answered - place.received
        return self._now - place.answered >= max(QUIET, 2 * behind)
