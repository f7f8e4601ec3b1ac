"""What the profiles tell of a field over time."""

from __future__ import annotations

from datetime import timedelta
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.history import BLOCKS, fields_of, findings, refuse_nothing, row_of, spark, stretches
from models.profiles import merge
from schemas.errors import UserError
from schemas.examples import Profile
from tests.models.windows import START, WINDOW, Fault, Stream, pipeline


def profiles_of(stream: Stream, rounds: int, fault: Fault | None = None) -> list[Profile]:
    return [record for _, record in stream.rounds(rounds, fault) if isinstance(record, Profile)]


@pytest.fixture
def stream() -> Stream:
    made = Stream(lambda chance: {"speed": chance.gauss(50, 8), "colour": chance.choice(["red", "red", "blue"])})
    made.reference()
    return made


def test_stretches_hold_every_profile_once_in_order_of_time(stream: Stream) -> None:
    profiles = profiles_of(stream, 30)

    parts = stretches(profiles, 7)

    assert len(parts) == 7
    assert [part.start for part in parts] == sorted(part.start for part in parts)
    assert reduce(merge, parts).events == reduce(merge, profiles).events == 30 * 4 * WINDOW


def test_a_time_without_events_is_left_out(stream: Stream) -> None:
    early = profiles_of(stream, 2)
    profiles_of(stream, 100)
    late = profiles_of(stream, 2)

    parts = stretches([*early, *late], 10)

    assert len(parts) == 2
    assert parts[1].start - parts[0].until > timedelta(seconds=99 * WINDOW)


def test_a_row_tells_shares_moments_and_the_most_frequent_categories(stream: Stream) -> None:
    half = Fault(change=lambda partition, row: row | ({"speed": None} if partition < 2 else {}))
    (part,) = stretches(profiles_of(stream, 5, half), 1)

    speed, colour = row_of(part, "speed"), row_of(part, "colour")

    assert fields_of([part]) == ["colour", "score:model@1", "speed"]
    assert (speed.start, speed.events, speed.missing) == (START, 5 * 4 * WINDOW, 0.5)
    assert speed.mean == pytest.approx(50, abs=2)
    assert speed.deviation == pytest.approx(8, abs=2)
    assert (speed.p1, speed.p50, speed.p99) == pytest.approx((50 - 2.3 * 8, 50, 50 + 2.3 * 8), rel=0.08)
    assert sum(speed.bins) == 5 * 2 * WINDOW
    assert list(colour.categories) == ["red", "blue"]
    assert (colour.mean, colour.minimum, colour.p50) == (None, None, None)


def test_a_field_that_a_stretch_does_not_know_has_no_share_of_missing(stream: Stream) -> None:
    (part,) = stretches(profiles_of(stream, 1), 1)

    assert row_of(part, "unknown").missing is None


def test_findings_are_told_with_their_ends_and_what_lasts_without(stream: Stream) -> None:
    lost = Fault(change=lambda _, row: row | {"speed": None})
    profiles = [*profiles_of(stream, 20), *profiles_of(stream, 4, lost)]

    (lasting,) = findings(pipeline(), profiles)
    (over,) = findings(pipeline(), [*profiles, *profiles_of(stream, 4)])

    assert (lasting.key, lasting.until) == ("missing:speed:", None)
    assert over.until is not None
    assert over.since == lasting.since


def test_no_profile_is_told_with_what_to_wait_for() -> None:
    with pytest.raises(UserError, match=f"after {WINDOW} events"):
        refuse_nothing([], pipeline())


def test_bars_reach_from_the_lowest_to_the_highest_number() -> None:
    assert spark([1.0, None, 2.0, 8.0]) == "▁ ▂█"
    assert spark([5.0, 10.0], from_zero=True) == "▅█"
    assert spark([3.0, 3.0]) == "▁▁"
    assert spark([None, None]) == "  "
    assert spark([]) == ""


@given(st.lists(st.none() | st.floats(-1e300, 1e300), max_size=50))
def test_there_is_a_bar_for_every_number(values: list[float | None]) -> None:
    bars = spark(values)

    assert len(bars) == len(values)
    assert set(bars) <= {*BLOCKS, " "}
