"""Which event a record is about, and when it was."""

from __future__ import annotations

from datetime import UTC, datetime

from schemas.envelope import parse_time
from schemas.errors import BadRecord

#: Longest id in characters: ids are kept in memory for as long as a label may come.
ID_LENGTH_MAX = 256


def id_of(value: object, field: str) -> str:
    """An id as text.

    Raises
    ------
    BadRecord
        If it is not a non-empty text of at most :data:`ID_LENGTH_MAX` characters, or an integer.
    """
    if type(value) is int:
        return str(value)
    if type(value) is not str or not value:
        raise BadRecord("id", f"expected a non-empty text or an integer, got {value!r:.80}", field)
    if len(value) > ID_LENGTH_MAX:
        raise BadRecord("id", f"{len(value)} characters; at most {ID_LENGTH_MAX} are accepted", field)
    return value


def time_of(value: object, field: str) -> datetime:
    """An event time from RFC 3339 text or seconds since 1970-01-01 UTC.

    Raises
    ------
    BadRecord
        If it is neither.
    """
    if type(value) is str:
        return parse_time(value, field)
    if type(value) is not int and type(value) is not float:
        raise BadRecord("time", f"expected RFC 3339 text or seconds since 1970, got {value!r:.80}", field)
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        raise BadRecord("time", f"{value!r} seconds since 1970 is no date; milliseconds?", field) from None


def too_far_ahead(time: datetime, received: datetime, name: str) -> BadRecord:
    """The error of a time that would make every label expire that is waited for."""
    return BadRecord(
        "time",
        f"{time.isoformat()} is {time - received} after Kafka took it ({received.isoformat()})",
        f"$.{name}",
    )
