"""How long records wait, from offsets alone: never said too long, and nothing where nothing is left to read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from models.backlogs import MARKS_MAX, MOVING_S, Backlogs

EVENTS, LABELS = ("events", 0), ("feedback", 0)


def test_what_is_done_at_once_never_waits() -> None:
    backlogs = Backlogs()
    for now in range(100):
        backlogs.look(float(now), {EVENTS: (10 * now, 10 * now), LABELS: (now, now)})
    assert backlogs.waiting_s() == 0.0
    assert backlogs.records() == 0
    assert backlogs.stalled(0.0) == []


def test_oldest_record_has_waited_since_it_was_first_seen() -> None:
    backlogs = Backlogs()
    backlogs.look(0.0, {EVENTS: (100, 100), LABELS: (50, 50)})
    backlogs.look(5.0, {EVENTS: (110, 100), LABELS: (60, 50)})
    backlogs.look(10.0, {EVENTS: (120, 109), LABELS: (70, 60)})
    assert (backlogs.waiting_s(), backlogs.records()) == (5.0, 21)
    backlogs.look(15.0, {EVENTS: (130, 110), LABELS: (70, 70)})
    assert (backlogs.waiting_s(), backlogs.records()) == (5.0, 20)


def test_backlog_is_worked_off_after_the_last_record_came() -> None:
    backlogs = Backlogs()
    for step in range(50):
        backlogs.look(5.0 * step, {EVENTS: (1000, 20 * step)})
        assert backlogs.waiting_s() == 5.0 * step
    backlogs.look(250.0, {EVENTS: (1000, 1000)})
    assert backlogs.waiting_s() == 0.0


def test_lane_on_which_nothing_is_done_though_records_come_stands_still_until_something_is() -> None:
    backlogs = Backlogs()
    for step in range(5):
        backlogs.look(5.0 * step, {EVENTS: (100 + step, 100), LABELS: (50 + step, 50 + step)})
    assert backlogs.stalled(19.0) == [EVENTS]
    assert backlogs.stalled(20.0) == []
    backlogs.look(25.0, {EVENTS: (110, 101), LABELS: (56, 56)})
    assert backlogs.stalled(1.0) == []


def test_lane_that_stands_still_does_so_after_the_last_record_too() -> None:
    backlogs = Backlogs()
    for step in range(5):
        backlogs.look(5.0 * step, {EVENTS: (100 + step, 100)})
    backlogs.look(1000.0, {EVENTS: (104, 100)})
    assert backlogs.stalled(30.0) == [EVENTS]
    backlogs.look(1005.0, {EVENTS: (104, 104)})
    assert backlogs.stalled(30.0) == []


def test_who_has_just_begun_to_look_does_not_know_whether_anybody_works() -> None:
    backlogs = Backlogs()
    backlogs.look(100.0, {EVENTS: (110, 100), LABELS: (50, 50)})
    backlogs.look(105.0, {EVENTS: (110, 100), LABELS: (60, 60)})
    assert (backlogs.watched_s, backlogs.untouched()) == (5.0, True)
    backlogs.look(110.0, {EVENTS: (110, 101), LABELS: (60, 60)})
    assert not backlogs.untouched()


def test_end_that_is_never_reached_is_no_backlog() -> None:
    # What a producer's transaction leaves behind: a marker after its records, or nothing but records it took back.
    backlogs = Backlogs()
    for now in range(0, 1000, 5):
        backlogs.look(float(now), {EVENTS: (101, 100), LABELS: (500, 0)})
        if now > MOVING_S:
            assert backlogs.waiting_s() == 0.0
        assert backlogs.stalled(1.0) == []


def test_little_is_remembered_of_a_lane_that_is_behind_for_days() -> None:
    backlogs = Backlogs()
    for step in range(3 * MARKS_MAX):
        backlogs.look(5.0 * step, {EVENTS: (1 + step, 0)})
    assert backlogs.waiting_s() == 5.0 * (3 * MARKS_MAX - 1)
    assert len(backlogs._lanes[EVENTS].marks) == MARKS_MAX


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=60),
    st.integers(1, 4),
)
def test_wait_is_never_said_to_be_longer_and_at_most_one_look_shorter(steps: list[tuple[int, int]], every: int) -> None:
    backlogs = Backlogs()
    waiting: list[int] = []
    end = done = 0
    for second, (come, go) in enumerate(steps):
        waiting += [second] * come
        end += come
        ready = min(go, len(waiting))
        done += ready
        del waiting[:ready]
        if second % every == 0:
            backlogs.look(float(second), {EVENTS: (end, done)})
            oldest = float(second - waiting[0]) if waiting else 0.0
            assert oldest - every < backlogs.waiting_s() + 1e-9
            assert backlogs.waiting_s() <= oldest
