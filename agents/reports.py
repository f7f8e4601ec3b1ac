"""What the leader's folds have said last, for the metrics endpoint."""

from __future__ import annotations

from collections import Counter

from schemas.drift import Drift
from schemas.health import Health
from schemas.values import Record

#: Open episodes that are kept; the oldest falls out.
EPISODES_MAX = 100


class Reports:
    """The reports of health and drift, folded into the state of now."""

    def __init__(self) -> None:
        self.health: Health | None = None
        #: Alarms about drift by detector and cause.
        self.alarms: Counter[tuple[str, str]] = Counter()
        #: Open episodes of drift: where they began, to the newest record about them.
        self.episodes: dict[int, Drift] = {}

    def take(self, said: Record, new: bool) -> None:
        """A fold has said something.

        Parameters
        ----------
        new
            No earlier leader has said it: it counts.
        """
        if isinstance(said, Health):
            self.health = said
        elif isinstance(said, Drift):
            self._drift(said, new)

    def _drift(self, drift: Drift, new: bool) -> None:
        episode = drift.position if drift.episode is None else drift.episode
        if new and drift.phase in ("start", "signal"):
            self.alarms[drift.detector, drift.cause] += 1
        if drift.phase == "end":
            self.episodes.pop(episode, None)
        elif drift.phase != "signal":
            self.episodes[episode] = drift
            while len(self.episodes) > EPISODES_MAX:
                self.episodes.pop(next(iter(self.episodes)))
