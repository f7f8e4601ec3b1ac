"""Every number of a health report that an operator charts is told, under labels that tell the series apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.exposed_health import ALONE, STATES, of_health
from agents.families import BY_NAME
from schemas.codec import decode
from schemas.health import Health

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
    assert TOLD["headrace_model_labels"][named] == model.count


def test_an_objective_is_in_one_state() -> None:
    for objective in REPORT.objectives:
        states = {state: TOLD["headrace_objective_state"][objective.name, state] for state in STATES}

        assert states == {state: state == objective.state for state in STATES}


def test_labels_are_those_of_the_report() -> None:
    labels = REPORT.labels

    outcomes = {
        status: TOLD["headrace_label_outcomes"][status,] for status in ("known", "corrected", "expired", "late")
    }
    assert outcomes == {
        "known": labels.known,
        "corrected": labels.corrected,
        "expired": labels.expired,
        "late": labels.late,
    }
    assert TOLD["headrace_label_coverage_ratio"][ALONE] == labels.coverage
