"""The plain values that records are made of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import msgspec

#: What a model may be given as a feature. Numbers are finite: JSON has no other.
FeatureValue = bool | int | float | str | None

#: The truth about an event: a class for ``binary`` and ``multiclass``, a number for ``regression``.
LabelValue = bool | int | float | str

#: What a model says: the probability of true for ``binary``, a probability per class for ``multiclass``,
#: the value for ``regression``.
Score = float | dict[str, float]

#: A time with its zone; written as RFC 3339 in UTC.
Time = Annotated[datetime, msgspec.Meta(tz=True)]


class Record(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Base of all records: immutable, unknown fields of a newer version are ignored, defaults are not written."""


class Address(Record, frozen=True, kw_only=True):
    """Where a record lies on Kafka."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]@{self.offset}"


def at_millisecond(milliseconds: int) -> datetime:
    """Kafka's timestamp, milliseconds since 1970-01-01 UTC, as a time."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
