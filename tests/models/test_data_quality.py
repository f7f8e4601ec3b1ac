"""Faults in the data are recognised as what they are, and nothing else is."""

from __future__ import annotations

import math
import pickle
import random
from dataclasses import dataclass
from datetime import timedelta

import pytest

from models.data_quality import KINDS, Finding, Quality
from schemas.examples import FieldSummary, Profile
from tests.models.windows import START, STEP, WINDOW, Fault, Row, Stream, pipeline

#: Rounds before a fault, of a fault, and after it.
BEFORE, DURING, AFTER = 24, 10, 6


def usual(chance: random.Random) -> Row:
    """What most events are like."""
    return {
        "speed": chance.gauss(50, 8),
        "signed": chance.gauss(0, 3),
        "gap": chance.gauss(0, 1) if chance.random() < 0.8 else None,
        "colour": chance.choice(["red", "green", "blue", "black"]),
        "seats": chance.randrange(1, 6),
        "rare": chance.random() < 0.001,
        "fixed": 1.0,
    }


def found(quality: Quality, stream: Stream, rounds: int, fault: Fault | None = None) -> list[Finding]:
    """What opens and closes in the next rounds."""
    return [finding for record in stream.rounds(rounds, fault) for finding in quality.fold(*record)]


def good_times(seed: int = 1) -> tuple[Quality, Stream]:
    """A stream with nothing wrong so far, and who has watched it."""
    stream, quality = Stream(usual, seed), Quality(pipeline())
    stream.reference()
    assert [told for record in stream.log for told in quality.fold(*record)] == []
    assert found(quality, stream, BEFORE) == []
    return quality, stream


@dataclass(frozen=True)
class Case:
    """One fault, the finding that it is, and how much."""

    name: str
    fault: Fault
    key: str
    size: float


CASES = [
    Case(
        "a field is lost",
        Fault(change=lambda _, row: row | {"speed": None}),
        "missing:speed:",
        1.0,
    ),
    Case(
        "an optional field is lost",
        Fault(change=lambda _, row: {name: value for name, value in row.items() if name != "gap"}),
        "missing:gap:",
        1.0,
    ),
    Case(
        "every tenth is out of range",
        Fault(rejected=lambda _, offset: ("$.speed", "range") if offset % 10 == 0 else None),
        "out_of_range:speed:",
        0.1,
    ),
    Case(
        "every fourth lacks a field that it must have",
        Fault(rejected=lambda _, offset: ("$.speed", "absent") if offset % 4 == 0 else None),
        "missing:speed:",
        0.25,
    ),
    Case(
        "everything has another type",
        Fault(rejected=lambda _, __: ("$.speed", "type")),
        "out_of_range:speed:",
        1.0,
    ),
    Case(
        "a new colour",
        Fault(change=lambda _, row: row | ({"colour": "pink"} if row["seats"] == 1 else {})),
        "new_category:colour:",
        0.2,
    ),
    Case("one value for all", Fault(change=lambda _, row: row | {"speed": 44.0}), "constant:speed:", 4 * WINDOW),
    Case("one colour for all", Fault(change=lambda _, row: row | {"colour": "red"}), "constant:colour:", 4 * WINDOW),
    Case(
        "metres for kilometres",
        Fault(change=lambda _, row: row | {"speed": float(row["speed"] or 0) * 1000}),
        "unit_change:speed:",
        1000.0,
    ),
    Case(
        "the other way round, where values are around zero",
        Fault(change=lambda _, row: row | {"signed": float(row["signed"] or 0) / 1000}),
        "unit_change:signed:",
        0.001,
    ),
    Case(
        "another unit in one partition",
        Fault(
            change=lambda partition, row: row | ({"speed": float(row["speed"] or 0) * 100} if partition == 2 else {})
        ),
        "unit_change:speed:2",
        100.0,
    ),
    Case(
        "a sensor is stuck",
        Fault(change=lambda partition, row: row | ({"speed": 51.5} if partition == 1 else {})),
        "stuck:speed:1",
        WINDOW,
    ),
    Case("one partition is silent", Fault(silent=frozenset({3})), "silent::3", 4 * WINDOW),
    Case("a burst of duplicates", Fault(repeated=lambda _, offset: offset % 2 == 0), "duplicates::", 0.5),
    Case("ten times as many events", Fault(step=STEP / 10), "volume::", 10.0),
    Case("a tenth of the events", Fault(step=STEP * 10), "volume::", 0.1),
    Case("events come an hour late", Fault(delay=timedelta(hours=1)), "stale::", 3600.0),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_fault_is_recognised_as_what_it_is_and_its_end_is_told(case: Case) -> None:
    quality, stream = good_times()

    opened = found(quality, stream, DURING, case.fault)
    closed = found(quality, stream, AFTER)

    first = opened[0]
    assert {finding.key for finding in opened} == {case.key}
    assert first.until is None
    assert first.size == pytest.approx(case.size, rel=0.3)
    assert first.sentence
    ends = [finding for finding in [*opened, *closed] if finding.until is not None]
    assert [finding.key for finding in ends] == [case.key]
    assert ends[0].until is not None
    assert ends[0].since < ends[0].until
    assert quality.open == {}


def test_every_kind_has_a_case() -> None:
    assert {case.key.partition(":")[0] for case in CASES} == set(KINDS)


def test_what_is_open_has_no_end_yet() -> None:
    quality, stream = good_times()
    found(quality, stream, DURING, Fault(change=lambda _, row: row | {"speed": None}))

    assert list(quality.open) == ["missing:speed:"]
    assert quality.open["missing:speed:"].until is None


def test_what_lasts_becomes_normal() -> None:
    quality, stream = good_times()
    lost = Fault(change=lambda _, row: row | {"speed": None})

    told = found(quality, stream, 80, lost)

    assert [(finding.key, finding.until is None) for finding in told] == [
        ("missing:speed:", True),
        ("missing:speed:", False),
    ]


def test_nothing_is_said_before_it_is_known_what_is_normal() -> None:
    stream, quality = Stream(usual), Quality(pipeline())
    stream.reference()

    assert found(quality, stream, 5) == []
    assert found(quality, stream, 4, Fault(change=lambda _, row: row | {"speed": None})) == []


def heavy(chance: random.Random) -> Row:
    """Numbers without a mean, and categories most of which come once."""
    return {
        "cauchy": math.tan(math.pi * (chance.random() - 0.5)),
        "lognormal": chance.lognormvariate(0, 2),
        "tail": f"c{int(chance.paretovariate(0.7))}",
        "mostly": 0.0 if chance.random() < 0.97 else chance.expovariate(1),
        "gap": None if chance.random() < 0.5 else 1,
    }


class Blocks:
    """Values that stay the same for a while: weather, or the shift of a machine."""

    def __init__(self) -> None:
        self._left = 0
        self._row: Row = {}

    def __call__(self, chance: random.Random) -> Row:
        if self._left == 0:
            self._left = chance.randrange(50, 600)
            self._row = {
                "rain": max(0.0, chance.gauss(-1, 1)),
                "warm": chance.gauss(10, 8),
                "station": chance.choice("abc"),
                "gauge": None if chance.random() < 0.3 else chance.gauss(1000, 9),
            }
        self._left -= 1
        return dict(self._row)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("kind", ["usual", "heavy"])
def test_nothing_is_found_where_nothing_is_wrong(kind: str, seed: int) -> None:
    stream, quality = Stream({"usual": usual, "heavy": heavy}[kind], seed), Quality(pipeline())
    stream.reference()

    assert found(quality, stream, 120) == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_values_in_blocks_are_no_stuck_sensors(seed: int) -> None:
    stream, quality = Stream(Blocks(), seed), Quality(pipeline())
    stream.reference()

    assert {finding.kind for finding in found(quality, stream, 120)} <= {"missing"}


def test_a_state_that_was_written_down_goes_on_as_if_nothing_had_been() -> None:
    quality, stream = good_times()
    lost = Fault(change=lambda _, row: row | {"speed": None})
    found(quality, stream, 4, lost)
    restored = Quality(pipeline())
    restored.restore(pickle.loads(pickle.dumps(quality.state())))
    assert restored.open == quality.open

    told = [
        (quality.fold(*record), restored.fold(*record)) for record in [*stream.rounds(3, lost), *stream.rounds(AFTER)]
    ]

    assert any(one for one, _ in told)
    assert all(one == other for one, other in told)


def test_records_before_the_own_position_are_known() -> None:
    quality, stream = good_times()
    position = quality.position

    assert [told for record in stream.log for told in quality.fold(*record)] == []
    assert quality.position == position == len(stream.log)


def test_a_window_that_ended_early_is_judged_with_those_after_it() -> None:
    """A field may well be the same for a while: how often it varies is known of full windows."""
    quality = Quality(pipeline(partitions=1, profile_events=256))
    first = 0

    def told(events: int, *, varies: bool) -> list[Finding]:
        nonlocal first
        bins = [events // 4] * 4 if varies else [events, 0, 0, 0]
        field = FieldSummary(
            count=events, categories={name: count for name, count in zip("ABCD", bins, strict=True) if count}, bins=bins
        )
        start, until = (START + (first + more) * STEP for more in (0, events))
        profile = Profile(
            partition=0, first=first, end=first + events, start=start, until=until, received=until, events=events,
            reference=1, fields={"seats": field},
        )  # fmt: skip
        first += events
        return quality.fold(first, profile)

    assert [found for _ in range(BEFORE) for found in told(256, varies=True)] == []
    assert [found for _ in range(8) for varies in (False, True) for found in told(128, varies=varies)] == []
    assert [found.kind for _ in range(4) for found in told(256, varies=False)] == ["constant"]
