"""What the events of all partitions are like as a whole: how many, how fresh, how many refused; and who is silent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import log, log10

from models.findings import Finding, Kind
from models.normality import TAIL, Range, Share
from models.progress import Progress
from schemas.examples import Profile

#: Good rounds before shares, and before volume and freshness can be judged.
ROUNDS_MIN = 10
RATES_MIN = 20

#: Windows of a partition before it can be missed, and windows that must be missing.
WINDOWS_MIN = 10
WINDOWS_MISSED = 4

#: Share of events by which rejects of one kind, and duplicates, must exceed what was normal.
REJECTS_MARGIN = 0.02
DUPLICATES_MARGIN = 0.05

#: Factor by which events must come faster or slower than they ever did.
VOLUME_FACTOR = 4.0

#: Seconds by which events must be older than they ever were.
STALE_S_MIN = 60.0

#: Kinds of rejects that are remembered.
REJECTS_MAX = 1000

#: Which finding a reason for rejecting is a sign of; all others are values out of what is accepted.
OF_REASON: dict[str, Kind] = {"absent": "missing", "categories": "new_category"}


def handled(profile: Profile) -> int:
    """How many events a profile is about, whatever became of them."""
    return profile.events + profile.duplicates + sum(profile.rejected.values())


@dataclass
class Part:
    """One partition's share in the traffic.

    Attributes
    ----------
    events, windows
        Handled so far.
    others
        Events of other partitions that Kafka took since its last window.
    gap
        The most that was expected of it in any gap between two of its windows, in events.
    """

    events: int = 0
    windows: int = 0
    others: int = 0
    gap: float = 0.0


class Feed:
    """What is normal for the events as such.

    Parameters
    ----------
    window
        Events that make a profile.

    Attributes
    ----------
    last
        Event time of the last event of each partition.
    """

    def __init__(self, window: int) -> None:
        self.last: dict[int, datetime] = {}
        self._window = window
        self._parts: dict[int, Part] = {}
        self._progress = Progress()
        self._total = 0
        self._rejects: dict[str, Share] = {}
        self._all = Share()
        self._duplicates = Share()
        self._rate = Range()
        self._age = Range()

    def silences(self, profile: Profile) -> dict[int, float]:
        """For each partition, how many events are missing; 0 where nothing is wrong.

        A partition is silent when four windows of it should have come, twice as many events as in any gap before, and
        when to see none of them has a probability below :data:`models.normality.TAIL` (Chernoff's bound for a Poisson
        count; up to a window of events may have come and not be told yet). One whose worker may only be behind is not
        (:mod:`models.progress`).
        """
        partition, count = profile.partition, handled(profile)
        own = self._parts.setdefault(partition, Part())
        own.gap = max(own.gap, self._expected(own))
        own.events += count
        own.windows += 1
        own.others = 0
        self._total += count
        self.last[partition] = profile.until
        missed = {partition: 0.0}
        for other in self._progress.take(profile):
            part = self._parts.setdefault(other, Part())
            part.others += count
            expected = self._expected(part)
            enough = max(WINDOWS_MISSED * self._window, 2 * part.gap)
            improbable = expected > enough and _none_of(expected, self._window)
            if part.windows >= WINDOWS_MIN and improbable and self._progress.is_quiet(other):
                missed[other] = expected
        return missed

    def _expected(self, part: Part) -> float:
        """Events that should have come since its last window, by its share in all that came before."""
        before = self._total - part.others
        share = part.events / before if before else 0.0
        return part.others * share / (1 - share) if share < 1 else 0.0

    def judge(self, whole: Profile, parts: Mapping[int, Profile]) -> Iterator[Finding]:
        """What is wrong in a round.

        Parameters
        ----------
        whole, parts
            Its profile, and those of its partitions.
        """
        total, since = handled(whole), whole.start
        for kind, field, count in _rejects(whole):
            normal = self._rejects.get(f"{kind} {field}") or Share(0.0, self._all.seen, self._all.windows)
            if normal.exceeded(count, total, REJECTS_MARGIN, ROUNDS_MIN):
                share = count / total
                why = {"missing": "absent", "new_category": "too many distinct categories"}.get(kind, "not acceptable")
                sentence = f"{field} is {why} in {share:.0%} of the events, which are rejected"
                yield Finding(kind=kind, field=field, since=since, size=share, sentence=sentence)
        if self._duplicates.exceeded(whole.duplicates, total, DUPLICATES_MARGIN, ROUNDS_MIN):
            share = whole.duplicates / total
            sentence = f"{share:.0%} of the events have come before; it was at most {self._duplicates.most:.0%}"
            yield Finding(kind="duplicates", since=since, size=share, sentence=sentence)
        if (rate := _rate(parts)) and self._rate.count >= RATES_MIN:
            yield from self._volume(rate, since)
        if whole.events:
            yield from self._freshness(whole)

    def _freshness(self, whole: Profile) -> Iterator[Finding]:
        age_s = (whole.received - whole.until).total_seconds()
        span_s = (whole.until - whole.start).total_seconds()
        slack_s = max(STALE_S_MIN, 4 * self._age.width, 4 * span_s)
        if self._age.count >= RATES_MIN and age_s > self._age.high + slack_s:
            older_s = age_s - self._age.high
            sentence = f"events come {older_s:,.0f} s later after they happened than they ever did"
            yield Finding(kind="stale", since=whole.start, size=older_s, sentence=sentence)

    def _volume(self, rate: float, since: datetime) -> Iterator[Finding]:
        if not self._rate.holds(log10(rate), log10(VOLUME_FACTOR)):
            more = log10(rate) > self._rate.high
            factor = rate / 10 ** (self._rate.high if more else self._rate.low)
            words = f"{factor:.3g} times as many events as ever" if more else f"{factor:.2g} of the fewest events ever"
            yield Finding(kind="volume", since=since, size=factor, sentence=f"{words} come in the same time")

    def learn(self, whole: Profile, parts: Mapping[int, Profile], wrong: set[tuple[str, str | None]]) -> None:
        """A round has been judged: all of it is normal but what is ``wrong``, by kind and field."""
        total = handled(whole)
        self._all.add(0, total)
        counts = {f"{kind} {field}": (count, (kind, field)) for kind, field, count in _rejects(whole)}
        for name, (count, sign) in counts.items():
            if sign not in wrong and (name in self._rejects or len(self._rejects) < REJECTS_MAX):
                known = self._rejects.setdefault(name, Share(0.0, self._all.seen - total, self._all.windows - 1))
                known.most = max(known.most, count / total)
        for known in self._rejects.values():
            known.seen, known.windows = self._all.seen, self._all.windows
        if ("duplicates", None) not in wrong:
            self._duplicates.add(whole.duplicates, total)
        # A burst is told once: where bursts are usual, they are normal from then on.
        if rate := _rate(parts):
            self._rate.add(log10(rate))
        if whole.events and ("stale", None) not in wrong:
            self._age.add((whole.received - whole.until).total_seconds())


def _none_of(expected: float, below: int) -> bool:
    """Whether fewer than ``below`` events are no chance where so many are expected."""
    if expected <= below:
        return False
    return expected - below + below * log(below / expected) > -log(TAIL)


def _rejects(profile: Profile) -> list[tuple[Kind, str, int]]:
    """Rejects by what they are a sign of: kind, field, count."""
    counts: dict[tuple[Kind, str], int] = {}
    for name, count in profile.rejected.items():
        path, _, reason = name.rpartition(" ")
        sign = OF_REASON.get(reason, "out_of_range"), path.removeprefix("$.") or "$"
        counts[sign] = counts.get(sign, 0) + count
    return [(kind, field, count) for (kind, field), count in counts.items()]


def _rate(parts: Mapping[int, Profile]) -> float | None:
    """Events per second of event time, partition by partition, so that one that lags behind does not count as slow."""
    rates = []
    for part in parts.values():
        span_s = (part.until - part.start).total_seconds()
        if span_s > 0:
            rates.append(handled(part) / span_s)
    return sum(rates) if len(rates) == len(parts) else None
