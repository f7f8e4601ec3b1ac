"""What no longer comes: a partition whose events stop, labels that stop."""

from __future__ import annotations

from models.progress import Progress
from schemas.examples import Profile

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
    """Counts in events, not in seconds: at night everything is silent.

    Of a partition only those events of others count that Kafka took after its own, and only once its worker is not
    merely behind (:mod:`models.progress`).
    """

    def __init__(self) -> None:
        #: When it was said last that a label is unavailable: a sign of life of those who send labels.
        self._unavailable_at = 0
        self._events = 0
        self._labels_at: int | None = None
        self._longest = 0
        #: By partition: windows, events, and the count of all events at its last window.
        self._partitions: dict[int, tuple[int, int, int]] = {}
        #: By partition: events of others since then.
        self._others: dict[int, int] = {}
        self._progress = Progress()

    def on_events(self, profile: Profile) -> None:
        """A window of a partition."""
        partition, events = profile.partition, profile.events
        self._events += events
        windows, own, _ = self._partitions.get(partition, (0, 0, 0))
        self._partitions[partition] = windows + 1, own + events, self._events
        self._others[partition] = 0
        for other in self._progress.take(profile):
            self._others[other] = self._others.get(other, 0) + events

    def on_label(self) -> None:
        """A label has come."""
        if self._labels_at is not None:
            self._longest = max(self._longest, self._events - self._labels_at)
        self._labels_at = self._events

    def on_unavailable(self) -> None:
        """It was said that a label will never come."""
        self._unavailable_at = self._events

    def partitions(self) -> list[int]:
        """The partitions that are silent."""
        return [
            partition
            for partition, (windows, own, last) in self._partitions.items()
            if windows >= WINDOWS_MIN
            if self._others.get(partition, 0) * own > MISSED * max(last, 1)
            if self._progress.is_quiet(partition)
        ]

    @property
    def labels(self) -> int:
        """Events since the last label if labels are silent, else 0.

        What is unavailable breaks a silence, and makes none: the longest stretch is one between labels.
        """
        if self._labels_at is None:
            return 0
        gap = self._events - max(self._labels_at, self._unavailable_at)
        return gap if gap > LONGEST * self._longest + MARGIN else 0
