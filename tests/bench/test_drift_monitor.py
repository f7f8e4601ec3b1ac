"""The fold that tells drift, on planted worlds: it is found, named rightly, and told the same after a restore."""

from __future__ import annotations

import pickle
from datetime import timedelta
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import pytest

from bench.drift_worlds import START, World, log, pipeline
from models.drift import DriftMonitor
from schemas.drift import Drift
from schemas.examples import Control, Example, LogRecord

EVENTS, CHANGE = 14_000, 8_000


def world(seed: int = 0, **planted: Any) -> World:
    """Four features and a champion that is right about them, until something is planted."""
    generator = np.random.default_rng(seed)
    features = generator.normal(size=(EVENTS, 4))
    late = np.arange(EVENTS) >= CHANGE
    features[late, 0] += planted.pop("covariate", 0.0)
    weights = np.array([1.0, -1.0, 0.5, 0.0])
    score = 1 / (1 + np.exp(-(features @ weights)))
    true = 1 / (1 + np.exp(-(features @ (weights * (1 - 2 * planted.pop("concept", 0.0))))))
    labels = generator.random(EVENTS) < np.where(late, true, score)
    keep = np.ones(EVENTS, bool)
    if (prior := planted.pop("prior", None)) is not None:
        keep = ~late | labels | (generator.random(EVENTS) < prior)
    if (unit := planted.pop("unit", None)) is not None:
        features[late, 1] *= unit
    if planted.pop("stuck", False):
        features[late, 1] = 0.3
    if (gone := planted.pop("missing", None)) is not None:
        features[late & (generator.random(EVENTS) < gone), 1] = np.nan
    if (slower := planted.pop("delay", None)) is not None:
        planted["delay_s"] = generator.exponential(30.0, EVENTS) * np.where(late, slower, 1.0)
    if planted.pop("silent", False):
        planted["missing_labels"] = late
    if planted.pop("doubled", False):
        planted["duplicates"] = late & (generator.random(EVENTS) < 0.3)
    columns = {f"x{at}": features[keep, at] for at in range(4)}
    return World(columns, score[keep], labels[keep], **planted)


def told(records: list[tuple[int, LogRecord]], monitor: DriftMonitor | None = None) -> list[Drift]:
    monitor = monitor or DriftMonitor(pipeline())
    return [drift for offset, record in records for drift in monitor.fold(offset, record)]


@pytest.mark.parametrize(
    ("planted", "cause", "action"),
    [
        ({"covariate": 0.5}, "covariate", "wait"),
        ({"prior": 0.4}, "prior", "retrain"),
        ({"concept": 0.6}, "concept", "retrain"),
        ({"covariate": 0.7, "concept": 0.7}, "mixed", "page"),
        ({"unit": 1000.0}, "feed_broken", "quarantine"),
        ({"stuck": True}, "feed_broken", "quarantine"),
        ({"missing": 0.5}, "feed_broken", "quarantine"),
        ({"doubled": True}, "feed_broken", "quarantine"),
        ({"delay": 4.0}, "labels_late", "wait"),
        ({"silent": True}, "labels_late", "wait"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_planted_drift_is_found_and_its_cause_named(planted: dict[str, Any], cause: str, action: str) -> None:
    drifts = told(list(log(world(**planted))))
    assert drifts[0].phase == "start"
    first = [drift for drift in drifts if drift.episode == drifts[0].episode]
    assert (first[-1].cause, first[-1].action) == (cause, action)
    begun = (drifts[0].time - START).total_seconds()
    assert CHANGE < begun < CHANGE + 5000
    assert first[-1].reason


@pytest.mark.parametrize("seed", range(4))
def test_change_is_dated_to_the_part_of_a_window_that_it_falls_into(seed: int) -> None:
    started = next(drift for drift in told(list(log(world(seed, unit=100.0)))) if drift.phase == "start")
    # A few values of a window of 256 may be enough to alarm.
    assert started.since is not None
    assert abs((started.since - START).total_seconds() - CHANGE) <= 64
    assert started.cause == "feed_broken"


def test_without_drift_nothing_is_told() -> None:
    assert told(list(log(world()))) == []


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_labels_that_are_unavailable_are_neither_late_nor_missing(share: float) -> None:
    chance, since = np.random.default_rng(5), START + timedelta(seconds=CHANGE)
    records = [
        (
            offset,
            msgspec.structs.replace(record, status="unavailable", label=None)
            if isinstance(record, Example) and record.time >= since and chance.random() < share
            else record,
        )
        for offset, record in log(world())
    ]
    assert sum(isinstance(record, Example) and record.status == "unavailable" for _, record in records) > 1000
    assert told(records) == []


def test_episode_says_what_moved_how_far_since_when_and_from_what_to_what() -> None:
    start, *_, end = told(list(log(world(covariate=1.0))))
    assert (start.phase, start.detector, start.stream, start.unpromised) == ("start", "e-detector", "x0", False)
    assert start.since is not None
    assert abs((start.since - START).total_seconds() - CHANGE) <= 300
    moved = {one.stream: one for one in end.moved}
    # Half of the values of a normal distribution that is shifted by one deviation lie elsewhere: 2·Φ(1/2) - 1 = 0.383.
    assert moved["x0"].distance == pytest.approx(0.383, abs=0.05)
    assert moved["x0"].shift == pytest.approx(0.52, abs=0.08)
    assert moved["x0"].alarmed
    assert not any(name in moved for name in ("x1", "x2", "x3", "calibration"))
    assert sum(moved["x0"].before) == pytest.approx(1.0, abs=0.01)
    assert (end.phase, end.ended, end.episode) == ("end", "settled", start.position)


def test_drift_that_goes_away_again_ends_as_returned() -> None:
    generator = np.random.default_rng(1)
    values = generator.normal(size=20_000)
    values[8000:12_000] += 1.0
    drifts = told(list(log(World({"x": values, "y": generator.normal(size=20_000)}))))
    assert [(drift.phase, drift.ended) for drift in drifts] == [("start", None), ("end", "returned")]


def test_silent_partition_is_a_broken_feed_until_it_speaks_again() -> None:
    generator = np.random.default_rng(2)
    partition = generator.integers(0, 4, 60_000)
    partition[20_000:40_000][partition[20_000:40_000] == 2] = 3
    made = World({"x": generator.normal(size=60_000)}, partition=partition)
    drifts = told(list(log(made)))
    assert [(drift.phase, drift.cause, drift.stream) for drift in drifts[:1]] == [
        ("start", "feed_broken", "partition:2")
    ]
    assert drifts[-1].phase == "end"
    assert all(drift.episode == drifts[0].position for drift in drifts)


@pytest.mark.parametrize("planted", [{"covariate": 0.7, "concept": 0.7}, {"prior": 0.4}], ids=["mixed", "prior"])
@pytest.mark.parametrize("share", [0.2, 0.58, 0.7])
def test_restored_monitor_goes_on_to_the_same_records(planted: dict[str, Any], share: float) -> None:
    records = list(log(world(**planted)))
    straight = told(records)
    cut = int(share * len(records))
    first = DriftMonitor(pipeline())
    begun = told(records[:cut], first)
    again = DriftMonitor(pipeline())
    again.restore(pickle.loads(pickle.dumps(first.state())))
    # What was folded before is skipped.
    assert [*begun, *told(records[cut // 2 :], again)] == straight
    assert straight


@pytest.mark.parametrize("columns", [{"covariate": 1.0}])
def test_another_champion_renews_everything(columns: dict[str, Any]) -> None:
    records = list(log(world(**columns)))
    monitor = DriftMonitor(pipeline())

    def promoted(model: str) -> Control:
        return Control(action="promoted", model=model, version=1, reason="")

    monitor.fold(0, promoted("model"))
    begun = [
        drift for offset, record in records for drift in monitor.fold(offset + 1, record) if drift.phase == "start"
    ]
    assert begun
    assert monitor.watched
    position = monitor.position
    assert monitor.fold(position, promoted("model")) == []
    assert monitor.watched
    renewed = monitor.fold(position + 1, promoted("other"))
    assert [drift.ended for drift in renewed] in ([], ["renewed"])
    assert monitor.watched == ()


def test_duplicated_columns_share_the_budget_of_one() -> None:
    generator = np.random.default_rng(5)
    column = generator.normal(size=60_000)
    one = DriftMonitor(pipeline(events_per_false_alarm=20_000))
    assert told(list(log(World({f"x{at}": column for at in range(20)}))), one) == []
    assert len(one.watched) == 22


def test_records_are_told_at_positions_that_only_grow() -> None:
    drifts = told(list(log(world(covariate=0.7, concept=0.7))))
    assert all(one.position <= other.position for one, other in pairwise(drifts))
    decoded = [msgspec.json.decode(msgspec.json.encode(drift), type=Drift) for drift in drifts]
    assert decoded == drifts


def test_declared_detectors_of_river_signal_beside_and_promise_nothing() -> None:
    drifts = told(list(log(world(concept=1.0))), DriftMonitor(pipeline(detectors=["ADWIN", "DDM"])))
    signals = [drift for drift in drifts if drift.phase == "signal"]
    assert {drift.detector for drift in signals} == {"ADWIN", "DDM"}
    assert all(drift.unpromised and drift.cause == "concept" for drift in signals)
    assert any(not drift.unpromised for drift in drifts)


def test_detectors_of_river_may_be_declared_in_the_place_of_a_budget() -> None:
    made = pipeline(events_per_false_alarm=None, detectors=["ADWIN", "KSWIN"])
    records = list(log(world(concept=1.0, covariate=1.0)))
    drifts = told(records, DriftMonitor(made))
    assert {(drift.phase, drift.unpromised) for drift in drifts} == {("signal", True)}
    assert {drift.detector for drift in drifts} == {"ADWIN", "KSWIN"}
    silent = told(list(log(world(silent=True))), DriftMonitor(made))
    assert [drift.cause for drift in silent if drift.phase == "start"] == ["labels_late"]


@pytest.mark.parametrize("problem", ["multiclass", "regression"])
def test_concept_drift_is_found_for_every_problem(problem: str) -> None:
    generator = np.random.default_rng(3)
    values, late = generator.normal(size=EVENTS), np.arange(EVENTS) >= CHANGE
    if problem == "regression":
        labels: Any = np.where(late, -values, values) + generator.normal(size=EVENTS)
        scores: Any = values
    else:
        low = 1 / (1 + np.exp(values))
        scores = np.array([{"a": one / 2, "b": one / 2, "c": 1 - one} for one in low.tolist()], object)
        draws = generator.random(EVENTS)
        chance = np.where(late, 1 - low, low)
        labels = np.where(draws < chance / 2, "a", np.where(draws < chance, "b", "c"))
    records = list(log(World({"x": values}, scores, labels, problem=problem)))
    drifts = told(records, DriftMonitor(pipeline(problem)))
    assert drifts[0].phase == "start"
    assert drifts[-1].cause == "concept"


@pytest.mark.parametrize("seed", range(3))
def test_champion_that_was_hardly_ever_wrong_is_told_of_after_few_wrong_answers(seed: int) -> None:
    generator = np.random.default_rng(seed)
    true = generator.random(EVENTS) < 0.3
    wrong = generator.random(EVENTS) < np.where(np.arange(EVENTS) < CHANGE, 0.0005, 0.03)
    made = World({"x": generator.normal(size=EVENTS)}, np.where(true, 0.9995, 0.0005), true ^ wrong)

    start = next(one for one in told(list(log(made))) if one.phase == "start")

    at = round((start.time - START).total_seconds())
    assert at >= CHANGE
    assert wrong[CHANGE:at].sum() <= 12
    assert start.cause == "concept"


def test_boundary_that_moves_a_bit_is_told_though_most_answers_are_as_right_as_before() -> None:
    delays = []
    for seed in range(5):
        generator = np.random.default_rng(seed)
        x = generator.normal(size=EVENTS)
        noise = generator.random(EVENTS) < 0.1
        true = (x > np.where(np.arange(EVENTS) < CHANGE, 0.0, 0.2)) ^ noise
        made = World({"x": x}, 1 / (1 + np.exp(-6 * x)), true)
        start = next(one for one in told(list(log(made))) if one.phase == "start")
        assert start.cause == "concept"
        delays.append((start.time - START).total_seconds() - CHANGE)
    assert min(delays) >= 0
    assert np.median(delays) <= 400


def test_blocks_are_told_the_same_after_a_restore_and_find_a_lasting_shift() -> None:
    generator = np.random.default_rng(4)
    level = np.repeat(generator.normal(size=120), 200) * 0.5
    values = level + generator.normal(size=24_000)
    values[14_000:] += 2.0
    records = list(log(World({"x": values})))
    made = pipeline(events_per_false_alarm=20_000, block="200s")
    straight = told(records, DriftMonitor(made))
    first, again = DriftMonitor(made), DriftMonitor(made)
    begun = told(records[:50], first)
    again.restore(pickle.loads(pickle.dumps(first.state())))
    assert [*begun, *told(records[50:], again)] == straight
    assert [drift.phase for drift in straight][:1] == ["start"]
    assert (straight[0].time - START).total_seconds() > 14_000


def test_checkpoint_from_before_drift_was_watched_begins_anew() -> None:
    monitor = DriftMonitor(pipeline())
    monitor.restore({})
    assert monitor.position == 0
    assert monitor.watched == ()
