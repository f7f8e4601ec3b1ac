"""What no longer comes: a partition whose events stop, labels that stop."""

from __future__ import annotations

#: Events of one partition, by its share so far, that must have come by now before it is called silent. A partition with
#: independent events is that late with a chance of e^-2048.
MISSED = 2048

#: Windows of a partition before its share is believed.
WINDOWS_MIN = 4

#: Labels are called silent after so many times the longest stretch of events without one, and ...
LONGEST = 8

#: ... so many events more.
MARGIN = 2048


class Silences:
    """Counts in events, never in seconds: at night everything is silent."""

    def __init__(self) -> None:
        self._events = 0
        self._labels_at: int | None = None
        self._longest = 0
        #: By partition: windows, events, and the count of all events at its last window.
        self._partitions: dict[int, tuple[int, int, int]] = {}

    def on_events(self, partition: int, events: int) -> None:
        """A window of a partition."""
        self._events += events
        windows, own, _ = self._partitions.get(partition, (0, 0, 0))
        self._partitions[partition] = windows + 1, own + events, self._events

    def on_label(self) -> None:
        """A label has come."""
        if self._labels_at is not None:
            self._longest = max(self._longest, self._events - self._labels_at)
        self._labels_at = self._events

    def partitions(self) -> list[int]:
        """The partitions that are silent."""
        return [
            partition
            for partition, (windows, own, last) in self._partitions.items()
            if windows >= WINDOWS_MIN and (self._events - last) * own > MISSED * max(last, 1)
        ]

    @property
    def labels(self) -> int:
        """Events since the last label if labels are silent, else 0."""
        if self._labels_at is None:
            return 0
        gap = self._events - self._labels_at
        return gap if gap > LONGEST * self._longest + MARGIN else 0
