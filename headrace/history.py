"""What the profiles in a learning log tell of a field over time; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce

from models.data_quality import Finding, Quality
from models.pipeline import Pipeline
from models.profiles import merge
from models.summaries import deviation, mean, quantiles
from schemas.errors import UserError
from schemas.examples import FieldSummary, Profile

#: From nothing to the most, for terminals that can show them and for those that cannot.
BLOCKS = "▁▂▃▄▅▆▇█"
LETTERS = "_.:-=+*#"

#: The quantiles of a field that are shown.
QUANTILES = (0.01, 0.5, 0.99)


@dataclass(frozen=True, slots=True)
class Row:
    """A stretch of event time.

    Parameters
    ----------
    start, until
        Event time of its first and its last event.
    events, duplicates, rejected
        What became of its events.
    latency_p99_ms
        The highest of its windows.
    missing
        Share of the events without the field.
    mean, deviation, minimum, maximum
        Of its numbers.
    p1, p50, p99
        Quantiles of its numbers, off by at most :data:`models.sketches.ERROR` of their size.
    categories
        Counts of its categories, the most frequent first.
    bins
        Values in each bin of the reference; empty where there were several or none.
    """

    start: datetime
    until: datetime
    events: int
    duplicates: int
    rejected: int
    latency_p99_ms: float | None
    missing: float | None
    mean: float | None
    deviation: float | None
    minimum: float | None
    maximum: float | None
    p1: float | None
    p50: float | None
    p99: float | None
    categories: dict[str, int]
    bins: list[int]


def stretches(profiles: Sequence[Profile], count: int) -> list[Profile]:
    """Merge profiles into at most so many equal stretches of event time, in order; empty ones are left out."""
    begun = min(profile.start for profile in profiles)
    span = max(profile.until for profile in profiles) - begun
    parts: dict[int, list[Profile]] = {}
    for profile in profiles:
        middle = (profile.start - begun + (profile.until - profile.start) / 2) / span if span else 0.0
        parts.setdefault(min(int(middle * count), count - 1), []).append(profile)
    return [reduce(merge, part) for _, part in sorted(parts.items())]


def fields_of(profiles: Iterable[Profile]) -> list[str]:
    """The names of all features and scores, in the order in which they came."""
    return list(dict.fromkeys(name for profile in profiles for name in profile.fields))


def row_of(profile: Profile, field: str) -> Row:
    """What one stretch says about a field."""
    summary = profile.fields.get(field, FieldSummary(count=0))
    total = summary.count + summary.missing
    low, middle, high = quantiles(summary, QUANTILES) or (None, None, None)
    return Row(
        start=profile.start,
        until=profile.until,
        events=profile.events,
        duplicates=profile.duplicates,
        rejected=sum(profile.rejected.values()),
        latency_p99_ms=profile.latency_p99_ms,
        missing=summary.missing / total if total else None,
        mean=mean(summary),
        deviation=deviation(summary),
        minimum=summary.minimum,
        maximum=summary.maximum,
        p1=low,
        p50=middle,
        p99=high,
        categories=dict(sorted(summary.categories.items(), key=lambda entry: (-entry[1], entry[0]))),
        bins=summary.bins,
    )


def findings(pipeline: Pipeline, profiles: Sequence[Profile]) -> list[Finding]:
    """All that was ever found in these profiles, in the order in which it began; what lasts is without ``until``."""
    quality, found = Quality(pipeline), list[Finding]()
    for place, profile in enumerate(profiles):
        found += [finding for finding in quality.fold(place, profile) if finding.until is not None]
    return sorted([*found, *quality.open.values()], key=lambda finding: (finding.since, finding.key))


def spark(values: Sequence[float | None], levels: str = BLOCKS, *, from_zero: bool = False) -> str:
    """Numbers as small bars, the lowest to the highest of them; a gap where there is none."""
    there = [value for value in values if value is not None]
    if not there:
        return " " * len(values)
    low, high = 0.0 if from_zero else min(there), max(there)
    step = (high - low) / len(levels) if high > low else 0.0
    places = [None if value is None else int((value - low) / step) if step else 0 for value in values]
    return "".join(" " if place is None else levels[min(place, len(levels) - 1)] for place in places)


def refuse_nothing(profiles: Sequence[Profile], pipeline: Pipeline) -> None:
    """There must be profiles.

    Raises
    ------
    UserError
        If there are none.
    """
    if not profiles:
        raise UserError(
            f"there is no profile of {pipeline.name} yet: each partition's worker writes one after "
            f"{pipeline.profile_events} events, or after a day of event time"
        )
