"""Every number of a health report that an operator charts is told, under labels that tell the series apart."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from msgspec import structs

from agents.exposed_health import ALONE, STATES, of_health
from agents.families import BY_NAME
from schemas.codec import decode
from schemas.health import GroupHealth, Health

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "headrace.health.v1.json"
REPORT = decode(Health, GOLDEN.read_bytes())
TOLD = {name: dict(samples) for name, samples in of_health(REPORT)}


@pytest.mark.parametrize("name", TOLD)
def test_every_series_has_the_labels_of_the_table_and_no_two_are_the_same(name: str) -> None:
    (samples,) = [list(samples) for told, samples in of_health(REPORT) if told == name]

    assert {len(labels) for labels, _ in samples} <= {len(BY_NAME[name].labels)}
    assert len({labels for labels, _ in samples}) == len(samples)


def test_the_report_has_something_of_everything() -> None:
    assert all(TOLD.values()), {name: found for name, found in TOLD.items() if not found}


def test_scores_are_those_of_the_report() -> None:
    model = REPORT.models[0]
    named = (model.model, str(model.version))

    for metric, value in model.metrics.items():
        assert TOLD["headrace_model_score"][*named, metric, "all"] == value
    for metric, value in model.rolling.items():
        assert TOLD["headrace_model_score"][*named, metric, "rolling"] == value
    for window in model.windows:
        for metric, value in window.metrics.items():
            assert TOLD["headrace_model_score"][*named, metric, f"{window.over_s:g}"] == value
        assert TOLD["headrace_model_labels"][*named, f"{window.over_s:g}"] == window.count
    assert TOLD["headrace_model_labels"][*named, "all"] == model.count
    assert TOLD["headrace_model_labels"][*named, "rolling"] == model.rolling_count


def test_groups_have_the_champion_s_scores_with_their_windows_and_intervals() -> None:
    group = REPORT.groups[0]
    (model,) = group.models
    named = group.group, str(group.value)

    for window, scores in (("all", model.metrics), ("rolling", model.rolling)):
        for metric, value in scores.items():
            assert TOLD["headrace_group_score"][*named, metric, window] == value
    for metric, interval in model.intervals.items():
        assert TOLD["headrace_group_interval"][*named, metric, "all", "low"] == interval.low
    assert TOLD["headrace_group_labels"][*named, "rolling"] == model.rolling_count
    assert TOLD["headrace_group_coverage_ratio"][named] == group.coverage
    assert TOLD["headrace_group_label_delay_seconds"][*named, "p90"] == group.delay_p90_s


def test_cohorts_are_told_by_their_age_so_that_time_makes_no_new_series() -> None:
    (cohort,) = REPORT.cohorts
    older = structs.replace(cohort, start=cohort.start - timedelta(days=3), resolved=None)
    report = structs.replace(REPORT, cohorts=[older, cohort])
    told = {name: dict(samples) for name, samples in of_health(report)}

    assert told["headrace_cohort_width_seconds"] == {ALONE: REPORT.cohort_s}
    assert told["headrace_cohort_resolved_ratio"] == {("0",): cohort.resolved}
    assert told["headrace_cohort_events"] == {("0",): cohort.events, ("3",): cohort.events}
    assert told["headrace_cohort_outcomes"]["3", "known"] == cohort.known


def test_values_that_read_alike_are_told_apart() -> None:
    values = (1, "1", "other values", None)
    groups = [GroupHealth(group="g", value=value, known=1, coverage=1.0) for value in values]
    groups.append(GroupHealth(group="g", other=True, known=1, coverage=1.0))
    told = dict(of_health(structs.replace(REPORT, groups=groups)))

    series = [labels for labels, _ in told["headrace_group_coverage_ratio"]]

    assert len(set(series)) == len(series) == 5


def test_an_objective_is_in_one_state() -> None:
    for objective in REPORT.objectives:
        states = {state: TOLD["headrace_objective_state"][objective.name, state] for state in STATES}

        assert states == {state: state == objective.state for state in STATES}


def test_labels_are_those_of_the_report() -> None:
    labels = REPORT.labels

    outcomes = {
        status: TOLD["headrace_label_outcomes"][status,]
        for status in ("known", "corrected", "expired", "late", "unavailable", "withdrawn")
    }
    assert outcomes == {
        "known": labels.known,
        "corrected": labels.corrected,
        "expired": labels.expired,
        "late": labels.late,
        "unavailable": labels.unavailable,
        "withdrawn": labels.withdrawn,
    }
    assert TOLD["headrace_label_coverage_ratio"][ALONE] == labels.coverage
