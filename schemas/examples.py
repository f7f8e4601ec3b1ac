"""``examples``: the learning log, one total order of everything a model's state follows from."""

from __future__ import annotations

from typing import Literal

from schemas.commands import Matcher
from schemas.lineage import Lineage
from schemas.predictions import Said
from schemas.trainings import Fit, Rung
from schemas.values import FeatureValue, LabelValue, Record, Time

#: What became of an event's label.
Status = Literal["known", "corrected", "expired", "unavailable"]


class Example(Record, frozen=True, kw_only=True, tag_field="kind", tag="example"):
    """One outcome of one event: what the models were given, what they said, what was true.

    Parameters
    ----------
    id, partition, time
        The event's id, the partition of ``events`` it came by, its event time.
    status
        ``known``: the first label. ``corrected``: a later, different one, or one that came after it had expired.
        ``expired``: none came in time, there is nothing to learn. ``unavailable``: somebody said that there will never
        be one, or has withdrawn it; there is nothing to learn.
    label
        The truth; absent when expired or unavailable.
    previous
        With ``corrected`` or ``unavailable``: the label that stood there before; absent if that was none.
    replaces
        What the event was before: ``known`` (its label is ``previous``), ``expired``, ``unavailable``; absent for its
        first outcome. Older records don't have it: then ``corrected`` without ``previous`` replaces ``expired``.
    labelled
        When the label became known, or that it is unavailable; absent when expired.
    reason
        With ``unavailable``: why, if that was said.
    features
        As served.
    said
        What every active model said, the champion first.
    position
        The position of the state that said it.
    served
        Place in ``said`` of what was served: 0, the champion's, unless a challenger has a share of the traffic.
    """

    id: str
    partition: int
    time: Time
    status: Status
    label: LabelValue | None = None
    previous: LabelValue | None = None
    replaces: Literal["known", "expired", "unavailable"] | None = None
    labelled: Time | None = None
    reason: str | None = None
    features: dict[str, FeatureValue]
    said: list[Said]
    position: int
    shard: int = 0
    served: int = 0


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
    features
        All that it is given of what was served; empty: everything.
    batch
        It learnt so many labels of the range at a time, from the first on, the rest at the end; 0: one by one.
    alternative, rungs
        With a search: the name of the winner, and how the others were left behind.
    fit
        How well it fits what it has learnt; absent where that was not looked at.
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
    features: list[str] = []
    batch: int = 0
    alternative: str = ""
    rungs: list[Rung] = []
    fit: Fit | None = None


class Control(Record, frozen=True, kw_only=True, tag_field="kind", tag="control"):
    """A change of the set of active models. It takes effect at the place where it stands in the log.

    Parameters
    ----------
    action
        ``added``: a fresh model joins the shadows. ``promoted``, ``rolled_back``: it becomes the champion.
        ``removed``, ``quarantined``: it is no longer active. ``shared``: it serves another ``share`` of the traffic.
        ``deleted``: it left, its state is no longer kept, and it can't come back. ``added`` of a version that has left
        and was not deleted: it comes back as it was when it left.
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
    share
        With ``shared``: the part of all entities that it serves from here on, to 1/10,000; 0 ends it.
    lineage
        With ``added``: what it was made of; absent in older records.
    step
        With ``shared``: which declared step of a canary it is, from 1 on; 0: it stays until somebody ends it.
    """

    action: Literal["added", "promoted", "rolled_back", "removed", "quarantined", "shared", "deleted"]
    model: str
    version: int
    definition: str = ""
    baseline: bool = False
    reason: str
    trained: Trained | None = None
    shard: int = 0
    share: float = 0.0
    step: int = 0
    lineage: Lineage | None = None


class Sketch(Record, frozen=True, kw_only=True):
    """How many numbers lie in buckets of equal width on a logarithmic scale; see :mod:`models.sketches`.

    Parameters
    ----------
    steps
        The place of the lowest bucket that is not empty, and from each to the next.
    counts
        Numbers in each.
    """

    steps: list[int]
    counts: list[int]


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
    sketch
        Of the numeric values, for quantiles; absent where there are none.
    order
        The bin of each value in the order of the events, a letter each: ``A`` is the first bin, ``-`` a missing value,
        ``.`` one that has no bin. Empty without bins, and in what is merged.
    """

    count: int
    missing: int = 0
    total: float = 0.0
    squares: float = 0.0
    minimum: float | None = None
    maximum: float | None = None
    categories: dict[str, int] = {}
    bins: list[int] = []
    sketch: Sketch | None = None
    order: str = ""


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
    """What the leader has taken down: what a person said about alerts or a promotion, or that nothing more comes.

    It holds from its place in the log.

    Parameters
    ----------
    action
        ``silenced``: nobody is told of the alerts that match. ``unsilenced``: a silence is over before its time.
        ``acknowledged``: somebody has taken an alert up. ``refused``: a promotion that was proposed or decided does
        not take place. ``frozen``: no model is promoted any more without a person, until it is ``thawed``.
        ``retired``: a person has removed a model; the control record beside it does so. ``shared``: a person has given
        a challenger a share of the traffic, or ended it; so does the control record beside it. ``quiet``: nothing more
        has come for a while, so a report of health is due here, though not by its count. ``troubled``: the leader has
        seen something by its clock that no other record tells, until it has ``recovered``.
    command
        Id of the command that asked for it; also that of the silence. Empty where nobody asked.
    matchers, until
        Of a silence: which alerts, and event time at which it is over.
    target
        Fingerprint of the alert that is acknowledged, id of the silence that is over, or ``model@version`` of the
        challenger that is refused, of the model that is retired, or of the one that has another share. Of a trouble:
        the name of its alert.
    by, reason
        Who asked, and why.
    """

    action: Literal[
        "silenced",
        "unsilenced",
        "acknowledged",
        "refused",
        "frozen",
        "thawed",
        "retired",
        "shared",
        "quiet",
        "troubled",
        "recovered",
    ]
    command: str
    matchers: list[Matcher] = []
    until: Time | None = None
    target: str | None = None
    by: str
    reason: str
    shard: int = 0


LogRecord = Example | Control | Profile | Notice
