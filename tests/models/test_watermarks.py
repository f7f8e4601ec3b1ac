"""How far event time has safely come while events and labels are read at different speeds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.watermarks import STEPS_MAX, Watermark

START = datetime(2026, 5, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def second(number: float) -> datetime:
    return START + number * SECOND


def test_high_is_the_latest_event_time_in_whatever_order() -> None:
    watermark = Watermark()
    assert [watermark.event(second(n)) for n in (5, 3, 8, 8, 1)] == [second(n) for n in (5, 5, 8, 8, 8)]


def test_nothing_is_safe_before_labels_are_read() -> None:
    watermark = Watermark()
    watermark.event(second(5))
    watermark.step(second(100))
    assert watermark.safe is None


def test_safe_follows_once_labels_are_read_past_what_moved_it() -> None:
    watermark = Watermark()
    watermark.event(second(5))
    watermark.step(second(100))
    watermark.event(second(9))
    watermark.step(second(110))
    watermark.labels_read(second(105))
    assert watermark.safe == second(5)
    watermark.labels_read(second(111))
    assert watermark.safe == second(9)


def test_label_of_the_same_millisecond_may_not_be_the_last_of_it() -> None:
    watermark = Watermark()
    watermark.event(second(5))
    watermark.step(second(100))
    watermark.labels_read(second(100))
    assert watermark.safe is None


def test_all_is_safe_once_no_label_is_left_to_read() -> None:
    watermark = Watermark()
    watermark.labels_drained()
    assert watermark.safe is None
    watermark.event(second(5))
    watermark.labels_drained()
    assert watermark.safe == second(5)


def test_step_before_any_event_is_none() -> None:
    watermark = Watermark()
    watermark.step(second(100))
    watermark.labels_read(second(200))
    assert watermark.safe is None


@pytest.mark.parametrize("count", [STEPS_MAX, STEPS_MAX + 1, 10 * STEPS_MAX])
def test_many_steps_are_merged_to_a_later_safe_and_never_an_earlier_one(count: int) -> None:
    watermark = Watermark()
    for number in range(count):
        watermark.event(second(number))
        watermark.step(second(number))
    for number in range(0, count, 7):
        watermark.labels_read(second(number + 0.5))
        assert watermark.safe is None or watermark.safe <= second(number)
    watermark.labels_read(second(count))
    assert watermark.safe == second(count - 1)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["event", "labels", "drained"]), st.integers(0, 50)), max_size=60))
def test_safe_never_goes_back_and_never_beyond_high(moves: list[tuple[str, int]]) -> None:
    watermark = Watermark()
    before = None
    for received, (kind, number) in enumerate(moves, start=1):
        if kind == "event":
            watermark.event(second(number))
            watermark.step(second(received))
        elif kind == "labels":
            watermark.labels_read(second(received - number / 10))
        else:
            watermark.labels_drained()
        if watermark.safe is not None:
            assert watermark.high is not None
            assert watermark.safe <= watermark.high
            assert before is None or watermark.safe >= before
        before = watermark.safe
