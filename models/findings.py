"""What is recognised as wrong with the data, as one value."""

from __future__ import annotations

from typing import Literal, get_args

from schemas.values import Record, Time

Kind = Literal[
    "missing",
    "out_of_range",
    "new_category",
    "constant",
    "unit_change",
    "stuck",
    "silent",
    "duplicates",
    "volume",
    "stale",
]

KINDS: tuple[Kind, ...] = get_args(Kind)


class Finding(Record, frozen=True, kw_only=True):
    """One thing that is wrong with the data, from when on, and until when.

    Parameters
    ----------
    kind
        What it is.
    field
        The feature, or the field of the raw events; absent where it is about all of them.
    partition
        Of ``events``; absent where it is about all of them.
    since, until
        Event time at which it began; at which it was over, absent while it lasts.
    size
        How much, in the unit of its kind: a share of events (``missing``, ``out_of_range``, ``new_category``,
        ``duplicates``), a factor (``unit_change``, ``volume``), events (``constant``, ``stuck``, ``silent``), seconds
        (``stale``).
    sentence
        The same for a person.
    """

    kind: Kind
    field: str | None = None
    partition: int | None = None
    since: Time
    until: Time | None = None
    size: float
    sentence: str

    @property
    def key(self) -> str:
        """Names the finding among those that are open: ``<kind>:<field>:<partition>``."""
        return f"{self.kind}:{self.field or ''}:{'' if self.partition is None else self.partition}"
