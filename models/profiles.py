"""Windows of one partition's events, each summed up in a profile that adds up with others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from msgspec import structs

from models.letters import Ranks, ranks
from models.looks import EVERY, FEW, WINDOW_MIN, Looks
from models.pipeline import Pipeline
from models.references import Reference, References, feature_columns, named, score_columns
from models.summaries import Columns, summarise
from models.summaries import merge as merge_summaries
from schemas.examples import FieldSummary, Profile
from schemas.features import Features
from schemas.predictions import Prediction, Said
from schemas.rejects import Reject
from schemas.values import Score

#: Event time that one window spans at most, so that a trickle of events is seen too.
SPAN_MAX = timedelta(days=1)

#: Kinds of rejects that one profile tells apart; further ones count under :data:`FURTHER`.
REJECTS_MAX = 100
FURTHER = "$ further"

#: Partition of a profile that is merged from several.
SEVERAL = -1

Answered = tuple[Features, Prediction]


@dataclass(frozen=True, slots=True)
class Passage:
    """What a batch brought for one partition.

    Parameters
    ----------
    first, end
        Offsets of its events, ``first`` to before ``end``.
    received
        When Kafka took the last of them.
    answered
        Those that were answered, in order.
    duplicates
        Offsets of those that had come before.
    rejects
        Those that were rejected.
    """

    first: int
    end: int
    received: datetime
    answered: Sequence[Answered]
    duplicates: Sequence[int] = ()
    rejects: Sequence[Reject] = ()


class Profiler:
    """Counts the events of one partition into windows.

    A window is closed when it has the pipeline's ``profile_events`` events, rejected ones and duplicates included,
    when the next event is more than :data:`SPAN_MAX` later than its first, or when what it holds is odd
    (:mod:`models.looks`). Bursts of rejects and duplicates may make it larger, by one batch at most.

    Parameters
    ----------
    pipeline, partition
        Whose events.
    """

    def __init__(self, pipeline: Pipeline, partition: int) -> None:
        self._problem = pipeline.problem
        self._events = pipeline.profile_events
        self._partition = partition
        self._answered: list[Answered] = []
        self._first: int | None = None
        self._time: datetime | None = None
        # What was not answered: its offset, and why it was rejected if it was.
        self._dropped: list[tuple[int, str | None]] = []
        # The reference in whose bins it looks at the features, and how many events of the window it has looked at.
        self._looking: Reference | None = None
        self._looks = Looks(0)
        self._looked = 0
        # Only what is bet on is told sooner by it, and not where a block of event time is one observation.
        drift = pipeline.drift
        watched = drift is not None and drift.block is None and drift.events_per_false_alarm is not None
        self._looks_on = watched and self._events >= WINDOW_MIN

    def count(self, passage: Passage, references: References) -> list[Profile]:
        """Take in what a batch brought; gives the windows that it closes."""
        if self._first is None:
            self._first = passage.first
        self._answered += passage.answered
        self._dropped += [(offset, None) for offset in passage.duplicates]
        self._dropped += [(reject.source.offset, f"{reject.field} {reject.reason}") for reject in passage.rejects]
        closed = []
        looking = references.reference if self._looks_on and len(passage.answered) <= FEW else None
        while (cut := self._cut(looking)) is not None:
            window, self._answered = self._answered[:cut], self._answered[cut:]
            last = window[-1]
            closed.append(self._profile(window, last[0].event.offset + 1, last[1].received, references))
        if len(self._answered) + len(self._dropped) >= self._events:
            window, self._answered = self._answered, []
            closed.append(self._profile(window, passage.end, passage.received, references))
        if self._first == passage.end:
            self._first = None
        return closed

    def _cut(self, reference: Reference | None) -> int | None:
        """How many of the answered events make a window by themselves; ``None``: not enough.

        Parameters
        ----------
        reference
            In whose bins they are looked at; ``None``: they are not.
        """
        answered = self._answered
        most = min(len(answered), self._events)
        if not most:
            return None
        begun, full = answered[0][0].time, most == self._events
        if answered[most - 1][0].time - begun > SPAN_MAX:
            most = next(here for here, (features, _) in enumerate(answered) if features.time - begun > SPAN_MAX)
            full = True
        if reference is not None and not full and most - self._looked >= EVERY:
            ranks = self._ranks(answered[self._looked : most], reference)
            self._looked = most
            if self._looks.is_odd(ranks):
                self._looks.closed(early=True)
                return most
        if full:
            self._looks.closed(early=False)
        return most if full else None

    def _ranks(self, window: list[Answered], reference: Reference) -> Ranks:
        """The ranks of these values, ``[feature, value]``."""
        features = [name for name in reference.features if name in reference.bins]
        if reference is not self._looking:
            self._looking, self._looks = reference, Looks(len(features))
        columns = feature_columns([one.features for one, _ in window], features)
        return np.array([ranks(columns[name], reference.bins[name]) for name in features]).reshape(-1, len(window))

    def _profile(self, window: list[Answered], end: int, received: datetime, references: References) -> Profile:
        assert self._first is not None
        self._looked = 0
        times = [features.time for features, _ in window] or [self._time or received]
        delays = sorted([prediction.predicted - prediction.received for _, prediction in window])
        duplicates, rejected = self._take_dropped(end)
        profile = Profile(
            partition=self._partition,
            first=self._first,
            end=end,
            start=min(times),
            until=max(times),
            received=received,
            events=len(window),
            duplicates=duplicates,
            rejected=rejected,
            latency_p50_ms=_milliseconds(delays, 0.5),
            latency_p99_ms=_milliseconds(delays, 0.99),
            reference=references.reference.position if references.reference else None,
            fields=self._fields(window, references) if window else {},
        )
        self._first, self._time = end, profile.until
        return profile

    def _take_dropped(self, end: int) -> tuple[int, dict[str, int]]:
        """Duplicates, and rejects by kind, before an offset."""
        taken = [kind for offset, kind in self._dropped if offset < end]
        if not taken:
            return 0, {}
        self._dropped = [entry for entry in self._dropped if entry[0] >= end]
        kinds = Counter(kind for kind in taken if kind is not None)
        rejected = dict(kinds.most_common(REJECTS_MAX))
        if further := kinds.total() - sum(rejected.values()):
            rejected[FURTHER] = further
        return taken.count(None), rejected

    def _fields(self, window: list[Answered], references: References) -> dict[str, FieldSummary]:
        reference = references.reference
        known = reference.features if reference else ()
        columns = feature_columns([features.features for features, _ in window], known)
        columns |= self._scores([prediction for _, prediction in window], references)
        return summarise(columns, references.bins(list(columns)) if reference else {})

    def _scores(self, predictions: list[Prediction], references: References) -> Columns:
        first = predictions[0]
        casts = {(len(prediction.shadows), prediction.served) for prediction in predictions}
        full = casts == {(len(references.active) - 1, 0)}
        if not full or first.position < references.changed:
            said: list[list[Said | Prediction]] = [[one, *one.shadows] for one in predictions]
            return score_columns(said, references.baselines, self._problem)
        # All active models have answered everything, always in the same order: no need to look at who it was.
        columns: dict[tuple[str, int], list[Score | None]] = {
            (first.model, first.version): [prediction.score for prediction in predictions]
        }
        for place, shadow in enumerate(first.shadows):
            state = shadow.model, shadow.version
            if state not in references.baselines:
                columns[state] = [prediction.shadows[place].score for prediction in predictions]
        return named(columns, self._problem)


def _milliseconds(ordered: list[timedelta], share: float) -> float | None:
    """The delay below which this share of the delays lies (nearest rank); two clocks may make it less than 0."""
    if not ordered:
        return None
    return max(0.0, ordered[min(int(share * len(ordered)), len(ordered) - 1)] / timedelta(milliseconds=1))


def merge(one: Profile, other: Profile, *, sketched: bool = True) -> Profile:
    """The profile of both windows, in whatever order they are merged (moments to within rounding).

    Of several partitions, ``partition`` is :data:`SEVERAL` and the offsets are the outermost. The latencies are the
    larger ones: no quantile of the whole is above the highest one of its parts. Windows counted in bins of different
    references have none together.

    Parameters
    ----------
    sketched
        Whether quantiles of fields are wanted, which cost more than all the rest.
    """
    reference = one.reference if one.reference == other.reference else None
    rejected = Counter(one.rejected) + Counter(other.rejected)
    fields = {
        name: _merged(one.fields.get(name), other.fields.get(name), reference is not None, sketched)
        for name in sorted(one.fields.keys() | other.fields.keys())
    }
    return Profile(
        partition=one.partition if one.partition == other.partition else SEVERAL,
        first=min(one.first, other.first),
        end=max(one.end, other.end),
        start=min(one.start, other.start),
        until=max(one.until, other.until),
        received=max(one.received, other.received),
        events=one.events + other.events,
        duplicates=one.duplicates + other.duplicates,
        rejected=dict(sorted(rejected.items())),
        latency_p50_ms=_largest(one.latency_p50_ms, other.latency_p50_ms),
        latency_p99_ms=_largest(one.latency_p99_ms, other.latency_p99_ms),
        reference=reference,
        fields=fields,
        shard=one.shard,
    )


def light(profile: Profile) -> Profile:
    """The same without the sketches and the order of its fields, for those who keep many and need neither."""
    fields = {
        name: structs.replace(summary, sketch=None, order="") if summary.sketch or summary.order else summary
        for name, summary in profile.fields.items()
    }
    return structs.replace(profile, fields=fields)


def _merged(one: FieldSummary | None, other: FieldSummary | None, keep_bins: bool, sketched: bool) -> FieldSummary:
    both = [part for part in (one, other) if part is not None]
    summary = both[0] if len(both) == 1 else merge_summaries(*both, sketched=sketched)
    bins = summary.bins if keep_bins else []
    return summary if bins == summary.bins and not summary.order else structs.replace(summary, bins=bins, order="")


def _largest(one: float | None, other: float | None) -> float | None:
    return max((part for part in (one, other) if part is not None), default=None)
