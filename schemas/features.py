"""``features``: what the models were given for one event."""

from __future__ import annotations

from schemas.values import Address, FeatureValue, Record, Time


class Features(Record, frozen=True, kw_only=True):
    """The prepared features of one event, as served.

    Parameters
    ----------
    id
        The event's id.
    time
        Event time.
    features
        Name to value, in the order in which the models see them.
    event
        Where the raw event lies.
    """

    id: str
    time: Time
    features: dict[str, FeatureValue]
    event: Address
