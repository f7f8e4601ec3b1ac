"""A feature that no longer varies is told from as many events, however they are cut into windows."""

from __future__ import annotations

import pytest

from models.faults import STUCK, Levels
from schemas.examples import FieldSummary

FULL = 256


def levels(after: list[int]) -> Levels:
    """Twenty full windows that vary, then constant ones of so many events; the change is at 20."""
    found = Levels(["x"])
    for at, events in enumerate([FULL] * 20 + after):
        high = 1.0 if at < 20 else 0.5
        low = 0.0 if at < 20 else 0.5
        field = FieldSummary(count=events, total=events / 2, squares=events / 2, minimum=low, maximum=high)
        found.take(float(at), {"x": field})
    return found


@pytest.mark.parametrize("size", [32, 64, FULL])
def test_windows_that_ended_early_count_for_the_part_that_they_are(size: int) -> None:
    enough = STUCK * FULL // size
    # The first one may have begun before the change.
    assert levels([size] * enough).faults("x", 20.0) == []
    assert levels([size] * (1 + enough)).faults("x", 20.0) == ["x no longer varies"]


def test_without_a_window_after_the_first_nothing_is_said() -> None:
    assert levels([]).faults("x", 20.0) == levels([FULL]).faults("x", 20.0) == []
