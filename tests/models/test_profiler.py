"""Each partition's events are cut into windows, and every event is in one of them."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from models.looks import EVERY
from models.monitoring import Drift
from models.pipeline import Pipeline
from models.profiles import FURTHER, REJECTS_MAX, SEVERAL, SPAN_MAX, Passage, Profiler, merge
from models.references import References
from schemas.examples import Control, FieldSummary, Profile
from schemas.predictions import Said
from schemas.rejects import Reject
from schemas.values import Address
from tests.models.windows import LATENCY, START, STEP, WINDOW, Row, answered, controls, example, pipeline

PIPELINE = pipeline(drift=Drift(reference_examples=20))


def references() -> References:
    """With a reference, at position 23."""
    chance, found = random.Random(1), References(PIPELINE)
    outcomes = [example({"speed": chance.random(), "colour": "red"}, chance.random()) for _ in range(20)]
    found.follow(list(enumerate([*controls(), *outcomes])))
    return found


def reject(offset: int, field: str = "$.speed", reason: str = "range") -> Reject:
    source = Address(topic="made-up.events", partition=0, offset=offset)
    return Reject(source=source, reason=reason, field=field, detail="", stage="features")


def passage(
    first: int, end: int, duplicates: Any = (), rejects: Any = (), step: timedelta = STEP, colour: str = "red"
) -> Passage:
    """Events from ``first`` to before ``end``, those answered that are neither duplicates nor rejects."""
    dropped = {*duplicates, *(one.source.offset for one in rejects)}
    pairs = [
        answered(offset, {"speed": offset / 100, "colour": colour}, time=START + offset * step, score=0.25)
        for offset in range(first, end)
        if offset not in dropped
    ]
    return Passage(first, end, START + end * step, pairs, duplicates, rejects)


def profiles(*passages: Passage) -> list[Profile]:
    profiler, known = Profiler(PIPELINE, 0), references()
    return [profile for one in passages for profile in profiler.count(one, known)]


def test_a_window_is_closed_when_it_is_full() -> None:
    assert profiles(passage(0, WINDOW - 1)) == []
    (profile,) = profiles(passage(0, 10), passage(10, WINDOW + 5))

    assert (profile.partition, profile.first, profile.end, profile.events) == (0, 0, WINDOW, WINDOW)
    assert (profile.start, profile.until) == (START, START + (WINDOW - 1) * STEP)
    assert profile.received == START + (WINDOW - 1) * STEP
    assert (profile.latency_p50_ms, profile.latency_p99_ms) == (LATENCY.total_seconds() * 1000,) * 2


def test_a_profile_counts_features_and_scores_in_the_bins_of_the_reference_that_it_names() -> None:
    known = references()
    assert known.reference is not None

    (profile,) = profiles(passage(0, WINDOW))

    assert profile.reference == known.reference.position == 23
    assert set(profile.fields) == {"speed", "colour", "score:model@1"}
    assert {len(summary.bins) for summary in profile.fields.values()} == {16, 20, 2}
    assert all(sum(summary.bins) == WINDOW for summary in profile.fields.values())
    assert profile.fields["score:model@1"].total == WINDOW * 0.25


def test_without_a_reference_there_are_no_bins() -> None:
    (profile,) = Profiler(PIPELINE, 0).count(passage(0, WINDOW), References(PIPELINE))

    assert profile.reference is None
    assert {tuple(summary.bins) for summary in profile.fields.values()} == {()}


def test_a_feature_that_no_event_has_any_more_is_missing_in_all_of_them() -> None:
    bare = [answered(offset, {"colour": "red"}) for offset in range(WINDOW)]

    (profile,) = profiles(Passage(0, WINDOW, START, bare))

    assert (profile.fields["speed"].count, profile.fields["speed"].missing) == (0, WINDOW)


def test_features_that_come_and_go_are_counted_where_they_are() -> None:
    mixed = [
        answered(offset, {"speed": 1.0} if offset % 2 else {"colour": "red", "new": True}) for offset in range(WINDOW)
    ]

    (profile,) = profiles(Passage(0, WINDOW, START, mixed))

    there = {name: (summary.count, summary.missing) for name, summary in profile.fields.items()}
    assert there == dict.fromkeys(("speed", "colour", "new"), (WINDOW // 2,) * 2) | {"score:model@1": (WINDOW, 0)}


def test_events_that_were_not_answered_fill_a_window_too() -> None:
    nothing = passage(0, WINDOW, rejects=[reject(offset) for offset in range(WINDOW)])
    twice = passage(WINDOW, 2 * WINDOW, duplicates=range(WINDOW, 2 * WINDOW))

    refused, repeated = profiles(nothing, twice)

    assert (refused.events, refused.rejected, refused.fields) == (0, {"$.speed range": WINDOW}, {})
    assert refused.latency_p50_ms is None
    assert (repeated.events, repeated.duplicates, repeated.rejected) == (0, WINDOW, {})


def test_kinds_of_rejects_are_bounded_and_the_rest_is_counted() -> None:
    refused = [reject(offset, field=f"$.field{offset}") for offset in range(REJECTS_MAX + 50)]

    (profile,) = profiles(passage(0, REJECTS_MAX + 50, rejects=refused))

    assert len(profile.rejected) == REJECTS_MAX + 1
    assert profile.rejected[FURTHER] == 50


def test_a_trickle_of_events_is_told_after_a_day_of_event_time() -> None:
    closed = profiles(passage(0, 40, step=timedelta(hours=3)))

    assert len(closed) == 4
    assert all(profile.until - profile.start <= SPAN_MAX for profile in closed)
    assert [(profile.first, profile.end) for profile in closed] == [(0, 9), (9, 18), (18, 27), (27, 36)]


def test_two_clocks_that_disagree_make_no_latency_below_nothing() -> None:
    early = [
        (features, structs.replace(prediction, predicted=prediction.received - LATENCY))
        for features, prediction in passage(0, WINDOW).answered
    ]

    (profile,) = profiles(Passage(0, WINDOW, START, early))

    assert (profile.latency_p50_ms, profile.latency_p99_ms) == (0.0, 0.0)


def test_an_event_that_was_seen_by_no_model_is_no_score() -> None:
    silent = [
        (features, structs.replace(prediction, score=None if place % 2 else 0.5))
        for place, (features, prediction) in enumerate(passage(0, WINDOW).answered)
    ]

    (profile,) = profiles(Passage(0, WINDOW, START, silent))

    assert (profile.fields["score:model@1"].count, profile.fields["score:model@1"].missing) == (32, 32)


@pytest.mark.parametrize("silent", [None, 0, 17, WINDOW - 1])
def test_scores_are_told_apart_by_model_whoever_was_silent(silent: int | None) -> None:
    known = references()
    known.fold(23, Control(action="added", model="other", version=2, reason=""))
    pairs = []
    for place, (features, prediction) in enumerate(passage(0, WINDOW).answered):
        others = [Said(model="other", version=2, score=place / 100)] if place != silent else []
        pairs.append((features, structs.replace(prediction, position=24, shadows=[*prediction.shadows, *others])))

    (quick,) = Profiler(PIPELINE, 0).count(Passage(0, WINDOW, START, pairs), known)
    # As if who is active had changed meanwhile: then every answer is looked at.
    known.changed = 25
    (careful,) = Profiler(PIPELINE, 0).count(Passage(0, WINDOW, START, pairs), known)

    assert quick.fields == careful.fields
    assert {name for name in quick.fields if "@" in name} == {"score:model@1", "score:other@2"}
    expected = sum(place / 100 for place in range(WINDOW) if place != silent)
    assert quick.fields["score:other@2"].total == pytest.approx(expected)
    assert quick.fields["score:other@2"].count == WINDOW - (silent is not None)


fates = st.lists(st.sampled_from(["answered", "answered", "answered", "repeated", "rejected"]), max_size=400)


@given(fates, st.lists(st.integers(1, 120), min_size=1, max_size=10))
def test_windows_count_exactly_what_lies_between_their_ends(fates: list[str], sizes: list[int]) -> None:
    profiler, known, closed, first, turn = Profiler(PIPELINE, 0), references(), [], 0, 0
    while first < len(fates):
        end = min(first + sizes[turn % len(sizes)], len(fates))
        turn += 1
        places = range(first, end)
        repeated = [place for place in places if fates[place] == "repeated"]
        rejected = [reject(place) for place in places if fates[place] == "rejected"]
        closed += profiler.count(passage(first, end, repeated, rejected), known)
        first = end

    assert all(one.end == other.first for one, other in pairwise(closed))
    for profile in closed:
        part = fates[profile.first : profile.end]
        assert profile.events == part.count("answered")
        assert profile.duplicates == part.count("repeated")
        assert sum(profile.rejected.values()) == part.count("rejected")
        assert profile.fields == {} or profile.fields["speed"].count == profile.events
    left = len(fates) - (closed[-1].end if closed else 0)
    assert left < WINDOW


# Halves add up exactly, so that order can't matter.
halves = st.integers(-1000, 1000).map(lambda value: value / 2)
summaries = st.builds(
    FieldSummary,
    count=st.integers(0, 99),
    missing=st.integers(0, 99),
    total=halves,
    squares=halves,
    minimum=st.none() | halves,
    maximum=st.none() | halves,
    categories=st.dictionaries(st.sampled_from("abc"), st.integers(1, 9)),
    bins=st.lists(st.integers(0, 9), min_size=3, max_size=3),
)
times = st.integers(0, 9999).map(lambda second: START + timedelta(seconds=second))
windows = st.builds(
    Profile,
    partition=st.integers(0, 2),
    first=st.integers(0, 99),
    end=st.integers(100, 199),
    start=times,
    until=times,
    received=times,
    events=st.integers(0, 99),
    duplicates=st.integers(0, 9),
    rejected=st.dictionaries(st.sampled_from(["$.a range", "$.b type"]), st.integers(1, 9)),
    latency_p50_ms=st.none() | halves,
    latency_p99_ms=st.none() | halves,
    reference=st.sampled_from([None, 5, 9]),
    fields=st.dictionaries(st.sampled_from(["x", "y"]), summaries),
)


@given(windows, windows, windows)
def test_profiles_merge_in_any_order(one: Profile, two: Profile, three: Profile) -> None:
    assert merge(one, two) == merge(two, one)
    assert merge(merge(one, two), three) == merge(one, merge(two, three))


@given(windows, windows)
def test_a_merged_profile_is_about_both(one: Profile, other: Profile) -> None:
    both = merge(one, other)

    assert both.events == one.events + other.events
    assert both.partition == (one.partition if one.partition == other.partition else SEVERAL)
    assert (both.start, both.until) == (min(one.start, other.start), max(one.until, other.until))
    assert both.fields.keys() == one.fields.keys() | other.fields.keys()
    if one.reference != other.reference:
        assert both.reference is None
        assert all(summary.bins == [] for summary in both.fields.values())


def test_partitions_add_up_to_the_whole() -> None:
    parts = profiles(passage(0, WINDOW), passage(WINDOW, 2 * WINDOW))

    both = merge(*parts)

    assert (both.first, both.end, both.events) == (0, 2 * WINDOW, 2 * WINDOW)
    assert both.fields["speed"].total == pytest.approx(sum(range(2 * WINDOW)) / 100)
    assert sum(both.fields["speed"].bins) == 2 * WINDOW


LONG = pipeline(drift=Drift(reference_examples=20), profile_events=256)


def piece(first: int, speed: float, size: int = EVERY) -> Passage:
    """A batch of events whose speed is drawn around a middle."""
    chance = random.Random(first)
    rows: list[Row] = [{"speed": speed + chance.uniform(-0.4, 0.4), "colour": "red"} for _ in range(size)]
    pairs = [answered(first + at, row, time=START + (first + at) * STEP) for at, row in enumerate(rows)]
    return Passage(first, first + size, START + (first + size) * STEP, pairs)


def lengths(pieces: Iterable[Passage], known: References, declared: Pipeline = LONG) -> list[int]:
    """Of the windows that they are cut into."""
    profiler = Profiler(declared, 0)
    closed = [profile for one in pieces for profile in profiler.count(one, known)]
    assert all(one.end == other.first for one, other in pairwise(closed))
    return [profile.events for profile in closed]


def test_a_window_ends_with_the_batch_that_is_odd() -> None:
    usual = [piece(first, 0.5) for first in range(0, 32 * EVERY, EVERY)]
    assert lengths([*usual, piece(32 * EVERY, 0.9)], references()) == [256] * 4 + [EVERY]
    assert lengths([*usual, piece(32 * EVERY, 0.5)], references()) == [256] * 4


def test_one_batch_of_several_windows_is_cut_at_the_full_ones() -> None:
    usual = [piece(first, 0.5) for first in range(0, 32 * EVERY, EVERY)]
    assert lengths([*usual, piece(32 * EVERY, 0.9, 600)], references()) == [256] * 6


def test_where_many_come_at_once_windows_are_full() -> None:
    usual = [piece(first, 0.5, 2 * EVERY) for first in range(0, 32 * EVERY, 2 * EVERY)]
    many = piece(32 * EVERY, 0.9, 2 * EVERY + 1)
    assert lengths([*usual, many], references()) == [256] * 4
    assert lengths([*usual, piece(32 * EVERY, 0.9, 2 * EVERY)], references()) == [256] * 4 + [2 * EVERY]


def test_where_drift_is_told_no_sooner_by_it_windows_are_full() -> None:
    usual = [piece(first, 0.5) for first in range(0, 32 * EVERY, EVERY)]
    unbudgeted = Drift(events_per_false_alarm=None, detectors=["ADWIN"], reference_examples=20)
    for drift in (None, unbudgeted, Drift(reference_examples=20, block="1d")):
        declared = pipeline(drift=drift, profile_events=256)
        assert lengths([*usual, piece(32 * EVERY, 0.9)], references(), declared) == [256] * 4


def test_without_a_reference_windows_are_full() -> None:
    usual = [piece(first, 0.5) for first in range(0, 32 * EVERY, EVERY)]
    assert lengths([*usual, piece(32 * EVERY, 0.9)], References(LONG)) == [256] * 4
