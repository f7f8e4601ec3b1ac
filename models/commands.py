"""What becomes of a command: a record for the log once the leader accepts it, or a reason why not."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Literal

from schemas.commands import Command
from schemas.errors import BadRecord
from schemas.examples import Notice

#: Silences that hold at once at most.
SILENCES_MAX = 1000

#: Event time that a silence lasts at most: nobody remembers an older one.
SILENCE_MAX = timedelta(days=90)

MATCHERS_MAX = 20
CHARACTERS_MAX = 1000


def notice_of(
    command: Command, time: datetime, firing: Collection[str], silences: Collection[str], *, sure: bool = True
) -> Notice:
    """What is to be written to the log for a command about alerts; only from there it takes effect.

    Parameters
    ----------
    time
        Event time as far as it has come: the beginning of a silence.
    firing, silences
        Fingerprints of the alerts that fire, and ids of the silences that hold.
    sure
        Whether these are all: a leader that has yet to read the log to its end does not refuse what it may find there.

    Raises
    ------
    BadRecord
        If it can't be done.
    """
    for name in ("id", "by", "reason"):
        if len(getattr(command, name)) > CHARACTERS_MAX:
            raise BadRecord("command", f"it has more than {CHARACTERS_MAX:,} characters", f"$.{name}")
    if command.action == "silence":
        return _silenced(command, time, silences)
    if command.action == "unsilence":
        if command.target is None or (sure and command.target not in silences):
            raise BadRecord("command", f"there is no silence {command.target!r}", "$.target")
        return _notice(command, "unsilenced")
    if command.action == "acknowledge":
        if command.target is None or (sure and command.target not in firing):
            raise BadRecord("command", f"no alert {command.target!r} fires", "$.target")
        return _notice(command, "acknowledged")
    raise BadRecord("command", f"nobody here can {command.action.replace('_', ' ')} yet", "$.action")


def _silenced(command: Command, time: datetime, silences: Collection[str]) -> Notice:
    if not 0 < len(command.matchers) <= MATCHERS_MAX:
        raise BadRecord("command", f"a silence needs 1 to {MATCHERS_MAX} matchers", "$.matchers")
    if any(not matcher.name or len(matcher.value) > CHARACTERS_MAX for matcher in command.matchers):
        raise BadRecord("command", "a matcher has no name, or too long a value", "$.matchers")
    span_s = command.span_s
    if span_s is None or not 0 < span_s <= SILENCE_MAX.total_seconds():
        raise BadRecord("command", f"a silence lasts up to {SILENCE_MAX.days} days, got {span_s} s", "$.span_s")
    if len(silences) >= SILENCES_MAX:
        raise BadRecord("command", f"{SILENCES_MAX:,} silences hold already")
    return _notice(command, "silenced", time + timedelta(seconds=span_s))


def _notice(
    command: Command, action: Literal["silenced", "unsilenced", "acknowledged"], until: datetime | None = None
) -> Notice:
    silenced = until is not None
    return Notice(
        action=action,
        command=command.id,
        matchers=command.matchers if silenced else [],
        until=until,
        target=None if silenced else command.target,
        by=command.by,
        reason=command.reason,
    )
