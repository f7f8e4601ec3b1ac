"""Whether the champion is what it is there for: each objective's bounds against what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from models.baselines import PRIOR
from models.evidence import improvement
from models.intervals import around
from models.judged import Judged, improvement_of
from models.losses import ADDITIVE
from models.metrics import OTHER_METRICS, gains_more
from models.monitoring import Objective
from models.pipeline import Pipeline, duration
from models.tails import Numbers
from models.windows import Cohorts
from schemas.health import Interval, ObjectiveHealth

State = Literal["met", "at_risk", "broken", "not_enough_labels"]

#: With fewer labels a share of one half is off by 0.1 by chance in one of twenty cases.
LABELS_MIN = 100


@dataclass(frozen=True, slots=True)
class Bound:
    """One bound of an objective.

    Parameters
    ----------
    metric, bound, is_least, better_than
        The bound, of the value or of the improvement on a baseline.
    over
        Event time looked back on as declared, and in seconds; ``None``: the last labels.
    """

    metric: str
    bound: float
    is_least: bool
    better_than: str | None = None
    over: str | None = None
    over_s: float | None = None

    @property
    def name(self) -> str:
        """The bound in words."""
        over = "" if self.over is None else f" over {self.over}"
        if self.better_than is not None:
            return f"{self.metric} better than {self.better_than} by {self.bound:g}{over}"
        return f"{self.metric} {'at least' if self.is_least else 'at most'} {self.bound:g}{over}"


def bounds(objective: Objective) -> list[Bound]:
    """Every bound that an objective names."""
    over_s = None if objective.over is None else duration(objective.over).total_seconds()
    over = None if objective.over is None else str(objective.over)
    found = []
    if objective.better_than is not None:
        found.append(Bound(objective.metric, float(objective.by), True, objective.better_than, over, over_s))
    if objective.at_most is not None:
        found.append(Bound(objective.metric, float(objective.at_most), False, None, over, over_s))
    if objective.at_least is not None:
        found.append(Bound(objective.metric, float(objective.at_least), True, None, over, over_s))
    return found


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured for a bound; ``enough``: whether it can be judged on so many."""

    value: float | None
    count: int
    enough: bool
    interval: Interval | None = None
    start: datetime | None = None
    until: datetime | None = None


def judge(bound: Bound, measured: Measured) -> State:
    """The state of a bound, from what was measured.

    A bound that the value keeps is met. One that it misses is broken if the interval misses it too, or there is none;
    otherwise chance may be the reason, and it is at risk.
    """
    value, interval = measured.value, measured.interval
    if value is None or not measured.enough:
        return "not_enough_labels"
    if value >= bound.bound if bound.is_least else value <= bound.bound:
        return "met"
    if interval is None:
        return "broken"
    is_certain = interval.high < bound.bound if bound.is_least else interval.low > bound.bound
    return "broken" if is_certain else "at_risk"


@dataclass(slots=True)
class Seen:
    """What objectives are measured on.

    Parameters
    ----------
    champion, baselines
        The active models; baselines by name.
    cohorts
        By event time.
    scale
        From which on absolute errors count alike in intervals.
    outcomes
        1 for a label and 0 for an expired one, of the last events.
    latencies
        Median and 99th percentile in milliseconds by profile, the newest last, and their events.
    """

    champion: Judged | None
    baselines: Mapping[str, Judged]
    cohorts: Cohorts
    scale: float | None
    outcomes: Numbers
    latencies: list[tuple[float | None, float | None, int]] = field(default_factory=list)


class Objectives:
    """The bounds of a pipeline's objectives, and since when each is in its state."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._bounds = [bound for objective in pipeline.objectives for bound in bounds(objective)]
        self._problem = pipeline.problem
        self._labels_min = min(LABELS_MIN, pipeline.health_window)
        self._window = pipeline.health_window
        self._since: dict[str, tuple[State, int]] = {}

    @property
    def spans(self) -> list[float]:
        """The lengths of the windows of event time, in seconds."""
        return sorted({bound.over_s for bound in self._bounds if bound.over_s is not None})

    @property
    def baselines(self) -> list[str]:
        """Those that models are compared with: all that an objective names, or else the prior."""
        return list(dict.fromkeys(bound.better_than for bound in self._bounds if bound.better_than)) or [PRIOR]

    def report(self, seen: Seen, position: int) -> list[ObjectiveHealth]:
        """The state of every bound at this position of the log."""
        return [self._report(bound, self._measure(bound, seen), position) for bound in self._bounds]

    def _report(self, bound: Bound, measured: Measured, position: int) -> ObjectiveHealth:
        state = judge(bound, measured)
        before, since = self._since.get(bound.name, (None, position))
        if before != state:
            since = position
        self._since[bound.name] = state, since
        return ObjectiveHealth(
            name=bound.name,
            metric=bound.metric,
            bound=bound.bound,
            is_least=bound.is_least,
            better_than=bound.better_than,
            over_s=bound.over_s,
            state=state,
            value=measured.value,
            count=measured.count,
            interval=measured.interval,
            since=since,
            start=measured.start,
            until=measured.until,
        )

    def _measure(self, bound: Bound, seen: Seen) -> Measured:
        if bound.metric == "coverage":
            return self._coverage(bound, seen)
        if bound.metric in OTHER_METRICS:
            return self._latency(bound, seen)
        if seen.champion is None:
            return Measured(None, 0, False)
        if bound.better_than is not None:
            return self._better(bound, bound.better_than, seen, seen.champion)
        return self._value(bound, seen, seen.champion)

    def _coverage(self, bound: Bound, seen: Seen) -> Measured:
        start = until = None
        if bound.over_s is None:
            known, expired = int(seen.outcomes.sum()), int((1 - seen.outcomes).sum())
            settled = seen.cohorts.settled
        else:
            window = seen.cohorts.window(bound.over_s)
            (known, expired), settled = seen.cohorts.coverage(window), True
            start, until = seen.cohorts.span(window)
        count = known + expired
        if not count:
            return Measured(None, 0, False)
        # With the constant guess that a label comes, the squared errors add up to the number of those that did not.
        low, high = around(count, known, expired)
        interval = Interval(value=known / count, low=low, high=high, count=count)
        return Measured(known / count, count, settled and count >= self._labels_min, interval, start, until)

    def _latency(self, bound: Bound, seen: Seen) -> Measured:
        place = OTHER_METRICS.index(bound.metric) - 1
        if bound.over_s is not None:
            found = seen.cohorts.latency(bound.over_s, place)
            return Measured(None, 0, False) if found is None else Measured(*found, True)
        measured = sorted((one[place], one[2]) for one in seen.latencies if one[place] is not None)
        count, below = sum(events for _, events in measured), 0
        for value, events in measured:
            below += events
            if 2 * below >= count:
                return Measured(value, count, count >= self._labels_min)
        return Measured(None, 0, False)

    def _value(self, bound: Bound, seen: Seen, champion: Judged) -> Measured:
        if bound.over_s is not None:
            window = seen.cohorts.window(bound.over_s)
            row = seen.cohorts.sum(champion.sums.cohorts, window)
            value = champion.values_of(row).get(bound.metric)
            interval = champion.intervals(row, seen.scale).get(bound.metric)
            count = round(row[0])
            return Measured(value, count, count >= self._labels_min, interval, *seen.cohorts.span(window))
        count = min(champion.metrics.count, self._window)
        value = champion.metrics.rolling().get(bound.metric) if count else None
        last = champion.sums.last
        interval = None if last is None else champion.intervals(last, seen.scale).get(bound.metric)
        return Measured(value, count, seen.cohorts.settled and count >= self._labels_min, interval)

    def _better(self, bound: Bound, baseline: str, seen: Seen, champion: Judged) -> Measured:
        """By how much the champion is better than the baseline on the events of which both said something."""
        metric = ADDITIVE[self._problem].get(bound.metric)
        sums = champion.against.get(baseline)
        if metric is None or sums is None or metric.finish is not float:
            return self._apart(bound, baseline, seen, champion)
        start = until = None
        if bound.over_s is None:
            row, settled = sums.last, seen.cohorts.settled
        else:
            window = seen.cohorts.window(bound.over_s)
            row, settled = seen.cohorts.sum(sums.cohorts, window), True
            start, until = seen.cohorts.span(window)
        if row is None or row[0] < 1:
            return Measured(None, 0, False)
        count = round(row[0])
        interval = improvement(row, sums.columns, metric, seen.scale)
        value = improvement_of(row, sums.columns, metric)
        return Measured(value, count, settled and count >= self._labels_min, interval, start, until)

    def _apart(self, bound: Bound, baseline: str, seen: Seen, champion: Judged) -> Measured:
        """The difference of two values: for metrics whose difference is no mean of differences."""
        other = seen.baselines.get(baseline)
        if other is None:
            return Measured(None, 0, False)
        own, its = self._value(bound, seen, champion), self._value(bound, seen, other)
        count, enough = min(own.count, its.count), own.enough and its.enough
        if own.value is None or its.value is None:
            return Measured(None, count, False)
        value = own.value - its.value if gains_more(self._problem, bound.metric) else its.value - own.value
        return Measured(value, count, enough, None, own.start, own.until)
