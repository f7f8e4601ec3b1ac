"""``feedback``: the truth about one event, when it is known."""

from __future__ import annotations

from typing import Any

from schemas.values import LabelValue, Record, Time

#: Feedback has a label, or says that there is none.
LABEL_OR_NOT: dict[str, Any] = {
    "anyOf": [
        {"required": ["label"]},
        {"required": ["unavailable"], "properties": {"unavailable": {"const": True}}},
    ]
}


class Feedback(Record, frozen=True, kw_only=True):
    """The label of one event, or that there will never be one. A second, different one for the same id is a correction.

    Parameters
    ----------
    id
        The event's id.
    label
        The truth; absent if it is unavailable.
    time
        When it became known; absent means when Kafka took the record.
    unavailable
        The truth will never be known: no label is waited for, and one that was given is withdrawn.
    reason
        Why it is unavailable, for a person.
    """

    id: str
    label: LabelValue | None = None
    time: Time | None = None
    unavailable: bool = False
    reason: str | None = None
