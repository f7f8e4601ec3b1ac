"""What the metrics endpoint tells of a health report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import get_args, get_type_hints

from agents.counts import Histogram
from schemas.health import Cohort, GroupHealth, Health, Interval, LabelHealth, ModelHealth, ObjectiveHealth

#: Values of the labels of a series, in the order of its metric, and its value.
Sample = tuple[tuple[str, ...], float | Histogram]
Samples = Iterable[Sample]

#: Where nothing differs, there is one series.
ALONE: tuple[str, ...] = ()

#: The states of an objective.
STATES: tuple[str, ...] = get_args(get_type_hints(ObjectiveHealth)["state"])


def of_health(report: Health) -> Iterator[tuple[str, Samples]]:
    """Metric to its series."""
    yield from _models(report.models)
    if report.served is not None:
        yield "headrace_served_score", _windows([((), report.served)])[0]
    yield from _labels(report.labels)
    yield from _groups(report.groups)
    yield from _cohorts(report.cohorts, report.cohort_s)
    yield from _objectives(report.objectives)
    yield (
        "headrace_score_estimate",
        [
            ((one.model, str(one.version), metric, one.about), value)
            for one in report.estimates
            for metric, value in one.metrics.items()
        ],
    )


def _models(models: list[ModelHealth]) -> Iterator[tuple[str, Samples]]:
    named = [((model.model, str(model.version)), model) for model in models]
    scores, intervals, counts = _windows(named)
    yield "headrace_model_score", scores
    yield "headrace_model_interval", intervals
    yield "headrace_model_labels", counts
    yield (
        "headrace_model_advantage",
        [
            ((*names, baseline, metric), interval.value)
            for names, model in named
            for baseline, better in model.better_than.items()
            for metric, interval in better.items()
        ],
    )


def _windows(named: Sequence[tuple[tuple[str, ...], ModelHealth]]) -> tuple[list[Sample], list[Sample], list[Sample]]:
    """Scores, intervals and numbers of labels, by window."""
    scores: list[Sample] = []
    intervals: list[Sample] = []
    counts: list[Sample] = []
    for names, model in named:
        windows: list[tuple[str, int | None, dict[str, float], dict[str, Interval]]] = [
            ("all", model.count, model.metrics, model.intervals),
            ("rolling", model.rolling_count, model.rolling, model.rolling_intervals),
            *((f"{one.over_s:g}", one.count, one.metrics, one.intervals) for one in model.windows),
        ]
        for window, count, metrics, found in windows:
            scores += [((*names, metric, window), value) for metric, value in metrics.items()]
            for metric, interval in found.items():
                ends = {"low": interval.low, "high": interval.high}
                intervals += [((*names, metric, window, bound), value) for bound, value in ends.items()]
            if count is not None:
                counts.append(((*names, window), count))
    return scores, intervals, counts


def _labels(labels: LabelHealth) -> Iterator[tuple[str, Samples]]:
    outcomes = {
        "known": labels.known,
        "corrected": labels.corrected,
        "expired": labels.expired,
        "late": labels.late,
        "unavailable": labels.unavailable,
        "withdrawn": labels.withdrawn,
    }
    yield "headrace_label_outcomes", [((status,), count) for status, count in outcomes.items()]
    if labels.coverage is not None:
        yield "headrace_label_coverage_ratio", [(ALONE, labels.coverage)]
    yield "headrace_label_delay_seconds", _delays(ALONE, labels)


def _delays(names: tuple[str, ...], labels: LabelHealth | GroupHealth) -> list[Sample]:
    delays = {"p50": labels.delay_p50_s, "p90": labels.delay_p90_s}
    return [((*names, percentile), s) for percentile, s in delays.items() if s is not None]


def _groups(groups: list[GroupHealth]) -> Iterator[tuple[str, Samples]]:
    named = list(_named(groups).items())
    champions = [(names, model) for names, one in named for model in one.models if model.champion]
    scores, intervals, counts = _windows(champions)
    yield "headrace_group_score", scores
    yield "headrace_group_interval", intervals
    yield "headrace_group_labels", counts
    yield (
        "headrace_group_coverage_ratio",
        [(names, one.coverage) for names, one in named if one.coverage is not None],
    )
    yield "headrace_group_label_delay_seconds", [sample for names, one in named for sample in _delays(names, one)]


def _named(groups: list[GroupHealth]) -> dict[tuple[str, ...], GroupHealth]:
    """Values under names that differ: a text may read like a number, or like what stands for all others."""
    named: dict[tuple[str, ...], GroupHealth] = {}
    for one in groups:
        names = one.group, "other values" if one.other else str(one.value)
        while names in named:
            names = one.group, f"{names[1]} ({type(one.value).__name__})"
        named[names] = one
    return named


def _cohorts(cohorts: list[Cohort], width_s: float | None) -> Iterator[tuple[str, Samples]]:
    """By age, not by time, so that there are no new series as time goes on."""
    if width_s is None or not cohorts:
        return
    newest = max(cohort.start for cohort in cohorts)
    aged = [((str(round((newest - one.start).total_seconds() / width_s)),), one) for one in cohorts]
    yield "headrace_cohort_width_seconds", [(ALONE, width_s)]
    yield "headrace_cohort_events", [(age, one.events) for age, one in aged if one.events is not None]
    yield "headrace_cohort_resolved_ratio", [(age, one.resolved) for age, one in aged if one.resolved is not None]
    yield (
        "headrace_cohort_outcomes",
        [
            ((*age, status), count)
            for age, one in aged
            for status, count in (
                ("known", one.known),
                ("corrected", one.corrected),
                ("expired", one.expired),
                ("unavailable", one.unavailable),
            )
        ],
    )


def _objectives(objectives: list[ObjectiveHealth]) -> Iterator[tuple[str, Samples]]:
    yield (
        "headrace_objective_state",
        [((one.name, state), one.state == state) for one in objectives for state in STATES],
    )
    yield "headrace_objective_value", [((one.name,), one.value) for one in objectives if one.value is not None]
    yield "headrace_objective_bound", [((one.name,), one.bound) for one in objectives]
