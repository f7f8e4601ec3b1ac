from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.alignment import Alignment
from streams.batches import Incoming

LANES = ("events", "labels", "more")

Arrivals = list[tuple[str, Incoming]]


def record(offset: int, received_ms: int) -> Incoming:
    return Incoming(0, offset, received_ms, None, None, None)


def times(lane: str, taken: list[tuple[str, Incoming]]) -> list[int]:
    return [entry.received_ms for name, entry in taken if name == lane]


@st.composite
def arrivals(draw: st.DrawFn) -> Arrivals:
    """Records of all lanes, each lane in its order, the lanes mixed at random."""
    lanes = {
        lane: [record(n, at) for n, at in enumerate(sorted(draw(st.lists(st.integers(0, 30), max_size=12))))]
        for lane in LANES
    }
    order = draw(st.permutations([lane for lane, records in lanes.items() for _ in records]))
    return [(lane, lanes[lane].pop(0)) for lane in order]


@given(arrivals(), st.integers(1, 5))
def test_records_leave_in_order_of_time_however_the_lanes_arrive(arriving: Arrivals, records_max: int) -> None:
    alignment = Alignment(LANES)
    coming = [lane for lane, _ in arriving]
    taken: list[tuple[str, Incoming]] = []

    def take() -> None:
        ended = {lane for lane in alignment.waiting_for() if lane not in coming}
        piece = alignment.take(records_max, ended)
        assert len(piece) <= records_max
        taken.extend(piece)

    for lane, entry in arriving:
        alignment.put(lane, entry)
        coming.remove(lane)
        take()
    while len(alignment):
        take()

    assert [entry.received_ms for _, entry in taken] == sorted(entry.received_ms for _, entry in arriving)
    for lane in LANES:
        assert [entry for name, entry in taken if name == lane] == [entry for name, entry in arriving if name == lane]


def test_drained_lane_holds_back_nothing_by_the_age_of_its_last_record() -> None:
    alignment = Alignment(("events", "labels"))
    alignment.put("labels", record(0, 5))
    alignment.put("events", record(0, 10))
    assert [lane for lane, _ in alignment.take(9, {"events"})] == ["labels"]
    assert alignment.take(9, {"events", "labels"}) == [("events", record(0, 10))]


def test_nothing_leaves_while_a_lane_may_still_bring_something_older() -> None:
    alignment = Alignment(("events", "labels"))
    alignment.put("events", record(0, 10))
    assert alignment.waiting_for() == ["labels"]
    assert alignment.take(10, set()) == []
    alignment.put("labels", record(0, 5))
    assert times("labels", alignment.take(10, set())) == [5]
    assert len(alignment) == 1


def test_a_lane_of_which_everything_is_read_holds_nothing_back() -> None:
    alignment = Alignment(("events", "labels"))
    alignment.put("events", record(0, 10))
    assert times("events", alignment.take(10, {"labels"})) == [10]


def test_a_lane_is_empty_only_when_all_of_it_was_taken() -> None:
    alignment = Alignment(("events", "labels"))
    for offset in range(3):
        alignment.put("labels", record(offset, offset))
    alignment.take(1, {"events"})
    assert alignment.waiting_for() == ["events", "labels"]
    assert alignment.empty() == {"events"}
    alignment.take(2, {"events"})
    assert alignment.empty() == {"events", "labels"}


def test_a_lane_that_is_too_far_ahead_is_held_until_a_quarter_is_left() -> None:
    alignment = Alignment(("events", "labels"))
    for offset in range(9):
        alignment.put("events", record(offset, offset))
    assert alignment.ahead(8, set()) == {"events"}
    assert alignment.ahead(9, set()) == set()
    assert alignment.ahead(9, {"events"}) == {"events"}
    assert alignment.ahead(40, {"events"}) == set()
