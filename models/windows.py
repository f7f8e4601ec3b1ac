"""Cohorts: the events of one stretch of event time each, and how many of them have their outcome."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

import numpy as np

from models.pipeline import Pipeline, duration
from models.tails import Numbers, Places, add_rows
from schemas.examples import Profile
from schemas.health import Cohort

#: Cohorts that are kept at most. Where an objective looks back so far, and labels come so late, that more would be
#: needed, each is longer.
COHORTS_MAX = 256

#: In how many cohorts the shortest window of an objective is cut.
CUTS = 7

#: The share of a cohort that must have its outcome before it counts. Labels that come late are others than those that
#: come early: with a twentieth missing, a share of one half can be 0.026 off at most.
RESOLVED = 0.95

#: Bins of latencies per factor of two: what is read from them is within 5 %.
_LATENCY_BINS = 8

# Events are spread over the cohorts that their profile touches; or all of them are taken to be in each of these.
_KNOWN, _CORRECTED, _EXPIRED, _UNAVAILABLE, _EVENTS, _EVENTS_MOST = range(6)


class Cohorts:
    """The newest stretches of event time.

    Parameters
    ----------
    pipeline
        Its objectives say how long the stretches are, its label how long they must be kept.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        spans = [duration(objective.over).total_seconds() for objective in pipeline.objectives if objective.over]
        timeout = pipeline.timeout.total_seconds()
        kept = max([*spans, timeout]) + max(timeout, pipeline.remember.total_seconds())
        self.width_s = max(min([*spans, timeout]) / CUTS, kept / (COHORTS_MAX - 2))
        self.size = min(COHORTS_MAX, math.ceil(kept / self.width_s) + 2)
        self._timeout_s = timeout
        self._newest: int | None = None
        self._newest_s = -math.inf
        self._covered_s = dict.fromkeys(range(pipeline.partitions), -math.inf)
        self._heard_s: dict[int, float] = {}
        self._outcomes: Numbers = np.zeros((self.size + 1, 6))
        self._latencies: dict[int, tuple[Counter[int], Counter[int]]] = {}
        #: Answered events that profiles tell of.
        self.events = 0
        #: Whether labels of some cohort have all but come; before, only the early ones are here.
        self.settled = False

    def advance(self, newest_s: float) -> Places:
        """Event time has come so far (seconds since 1970); gives the rows of the cohorts that are now over."""
        self._newest_s = max(self._newest_s, newest_s)
        newest, before = self._index(newest_s), self._newest
        if before is not None and newest <= before:
            return np.empty(0, np.intp)
        self._newest = newest
        first = newest - self.size + 1 if before is None else max(before + 1, newest - self.size + 1)
        over: Places = np.unique(np.arange(first, newest + 1) % self.size)
        self._outcomes[over] = 0.0
        self._latencies = {index: bins for index, bins in self._latencies.items() if index > newest - self.size}
        return over

    def _index(self, time_s: float) -> int:
        return math.floor(time_s / self.width_s)

    def rows(self, times_s: Numbers) -> Places:
        """The row of each event's cohort, by event time; one more than the cohorts' for events before them all."""
        assert self._newest is not None
        indices = np.floor(times_s / self.width_s).astype(np.intp)
        return np.where(indices > self._newest - self.size, indices % self.size, self.size)

    def outcomes(
        self, rows: Places, known: Numbers, corrected: Numbers, expired: Numbers, unavailable: Numbers
    ) -> None:
        """Outcomes have come; -1 takes one back."""
        columns = known, corrected, expired, unavailable, np.zeros((len(rows), 2))
        add_rows(self._outcomes, rows, np.column_stack(columns))

    def heard(self, partitions: Places, times_s: Numbers) -> None:
        """Outcomes of events with these times have come by these partitions."""
        for partition in np.unique(partitions).tolist():
            newest = float(times_s[partitions == partition].max())
            self._heard_s[partition] = max(newest, self._heard_s.get(partition, newest))

    @property
    def _outcomes_until_s(self) -> float:
        """Up to which event time outcomes come, on every partition that is not silent.

        Events may be read days before the labels of those days, so how far events have come says nothing here.
        """
        silent = max(self._heard_s.values(), default=-math.inf) - 2 * (self._timeout_s + self.width_s)
        return min((heard for heard in self._heard_s.values() if heard >= silent), default=-math.inf)

    def profile(self, profile: Profile) -> None:
        """Events were answered. They are spread evenly between the first and the last of them."""
        ends = profile.start.timestamp(), profile.until.timestamp()
        start, until = min(ends), max(ends)
        self.events += profile.events
        if profile.partition in self._covered_s:
            # An event dated in the future does not make the others of its window come sooner.
            covered = min(until, profile.received.timestamp())
            self._covered_s[profile.partition] = max(self._covered_s[profile.partition], covered)
        assert self._newest is not None
        first = max(self._index(start), self._newest - self.size + 1)
        indices = np.arange(first, self._index(until) + 1)
        if not len(indices):
            return
        shares = np.ones(1)
        if until > start:
            overlaps = np.minimum(until, (indices + 1) * self.width_s) - np.maximum(start, indices * self.width_s)
            shares = np.maximum(overlaps, 0.0) / (until - start)
        self._outcomes[indices % self.size, _EVENTS] += profile.events * shares
        self._outcomes[indices % self.size, _EVENTS_MOST] += profile.events * (shares > 0)
        for place, latency in enumerate((profile.latency_p50_ms, profile.latency_p99_ms)):
            if latency is not None:
                bins = self._latencies.setdefault(int(indices[-1]), (Counter(), Counter()))
                bins[place][_bin_of(latency)] += profile.events

    def resolved(self, index: int) -> float | None:
        """The share of a cohort that has its outcome, at least; ``None`` where nobody can say."""
        # All labels that came in time came before the one of an event that is younger by the timeout.
        if (index + 2) * self.width_s + self._timeout_s <= self._outcomes_until_s:
            return 1.0
        if not self._is_covered(index):
            return None
        known, _, expired, unavailable, _, events = self._outcomes[index % self.size].tolist()
        return min(1.0, (known + expired + unavailable) / events) if events else 1.0

    def _is_covered(self, index: int) -> bool:
        return min(self._covered_s.values()) >= (index + 1) * self.width_s

    def _indices(self) -> Iterable[int]:
        """All cohorts, the newest first."""
        assert self._newest is not None
        return range(self._newest, self._newest - self.size, -1)

    def _is_settled(self, index: int) -> bool:
        known, _, expired, *_ = self._outcomes[index % self.size].tolist()
        return known + expired > 0 and (self.resolved(index) or 0.0) >= RESOLVED

    def settle(self) -> None:
        """Look whether the labels of some cohort have all but come."""
        self.settled = self.settled or any(self._is_settled(index) for index in self._indices())

    def window(self, over_s: float) -> list[int]:
        """The cohorts of a window: it ends with the newest that is resolved enough, and all that are in it are so."""
        settled = [index for index in self._indices() if self._is_settled(index)]
        if not settled:
            return []
        oldest = settled[0] - max(1, math.ceil(over_s / self.width_s - 1e-9))
        return [index for index in settled if index > oldest]

    def sum(self, table: Numbers, window: list[int]) -> Numbers:
        """The sum of the cohorts' rows in a table that has one for each."""
        row: Numbers = table[self.places(window)].sum(axis=0)
        return row

    def places(self, window: list[int]) -> Places:
        """The rows of these cohorts in a table that has one for each."""
        return np.array(window, np.intp) % self.size

    def coverage(self, window: list[int]) -> tuple[int, int]:
        """Known and expired labels of a window."""
        total = self.sum(self._outcomes, window)
        return round(total[_KNOWN]), round(total[_EXPIRED])

    def latency(self, over_s: float, place: int) -> tuple[float, int] | None:
        """The median over events of their windows' latency in milliseconds, and the count of events."""
        bins: Counter[int] = Counter()
        for index, both in self._latencies.items():
            if (index + 1) * self.width_s > self._newest_s - over_s:
                bins.update(both[place])
        return median(bins)

    def span(self, window: list[int]) -> tuple[datetime, datetime] | tuple[None, None]:
        """Event time from the first to the end of the last cohort of a window."""
        if not window:
            return None, None
        return self._time(min(window)), self._time(max(window) + 1)

    def _time(self, index: int) -> datetime:
        return datetime.fromtimestamp(round(index * self.width_s, 3), UTC)

    def newest(self, count: int) -> list[Cohort]:
        """The newest cohorts with an outcome, the oldest first."""
        found: list[Cohort] = []
        for index in self._indices():
            known, corrected, expired, unavailable, events, _ = self._outcomes[index % self.size].tolist()
            if known + expired + unavailable > 0 and len(found) < count:
                found.append(
                    Cohort(
                        start=self._time(index),
                        events=round(events) if self._is_covered(index) else None,
                        known=round(known),
                        corrected=round(corrected),
                        expired=round(expired),
                        resolved=self.resolved(index),
                        unavailable=round(unavailable),
                    )
                )
        return found[::-1]


def _bin_of(latency_ms: float) -> int:
    return round(_LATENCY_BINS * math.log2(max(latency_ms, 0.001)))


def median(bins: Counter[int]) -> tuple[float, int] | None:
    """The median of what was counted in bins of latency, and the count."""
    count = bins.total()
    below = 0
    for place in sorted(bins):
        below += bins[place]
        if 2 * below >= count:
            return 2.0 ** (place / _LATENCY_BINS), count
    return None
