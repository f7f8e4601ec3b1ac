"""Holding down: when a condition becomes an alert, and when an alert is over, without flapping between the two."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from models.conditions import MOMENT, Condition, Kind
from schemas.alerts import Alert


@dataclass(slots=True)
class Watched:
    """One condition, from when it is first said until its alert is resolved.

    Parameters
    ----------
    kind, labels, clear
        What it is, and for how much event time it must be gone until its alert is resolved.
    condition
        As it was said last.
    since
        From when on it is so, or is no longer so.
    began
        Event time at which it began, for the alert.
    active, times
        Whether it is so, and how often that was said in a row.
    superseded
        Whether something else has taken its place, so that it is over at once.
    firing
        Whether it is an alert.
    news, told, acknowledged_by
        Whether people do not know of it yet, whether they were told since it fired, who has taken it up.
    published
        Its alert as it was given out last.
    """

    kind: Kind
    labels: dict[str, str]
    clear: timedelta
    condition: Condition
    since: datetime
    began: datetime
    active: bool = True
    times: int = 0
    superseded: bool = False
    firing: bool = False
    news: bool = False
    told: bool = False
    acknowledged_by: str | None = None
    published: Alert | None = None

    def say(self, condition: Condition, time: datetime) -> None:
        """It was said again that it is so, or is not."""
        if condition.active != self.active:
            self.active, self.times, self.since = condition.active, 0, time
            if condition.active and not self.firing:
                self.began = condition.since or time
        self.times += 1
        if condition.active:
            self.condition = condition
            self.superseded = False
            if self.kind.momentary:
                self.since = time
                # It has happened once more, and nobody has taken that up.
                self.news, self.acknowledged_by = True, None

    def settle(self, time: datetime) -> None:
        """Fire, or be resolved, if it is time."""
        if not self.firing:
            if self.active and self.times >= self.kind.times and time - self.since >= self.kind.span:
                self.firing, self.news, self.told, self.acknowledged_by = True, True, False, None
        elif self.superseded or (self._clear_enough and time - self.since >= self._clear_span):
            self.firing = False
            self.active = False

    @property
    def over(self) -> bool:
        """Whether nothing is left to look after."""
        return not self.firing and not self.active

    @property
    def due(self) -> datetime | None:
        """Event time at which it may change without anything more being said."""
        if not self.firing:
            return self.since + self.kind.span if self.active and self.times >= self.kind.times else None
        return self.since + self._clear_span if self._clear_enough else None

    @property
    def _clear_enough(self) -> bool:
        return self.kind.momentary or (not self.active and self.times >= self.kind.clear_times)

    @property
    def _clear_span(self) -> timedelta:
        return MOMENT if self.kind.momentary else self.clear

    def alert(self, name: str, position: int, silenced: list[str], inhibited: list[str]) -> Alert:
        """Its alert as it stands."""
        condition = self.condition
        annotations = {"summary": condition.summary, "description": condition.description, "action": self.kind.action}
        if condition.value is not None:
            annotations["value"] = f"{condition.value:.6g}"
        return Alert(
            status="firing" if self.firing else "resolved",
            labels=self.labels,
            annotations={key: text for key, text in annotations.items() if text},
            starts_at=self.began,
            ends_at=None if self.firing else max(self.since, self.began),
            fingerprint=name,
            position=position,
            acknowledged_by=self.acknowledged_by,
            silenced_by=silenced,
            inhibited_by=inhibited,
        )
