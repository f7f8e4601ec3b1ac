"""What the metrics endpoint tells of a health report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import get_args, get_type_hints

from agents.counts import Histogram
from schemas.health import GroupHealth, Health, LabelHealth, ModelHealth, ObjectiveHealth

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
    yield from _labels(report.labels)
    yield from _groups(report.groups)
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
    scores: list[Sample] = []
    intervals: list[Sample] = []
    advantages: list[Sample] = []
    for model in models:
        named = (model.model, str(model.version))
        windows = {f"{window.over_s:g}": window.metrics for window in model.windows}
        for window, values in {"all": model.metrics, "rolling": model.rolling, **windows}.items():
            scores += [((*named, metric, window), value) for metric, value in values.items()]
        for metric, interval in model.intervals.items():
            intervals += [((*named, metric, "low"), interval.low), ((*named, metric, "high"), interval.high)]
        for baseline, better in model.better_than.items():
            advantages += [((*named, baseline, metric), interval.value) for metric, interval in better.items()]
    yield "headrace_model_score", scores
    yield "headrace_model_interval", intervals
    yield "headrace_model_advantage", advantages
    yield "headrace_model_labels", [((model.model, str(model.version)), model.count) for model in models]


def _labels(labels: LabelHealth) -> Iterator[tuple[str, Samples]]:
    outcomes = {
        "known": labels.known,
        "corrected": labels.corrected,
        "expired": labels.expired,
        "late": labels.late,
    }
    yield "headrace_label_outcomes", [((status,), count) for status, count in outcomes.items()]
    if labels.coverage is not None:
        yield "headrace_label_coverage_ratio", [(ALONE, labels.coverage)]
    delays = {"p50": labels.delay_p50_s, "p90": labels.delay_p90_s}
    yield "headrace_label_delay_seconds", [((percentile,), s) for percentile, s in delays.items() if s is not None]


def _groups(groups: list[GroupHealth]) -> Iterator[tuple[str, Samples]]:
    named = [(one, (one.group, "other values" if one.other else str(one.value))) for one in groups]
    yield "headrace_group_labels", [(names, one.known) for one, names in named]
    yield (
        "headrace_group_score",
        [
            ((*names, metric), value)
            for one, names in named
            for model in one.models
            if model.champion
            for metric, value in model.metrics.items()
        ],
    )


def _objectives(objectives: list[ObjectiveHealth]) -> Iterator[tuple[str, Samples]]:
    yield (
        "headrace_objective_state",
        [((one.name, state), one.state == state) for one in objectives for state in STATES],
    )
    yield "headrace_objective_value", [((one.name,), one.value) for one in objectives if one.value is not None]
    yield "headrace_objective_bound", [((one.name,), one.bound) for one in objectives]
