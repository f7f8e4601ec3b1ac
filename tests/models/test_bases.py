"""What is compared with is declared: the first examples, a range of event time, or a base that slides."""

from __future__ import annotations

import pickle
import random
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import pytest
from msgspec import structs

from bench.drift_worlds import START, World, log, pipeline
from models.drift import DriftMonitor
from models.mistakes import mistakes
from models.monitoring import Drift as Declared
from models.monitoring import Sliding
from models.references import References
from models.slides import SLIDES, SlidingDetectors
from schemas.drift import Drift
from schemas.examples import Control, LogRecord
from tests.models.windows import example
from tests.models.windows import pipeline as declared_pipeline

EVENTS = 40_000

Log = list[tuple[int, LogRecord]]


def at(second: float) -> datetime:
    return START + timedelta(seconds=second)


def values(*, slope: float = 0.0, shift: float = 0.0, since: int = 0, until: int = EVENTS) -> Any:
    """Normal values, one a second, that wander by ``slope`` deviations in all, and are shifted for a while."""
    generator = np.random.default_rng(7)
    made = generator.normal(size=EVENTS) + np.linspace(0.0, slope, EVENTS)
    made[since:until] += shift
    return made


def features(**planted: Any) -> Log:
    return list(log(World({"x": values(**planted)})))


def told(records: Log, reference: Any, monitor: DriftMonitor | None = None) -> list[Drift]:
    monitor = monitor or DriftMonitor(pipeline(reference=reference))
    return [drift for offset, record in records for drift in monitor.fold(offset, record)]


def starts(drifts: list[Drift]) -> list[float]:
    return [(drift.time - START).total_seconds() for drift in drifts if drift.phase == "start"]


SLIDING = Sliding("6000s", gap="500s")


def test_drift_that_is_slower_than_the_slide_is_followed_and_not_told() -> None:
    wandering = features(slope=0.4)

    assert starts(told(wandering, "first"))
    assert told(wandering, SLIDING) == []


def test_abrupt_drift_is_told_once_by_a_base_that_slides() -> None:
    drifts = told(features(shift=1.0, since=25_000), SLIDING)

    assert len(starts(drifts)) == 1
    assert 25_000 < starts(drifts)[0] < 27_000
    assert abs((drifts[0].since or at(0)) - at(25_000)) <= timedelta(seconds=512)
    # The new regime is the measure from then on, though older stretches were otherwise.
    assert [drift.ended for drift in drifts if drift.phase == "end"] == ["settled"]


def test_without_drift_a_base_that_slides_tells_nothing() -> None:
    generator = np.random.default_rng(3)
    labels = generator.random(EVENTS) < 0.4
    still = list(log(World({"x": values()}, np.full(EVENTS, 0.4), labels)))

    assert told(still, Sliding("4000s")) == []


def test_counts_that_slide_are_those_between_gap_and_length_ago() -> None:
    detectors = SlidingDetectors(np.array([1e9]), ["any"], 2, gap=2)
    for index in range(12):
        detectors.take(np.array([[index, 1]], np.int64), 0, index, 1 + index, index)

    # Now is 11: stretches 5 to 8, and the window of 11 itself, on which the base has grown.
    assert SLIDES == 4
    assert detectors._base[0].tolist() == [5 + 6 + 7 + 8 + 11, 5]
    assert sorted(detectors._kept) == [5, 6, 7, 8, 9, 10, 11]


def test_alarm_forgets_older_stretches_of_its_stream_only() -> None:
    detectors = SlidingDetectors(np.array([1e9, 1e9]), ["any", "any"], 2, gap=0)
    window = np.array([[3, 1], [2, 2]], np.int64)
    detectors.take(window, 0, 0, 4, 0, None)
    detectors.restart(np.array([True, False]))
    detectors.take(window, 0, 1, 4, 1, None)

    assert detectors._base[0].tolist() == [3, 1, 4, 4]


RANGE = (at(0), at(20_000))


def test_windows_in_the_range_are_what_later_ones_are_compared_with() -> None:
    # Different from the end of the range on: a base that began there would know nothing else.
    drifts = told(features(shift=1.0, since=20_000), RANGE)

    assert len(starts(drifts)) == 1
    assert 20_000 < starts(drifts)[0] < 22_000


def test_range_is_the_measure_for_blocks_too() -> None:
    declared = {"reference": RANGE, "block": "200s", "events_per_false_alarm": 20_000}
    passing, lasting = (DriftMonitor(pipeline(**declared)).fold for _ in range(2))
    within = [drift for one in features(shift=3.0, since=16_000, until=18_000) for drift in passing(*one)]
    after = [drift for one in features(shift=3.0, since=20_000) for drift in lasting(*one)]

    assert min(starts(within), default=EVENTS) >= 20_000
    assert 20_000 < starts(after)[0] < 30_000


def test_labels_in_the_range_are_what_later_ones_are_compared_with() -> None:
    labels = np.random.default_rng(1).random(EVENTS) < np.where(np.arange(EVENTS) < 20_000, 0.3, 0.6)
    drifts = told(list(log(World({"x": values()}, np.full(EVENTS, 0.3), labels))), RANGE)

    assert 20_000 < starts(drifts)[0] < 22_000
    assert drifts[0].stream in ("surprise", "calibration", "label")


def test_nothing_is_told_within_the_range() -> None:
    passing = features(shift=1.0, since=8_000, until=12_000)

    assert min(starts(told(passing, "first"))) < 12_000
    assert min(starts(told(passing, RANGE)), default=EVENTS) >= 20_000


@cache
def drifting() -> Log:
    """Features drift, then labels; then there is another champion."""
    labels = np.random.default_rng(1).random(EVENTS) < np.where(np.arange(EVENTS) < 27_000, 0.3, 0.6)
    columns = {"x": values(shift=1.0, since=25_000)}
    return renewed(list(log(World(columns, np.full(EVENTS, 0.3), labels))))


def renewed(records: Log) -> Log:
    promoted = [Control(action="promoted", model=name, version=1, reason="") for name in ("model", "other")]
    late = 3 * len(records) // 4
    parts = [promoted[0], *(one for _, one in records[:late]), promoted[1], *(one for _, one in records[late:])]
    return list(enumerate(parts))


@pytest.mark.parametrize("reference", [SLIDING, RANGE, Sliding("1000s")], ids=str)
@pytest.mark.parametrize("seed", range(2))
def test_whoever_starts_from_a_checkpoint_tells_the_same(reference: Any, seed: int) -> None:
    records = drifting()
    straight = told(records, reference)
    cut = random.Random(seed).randrange(len(records))
    first, again = (DriftMonitor(pipeline(reference=reference)) for _ in range(2))
    begun = told(records[:cut], reference, first)

    again.restore(pickle.loads(pickle.dumps(first.state())))

    assert [*begun, *told(records[cut // 2 :], reference, again)] == straight
    assert straight


def outcome(time: datetime, speed: float) -> LogRecord:
    return structs.replace(example({"speed": speed}), time=time)


def bins_of(records: list[LogRecord], reference: Any) -> References:
    references = References(declared_pipeline(drift=Declared(reference_examples=50, reference=reference)))
    references.follow(list(enumerate(records)))
    return references


def test_examples_of_the_range_fix_the_bins_wherever_in_the_log_they_stand() -> None:
    early = [outcome(at(second), 1e6) for second in range(100)]
    within = [outcome(at(1000 + second), float(second)) for second in range(50)]
    after = [outcome(at(2000 + second), -1e6) for second in range(50)]
    mixed = [record for pair in zip(after, within, strict=True) for record in pair]

    found = bins_of([*early, *mixed], (at(1000), at(2000))).reference

    assert found is not None
    assert (found.fields["speed"].minimum, found.fields["speed"].maximum) == (0.0, 49.0)
    assert found.position == 200


def test_range_in_which_too_little_came_is_filled_up_by_what_comes_when_its_labels_are_due() -> None:
    hour = 3600  # The label's timeout.
    within = [outcome(at(second), 0.0) for second in range(20)]
    waiting = [outcome(at(100 + second), 1.0) for second in range(60)]
    over = [outcome(at(100 + hour + second), 2.0) for second in range(30)]

    assert bins_of([*within, *waiting, *over[:-1]], (at(0), at(100))).reference is None
    found = bins_of([*within, *waiting, *over], (at(0), at(100))).reference

    assert found is not None
    assert found.fields["speed"].total == 60.0


def test_range_may_be_said_in_days_of_utc() -> None:
    days = ("2026-01-01", "2026-01-02")
    inside = [outcome(datetime(2026, 1, 1, 23, 59, tzinfo=UTC), 1.0)] * 50
    outside = [outcome(datetime(2026, 1, 2, tzinfo=UTC), 1.0)] * 50

    assert bins_of(inside, days).reference is not None
    assert bins_of(outside, days).reference is None


@pytest.mark.parametrize(
    ("drift", "said"),
    [
        (Declared(events_per_false_alarm=0), "drift: events_per_false_alarm: 0 is no whole number of 1 or more"),
        (Declared(events_per_false_alarm=None), "drift: nothing tells of drift: events_per_false_alarm is None"),
        (Declared(reference="last"), "drift: reference 'last' is none"),  # type: ignore[arg-type]
        (Declared(reference=("2026-01-01",)), "Sliding('30d', gap='7d')"),  # type: ignore[arg-type]
        (Declared(reference=("2026-01-01", "soon")), "'soon' is no point in time"),
        (Declared(reference=("2026-01-01", 3)), "3 is no point in time"),  # type: ignore[arg-type]
        (Declared(reference=("2026-03-01", "2026-01-01")), "swap them"),
        (Declared(reference=Sliding("30 moons")), "drift: reference length: '30 moons' is no duration"),
        (Declared(reference=Sliding("0d")), "drift: reference length: '0d' is not longer than nothing"),
        (Declared(reference=Sliding("30d", gap=7)), "drift: reference gap: 7 is no duration"),  # type: ignore[arg-type]
        (Declared(reference=Sliding("1h", gap="7d")), "more than 16 times the length"),
        (Declared(reference=Sliding("30d"), block="1d"), "block does not go with Sliding"),
    ],
    ids=str,
)
def test_mistakes_of_the_declaration_are_told_with_a_way_out(drift: Declared, said: str) -> None:
    found = [one for one in mistakes(declared_pipeline(drift=drift)) if one.startswith("drift:")]

    assert len(found) == 1
    assert said in found[0]


@pytest.mark.parametrize(
    "reference",
    ["first", ("2026-01-01", "2026-03-01T06:00+01:00"), (at(0), "2027-01-01"), Sliding("30d", "7d"), Sliding("30d")],
    ids=str,
)
def test_right_declarations_have_no_mistakes(reference: Any) -> None:
    found = mistakes(declared_pipeline(drift=Declared(reference=reference)))

    assert [one for one in found if one.startswith("drift:")] == []
