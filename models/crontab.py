"""When a crontab is due, in event time: five fields as in cron(5), always UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of the month", 1, 31), ("month", 1, 12), ("day of the week", 0, 7))

#: A date like 29 February on a Monday comes at least once in so many years.
_DAYS_MAX = 366 * 28


@dataclass(frozen=True, slots=True)
class Crontab:
    """Minute, hour, day of the month, month, day of the week (0 and 7 are Sunday).

    Each field is ``*``, a number, a range ``1-5``, any of these with a step ``*/15``, or several between commas. If
    both days are restricted, either is enough, as in cron.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool

    @classmethod
    def of(cls, text: str) -> Self:
        """Read one.

        Raises
        ------
        ValueError
            If it is none, or never due.
        """
        parts = text.split()
        if len(parts) != len(_FIELDS):
            raise ValueError(f"{text!r} has {len(parts)} fields; a crontab has five, like '0 3 * * 1'")
        fields = [_values(part, *field) for part, field in zip(parts, _FIELDS, strict=True)]
        weekdays = frozenset(day % 7 for day in fields[4])
        # As cron does it: a field that begins with a star restricts nothing by itself.
        either = not parts[2].startswith("*") and not parts[4].startswith("*")
        crontab = cls(fields[0], fields[1], fields[2], fields[3], weekdays, either)
        crontab.after(datetime(2000, 1, 1, tzinfo=UTC))
        return crontab

    def after(self, time: datetime) -> datetime:
        """The first minute after a time at which it is due.

        Raises
        ------
        ValueError
            If it never is.
        """
        start = time.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
        day = start.replace(hour=0, minute=0)
        for _ in range(_DAYS_MAX):
            if self._on(day):
                for hour in sorted(self.hours):
                    for minute in sorted(self.minutes):
                        due = day.replace(hour=hour, minute=minute)
                        if due >= start:
                            return due
            day += timedelta(days=1)
        raise ValueError("this crontab is never due")

    def _on(self, day: datetime) -> bool:
        if day.month not in self.months:
            return False
        by_date, by_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return by_date or by_week if self.either_day else by_date and by_week


def _values(text: str, name: str, least: int, most: int) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, dash, last = span.partition("-")
        try:
            low, high = (least, most) if span == "*" else (int(first), int(last) if dash else int(first))
            every = int(step) if step else 1
        except ValueError:
            raise ValueError(f"{name} {part!r} is no number, range or '*'") from None
        if step and not dash and span != "*":
            high = most
        if not (least <= low <= high <= most and every > 0):
            raise ValueError(f"{name} {part!r} is not within {least} and {most}")
        found.update(range(low, high + 1, every))
    return frozenset(found)
