"""``commands``: what people ask the leader to do."""

from __future__ import annotations

from typing import Literal

from schemas.values import FeatureValue, Record, Time


class Matcher(Record, frozen=True, kw_only=True):
    """A condition on one label of an alert.

    Parameters
    ----------
    name, value
        Of the label; in the value ``*`` stands for any text. A label that an alert does not have is empty.
    equal
        Whether it must be so, or must not.
    """

    name: str
    value: str
    equal: bool = True


class Command(Record, frozen=True, kw_only=True):
    """One request of one person.

    Parameters
    ----------
    model, version
        Whom it is about, where it is about a model.
    matchers, span_s
        With ``silence``: the alerts that nobody is told of, and for how many seconds of event time.
    target
        With ``acknowledge``: fingerprint of the alert. With ``unsilence``: id of the silence, which is that of its
        command.
    window, parameters
        With ``retrain``: learn only the last so many examples, like ``5000``, or so much event time, like ``7d``; and
        what is to differ from the declaration, by dotted name.
    warm
        With ``retrain``: begin with a copy of the champion.
    search
        With ``retrain``: choose among the declared alternatives.
    batch
        With ``retrain``: learn so many labels at a time; absent: as declared.
    share
        With ``share``: the part of all entities that the model is to serve; 0 ends it.
    by, reason
        Who asks, and why.
    """

    id: str
    action: Literal[
        "retrain",
        "promote",
        "roll_back",
        "approve",
        "reject",
        "pause",
        "resume",
        "retire",
        "share",
        "acknowledge",
        "silence",
        "unsilence",
    ]
    model: str | None = None
    version: int | None = None
    matchers: list[Matcher] = []
    span_s: float | None = None
    target: str | None = None
    window: str | None = None
    parameters: dict[str, FeatureValue] = {}
    warm: bool = False
    search: bool = False
    batch: int | None = None
    by: str
    reason: str
    time: Time
    share: float | None = None
