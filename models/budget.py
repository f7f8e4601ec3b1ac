"""The budget of retraining, and its schedule by the clock on the wall: folds over the steps that were told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from models.crontab import Crontab
from models.occasions import Occasion
from models.policies import Retraining
from schemas.retrains import Retrain

#: The schedule by the clock, as a reason.
CLOCK = "schedule:clock"

#: Days that are remembered.
DAYS_MAX = 2


@dataclass(frozen=True, slots=True)
class Moment:
    """Where the leader is.

    Parameters
    ----------
    position, time
        In the log, and in event time.
    clock
        On the wall.
    """

    position: int
    time: datetime
    clock: datetime


class Budget:
    """How many retrainings were asked for on a day, and how much processor time they took."""

    def __init__(self) -> None:
        self._requests: dict[date, int] = {}
        #: By day of the leader's clock, seconds of each retraining on that day.
        self._cpu_s: dict[date, dict[str, float]] = {}
        self._total_s: dict[str, float] = {}

    def hear(self, step: Retrain) -> None:
        """Take in a step that has been told."""
        if step.step == "requested":
            day = step.time.astimezone(UTC).date()
            self._requests[day] = self._requests.get(day, 0) + 1
            self._requests = {other: count for other, count in self._requests.items() if (day - other).days < DAYS_MAX}
        elif step.clock is not None:
            self._spend(step, step.clock.astimezone(UTC).date())

    def _spend(self, step: Retrain, day: date) -> None:
        total_s = step.cpu_s if step.cpu_s is not None else step.duration_s
        if total_s is not None:
            before_s = self._total_s.get(step.id, 0.0)
            spent = self._cpu_s.setdefault(day, {})
            spent[step.id] = spent.get(step.id, 0.0) + max(total_s - before_s, 0.0)
            self._total_s[step.id] = max(total_s, before_s)
            self._cpu_s = {other: kept for other, kept in self._cpu_s.items() if (day - other).days < DAYS_MAX}
        if step.step in ("finished", "failed"):
            self._total_s.pop(step.id, None)

    def cpu_s(self, day: date) -> float:
        """Seconds of processor time on a day of the leader's clock; where only a duration was told, that."""
        return sum(self._cpu_s.get(day, {}).values())

    def is_spent(self, declared: Retraining, now: Moment) -> bool:
        """Whether nothing more may be asked for by itself today."""
        if self._requests.get(now.time.astimezone(UTC).date(), 0) >= declared.per_day_max:
            return True
        most_s = declared.cpu_s_per_day_max
        return most_s is not None and self.cpu_s(now.clock.astimezone(UTC).date()) >= most_s


class WallClock:
    """When a crontab is due by the leader's clock.

    What was asked for at which time is read from the steps, so a new leader does not ask for the same again. Without
    any, it begins with the first time at which it looks.

    Parameters
    ----------
    declared
        With a crontab, or nothing is ever due.
    """

    def __init__(self, declared: Retraining) -> None:
        self._text = declared.crontab
        self._crontab = Crontab.of(declared.crontab) if declared.crontab else None
        self._due: datetime | None = None

    def hear(self, step: Retrain) -> None:
        """Take in a step that has been told."""
        slot = step.evidence.get("slot")
        if self._crontab is None or step.subject != CLOCK or slot is None:
            return
        after = self._crontab.after(datetime.fromtimestamp(slot, UTC))
        self._due = after if self._due is None else max(self._due, after)

    def look(self, now: datetime) -> Occasion | None:
        """What is due; a gap of days is one occasion, not several."""
        if self._crontab is None:
            return None
        if self._due is None:
            self._due = self._crontab.after(now)
        due = self._due
        if now < due:
            return None
        # The newest of those that are due: all before it are done with it. A long gap is not gone through in minutes.
        near = self._crontab.after(now - timedelta(days=1))
        due = max(due, near) if near <= now else due
        while (following := self._crontab.after(due)) <= now:
            due = following
        self._due = following
        evidence = {"slot": due.timestamp()}
        return Occasion("schedule", CLOCK, f"crontab {self._text}: due at {due:%Y-%m-%dT%H:%MZ} by the clock", evidence)
