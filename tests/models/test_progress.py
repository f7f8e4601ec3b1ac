"""A partition in which nothing happens is told from one whose worker is merely behind."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta

import pytest

from models.data_quality import Quality
from models.silences import Silences
from schemas.examples import Profile
from tests.models.windows import PARTITIONS, START, WINDOW, pipeline

#: The partition that all this is about.
ONE = 3

#: Windows that a partition has had when it begins.
BEFORE = 30

MINUTE, HOUR = 60.0, 3600.0


def window(partition: int, number: int, second: float, lag_s: float = 0.0) -> Profile:
    """A window whose last event Kafka took at this second, and that was answered so much later."""
    received = START + timedelta(seconds=second)
    return Profile(
        partition=partition,
        first=number * WINDOW,
        end=(number + 1) * WINDOW,
        start=received,
        until=received,
        received=received,
        events=WINDOW,
        latency_p50_ms=lag_s * 1000,
        fields={},
    )


def windows(numbers: range, partitions: Iterable[int], step_s: float, lag_s: float = 0.0) -> list[Profile]:
    """One window of each partition every ``step_s``."""
    return [window(one, number, number * step_s, lag_s) for number in numbers for one in partitions]


ALL = range(PARTITIONS)
OTHERS = [partition for partition in ALL if partition != ONE]


def by_quality(profiles: list[Profile]) -> bool:
    """Whether data quality ever says that it is silent."""
    quality = Quality(pipeline())
    found = [finding for place, profile in enumerate(profiles) for finding in quality.fold(place, profile)]
    assert {finding.partition for finding in found if finding.kind == "silent"} <= {ONE}
    return any(finding.kind == "silent" for finding in found)


def by_drift(profiles: list[Profile]) -> bool:
    """Whether the fold that explains drift ever says so."""
    silences, ever = Silences(), set[int]()
    for profile in profiles:
        silences.on_events(profile)
        ever.update(silences.partitions())
    assert ever <= {ONE}
    return bool(ever)


both = pytest.mark.parametrize("says", [by_quality, by_drift])
Says = Callable[[list[Profile]], bool]


@both
def test_a_partition_of_which_nothing_comes_any_more_is_silent(says: Says) -> None:
    before = windows(range(BEFORE), ALL, MINUTE)

    assert not says(before)
    assert says(before + windows(range(BEFORE, 3 * BEFORE), OTHERS, MINUTE))


@both
def test_a_backlog_of_the_others_makes_nobody_silent(says: Says) -> None:
    # One worker is through with what Kafka has long taken within a second; the other takes hours for its share of it.
    end = 5 * BEFORE
    at_once = [window(one, number, number * MINUTE, (end - number) * MINUTE) for number in range(BEFORE) for one in ALL]
    ahead = [window(ONE, number, number * MINUTE, (end - number) * MINUTE) for number in range(BEFORE, end)]
    slow = [window(one, number, number * MINUTE, end * MINUTE) for number in range(BEFORE, end) for one in OTHERS]

    assert not says([*at_once, *ahead, *slow])


@both
def test_a_worker_that_stands_still_for_a_moment_makes_nobody_silent(says: Says) -> None:
    fast_s = 0.1
    before = windows(range(BEFORE), ALL, fast_s)
    meanwhile = windows(range(BEFORE, 10 * BEFORE), OTHERS, fast_s)
    after = windows(range(BEFORE, 10 * BEFORE), [ONE], fast_s, 27.0)

    assert not says([*before, *meanwhile, *after])


@both
def test_a_partition_known_to_be_behind_is_given_twice_that_time(says: Says) -> None:
    before = [*windows(range(BEFORE), OTHERS, MINUTE), *windows(range(BEFORE), [ONE], MINUTE, HOUR)]
    # Its last window was answered an hour after the same ones of the others.
    hours = BEFORE + 60 + 118
    meanwhile = windows(range(BEFORE, hours), OTHERS, MINUTE)
    later = windows(range(hours, hours + 5), OTHERS, MINUTE)

    assert not says([*before, *meanwhile])
    assert says([*before, *meanwhile, *later])


def test_whatever_is_heard_of_it_ends_the_silence() -> None:
    quality = Quality(pipeline())
    before = windows(range(BEFORE), ALL, MINUTE)
    for place, profile in enumerate([*before, *windows(range(BEFORE, 2 * BEFORE), OTHERS, MINUTE)]):
        quality.fold(place, profile)
    assert [finding.kind for finding in quality.open.values()] == ["silent"]

    (told,) = quality.fold(10**6, window(ONE, 2 * BEFORE, 2 * BEFORE * MINUTE))

    assert told.until is not None
    assert quality.open == {}
