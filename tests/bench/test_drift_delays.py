"""How delays are compared: what a rival misses, and what Headrace does."""

from __future__ import annotations

from typing import Any

from bench.drift_delays import within_twice


def row(headrace: int | None, **rivals: int | None) -> dict[str, Any]:
    return {"detectors": {name: {"delay": delay} for name, delay in {"Headrace": headrace, **rivals}.items()}}


def test_changes_are_counted_by_rival_and_only_those_that_it_was_given() -> None:
    rows = [
        row(100, ADWIN=50, DDM=49),
        row(101, ADWIN=50),
        row(None, ADWIN=None, DDM=7000),
        row(9000, ADWIN=None, DDM=None),
        row(2, ADWIN=0, DDM=5),
    ]
    assert within_twice(rows) == {"ADWIN": (4, 5), "DDM": (2, 4)}
