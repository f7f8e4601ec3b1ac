"""How far event time has come, and up to where it is safe to say that a label did not come in time."""

from __future__ import annotations

from collections import deque
from datetime import datetime

#: Steps kept while labels are behind events; more are merged, which only makes expiry later.
STEPS_MAX = 512


class Watermark:
    """Event time of one partition, with the labels' side taken into account.

    Events and labels come by two topics that are read at different speeds: after a pause, two days of events
    may be read before the first label of those days. ``high`` is the latest event time seen. ``safe`` follows
    it only once the labels have been read that far: to the end, or past the moment at which Kafka took the
    event that moved ``high``.
    """

    def __init__(self) -> None:
        self.high: datetime | None = None
        self.safe: datetime | None = None
        self._steps: deque[tuple[datetime, datetime]] = deque()

    def event(self, time: datetime) -> datetime:
        """Take in an event time; returns the latest one so far."""
        if self.high is None or time > self.high:
            self.high = time
        return self.high

    def step(self, received: datetime) -> None:
        """All events that Kafka took until ``received`` have been seen."""
        if self.high is None:
            return
        if len(self._steps) >= STEPS_MAX:
            self._steps = deque(list(self._steps)[1::2])
        self._steps.append((received, self.high))

    def labels_read(self, received: datetime) -> None:
        """All labels that Kafka took before ``received`` have been seen."""
        while self._steps and self._steps[0][0] < received:
            self.safe = self._steps.popleft()[1]

    def labels_drained(self) -> None:
        """There is no label that has not been seen."""
        if self.high is not None:
            self.safe = self.high
            self._steps.clear()
