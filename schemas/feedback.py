"""``feedback``: the truth about one event, when it is known."""

from __future__ import annotations

from schemas.values import LabelValue, Record, Time


class Feedback(Record, frozen=True, kw_only=True):
    """The label of one event. A second, different label for the same id is a correction.

    Parameters
    ----------
    id
        The event's id.
    label
        The truth.
    time
        When it became known; absent means when Kafka took the record.
    """

    id: str
    label: LabelValue
    time: Time | None = None
