"""Silencing: alerts that nobody is told of for a while, because a person said so."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from schemas.commands import Matcher
from schemas.errors import UserError
from schemas.examples import Notice

_MATCHER = re.compile(r"\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(!?=)(.*)", re.DOTALL)


class Silencing:
    """The silences that hold, by the id of the command that asked for them."""

    def __init__(self) -> None:
        self.open: dict[str, Notice] = {}

    def add(self, notice: Notice) -> None:
        """One begins."""
        assert notice.until is not None
        self.open[notice.command] = notice

    def remove(self, id: str) -> None:
        """One is over before its time."""
        self.open.pop(id, None)

    def expire(self, time: datetime) -> None:
        """Those whose time has come are over."""
        self.open = {id: one for id, one in self.open.items() if one.until is not None and one.until > time}

    def of(self, labels: dict[str, str]) -> list[str]:
        """Ids of the silences that hold for an alert."""
        return [id for id, one in self.open.items() if all(matches(matcher, labels) for matcher in one.matchers)]

    def ends(self) -> Iterable[datetime]:
        """When they will be over."""
        return (one.until for one in self.open.values() if one.until is not None)


def matches(matcher: Matcher, labels: dict[str, str]) -> bool:
    """Whether an alert with these labels is meant.

    >>> matches(Matcher(name="alertname", value="Drift*"), {"alertname": "DriftSignal"})
    True
    >>> matches(Matcher(name="field", value="", equal=False), {"alertname": "Drift"})
    False
    """
    return _like(matcher.value, labels.get(matcher.name, "")) == matcher.equal


def _like(pattern: str, text: str) -> bool:
    """Whether a text is as the pattern says, where ``*`` is any text.

    A person's regular expression could keep the leader busy for ever; this takes a time that has a bound.
    """
    first, *rest = pattern.split("*")
    if not rest:
        return text == pattern
    if not text.startswith(first):
        return False
    at = len(first)
    for piece in rest[:-1]:
        found = text.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return len(text) - at >= len(rest[-1]) and text.endswith(rest[-1])


def matcher_of(text: str) -> Matcher:
    """What a person has typed: ``name=value`` or ``name!=value``.

    >>> matcher_of("cause!=concept")
    Matcher(name='cause', value='concept', equal=False)

    Raises
    ------
    UserError
        If it is neither.
    """
    found = _MATCHER.fullmatch(text)
    if found is None:
        raise UserError(
            f"{text!r} matches no label; write name=value or name!=value, like alertname=Drift or 'field=wind*'"
        )
    return Matcher(name=found[1], value=found[3].strip().strip("\"'"), equal=found[2] == "=")
