"""``examples``: the learning log, one total order of everything a model's state follows from."""

from __future__ import annotations

from typing import Literal

from schemas.commands import Matcher
from schemas.predictions import Said
from schemas.values import FeatureValue, LabelValue, Record, Time


class Example(Record, frozen=True, kw_only=True, tag_field="kind", tag="example"):
    """One outcome of one event: what the models were given, what they said, what was true.

    Parameters
    ----------
    id, partition, time
        The event's id, the partition of ``events`` it came by, its event time.
    status
        ``known``: the first label. ``corrected``: a later, different one, or one that came after it had expired.
        ``expired``: none came in time, there is nothing to learn.
    label
        The truth; absent when expired.
    previous
        With ``corrected``: the label that this one replaces; absent if that was none.
    labelled
        When the label became known; absent when expired.
    features
        As served.
    said
        What every active model said, the champion first.
    position
        The position of the state that said it.
    """

    id: str
    partition: int
    time: Time
    status: Literal["known", "corrected", "expired"]
    label: LabelValue | None = None
    previous: LabelValue | None = None
    labelled: Time | None = None
    features: dict[str, FeatureValue]
    said: list[Said]
    position: int
    shard: int = 0


class Trained(Record, frozen=True, kw_only=True):
    """How the state of a model came about that was trained apart from the service.

    Its state is the fold of the declared model over the examples in ``first`` to before ``end``. From the control
    record on it learns what comes; what lies between ``end`` and the control record it has not learnt.

    Parameters
    ----------
    retrain
        Id of the retraining.
    method
        ``fresh``: the declared model on the whole log. ``window``: the declared model on its newest part. ``warm``: a
        copy of ``parent`` as it is where the control record stands, with other ``parameters``.
    first, end
        The range of the learning log.
    examples
        Labels that were learnt from it.
    seed
        Of the model as declared; 0 if it has none.
    digest
        Of what the state answers to the last examples of the range, to the last bit.
    parent
        ``model@version`` that it was copied from.
    parameters
        What differs from the declaration, by dotted name.
    duration_s
        How long the training took.
    """

    retrain: str
    method: Literal["fresh", "window", "warm"]
    first: int
    end: int
    examples: int
    seed: int = 0
    digest: str = ""
    parent: str | None = None
    parameters: dict[str, FeatureValue] = {}
    duration_s: float = 0.0


class Control(Record, frozen=True, kw_only=True, tag_field="kind", tag="control"):
    """A change of the set of active models. It takes effect at the place where it stands in the log.

    Parameters
    ----------
    action
        ``added``: a fresh model joins the shadows. ``promoted``, ``rolled_back``: it becomes the champion.
        ``removed``, ``quarantined``: it is no longer active.
    model, version
        Whom it is about.
    definition
        Digest of the model as declared, so that a worker with another declaration does not guess.
    baseline
        Whether it is there only for comparison.
    reason
        Why, for a person.
    trained
        With ``added``: how it came to its state; absent for a model that begins fresh.
    """

    action: Literal["added", "promoted", "rolled_back", "removed", "quarantined"]
    model: str
    version: int
    definition: str = ""
    baseline: bool = False
    reason: str
    trained: Trained | None = None
    shard: int = 0


class FieldSummary(Record, frozen=True, kw_only=True):
    """A mergeable summary of one feature or score: two of them add up to that of both parts.

    Parameters
    ----------
    count, missing
        Values seen and values absent.
    total, squares, minimum, maximum
        Sum, sum of squares and extremes of numeric values.
    categories
        Counts of the most frequent categories.
    bins
        Values in each bin of the reference that the profile names; empty while there is none.
    """

    count: int
    missing: int = 0
    total: float = 0.0
    squares: float = 0.0
    minimum: float | None = None
    maximum: float | None = None
    categories: dict[str, int] = {}
    bins: list[int] = []


class Profile(Record, frozen=True, kw_only=True, tag_field="kind", tag="profile"):
    """Summaries of the features and scores of one partition over one window of its events.

    Parameters
    ----------
    partition
        Of ``events``.
    first, end
        Offsets of the events it is about: ``first`` to before ``end``. A gap between two profiles of a partition is
        what a crash lost.
    start, until
        Event time of its first and of its last event.
    received
        When Kafka took its last event.
    events, duplicates
        Events that were answered, and those dropped because they had come before.
    rejected
        ``<field path> <reason>`` to the number of events rejected so.
    latency_p50_ms, latency_p99_ms
        From the moment at which Kafka took an event to that at which its answer was made.
    reference
        Position of the reference whose bins were counted; absent while there is none.
    fields
        By feature, and by ``score:<model>@<version>``.
    """

    partition: int
    first: int
    end: int
    start: Time
    until: Time
    received: Time
    events: int
    duplicates: int = 0
    rejected: dict[str, int] = {}
    latency_p50_ms: float | None = None
    latency_p99_ms: float | None = None
    reference: int | None = None
    fields: dict[str, FieldSummary]
    shard: int = 0


class Notice(Record, frozen=True, kw_only=True, tag_field="kind", tag="notice"):
    """What a person has said about alerts or a promotion, accepted by the leader. It holds from its place in the log.

    Parameters
    ----------
    action
        ``silenced``: nobody is told of the alerts that match. ``unsilenced``: a silence is over before its time.
        ``acknowledged``: somebody has taken an alert up. ``refused``: a promotion that was proposed or decided does
        not take place. ``frozen``: no model is promoted any more without a person, until it is ``thawed``.
        ``retired``: a person has removed a model; the control record beside it does so.
    command
        Id of the command that asked for it; also that of the silence.
    matchers, until
        Of a silence: which alerts, and event time at which it is over.
    target
        Fingerprint of the alert that is acknowledged, id of the silence that is over, or ``model@version`` of the
        challenger that is refused, or of the model that is retired.
    by, reason
        Who asked, and why.
    """

    action: Literal["silenced", "unsilenced", "acknowledged", "refused", "frozen", "thawed", "retired"]
    command: str
    matchers: list[Matcher] = []
    until: Time | None = None
    target: str | None = None
    by: str
    reason: str
    shard: int = 0


LogRecord = Example | Control | Profile | Notice
