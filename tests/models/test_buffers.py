"""Outcomes are looked at when there are enough of them, sooner where they are odd, and that costs no false alarm."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from models.buffers import WINDOW, Buffers
from models.conformal import Ordered, Places
from models.detectors import CHUNK, Detectors, Known
from models.hindsight import Outcome
from models.tallies import Tally
from schemas.examples import Example
from schemas.predictions import Said

TIME = datetime(2026, 1, 1, tzinfo=UTC)


def outcomes(labels: np.ndarray, score: float = 0.3) -> list[Outcome]:
    return [(TIME, bool(label), score, TIME) for label in labels.tolist()]


def tally() -> Tally:
    return Tally("binary", outcomes(np.random.default_rng(1).random(2000) < 0.3), 1)


def learnt(outcome: Outcome, partition: int = 0) -> Example:
    time, label, score, labelled = outcome
    said = Said(model="m", version=1, score=score)
    return Example(
        id="e", partition=partition, time=time, status="known", label=label, labelled=labelled,
        features={}, said=[said], position=0,
    )  # fmt: skip


def looks(made: list[Outcome], judge: Tally | None, *, near: bool = False) -> list[int]:
    """How many outcomes had waited at each look."""
    buffers = Buffers()
    return [
        len(buffers.take(0))
        for outcome in made
        if buffers.add(learnt(outcome)) is not None and buffers.is_due(0, judge, near=near)
    ]


def test_outcomes_like_those_of_the_reference_wait_until_there_are_enough() -> None:
    usual = outcomes(np.arange(4 * WINDOW) % 10 < 3)
    assert looks(usual, tally()) == [WINDOW] * 4
    assert looks(usual, None) == [WINDOW] * 4


def test_odd_outcomes_and_those_near_an_alarm_are_looked_at_at_once() -> None:
    usual, odd = np.arange(64) % 10 < 3, np.ones(CHUNK)
    assert looks(outcomes(np.concatenate([usual, odd])), tally()) == [64 + CHUNK]
    assert looks(outcomes(usual), tally(), near=True) == [CHUNK] * 4


def test_partitions_wait_each_for_itself() -> None:
    buffers = Buffers()
    for outcome in outcomes(np.zeros(CHUNK - 1)):
        assert buffers.add(learnt(outcome, 0)) is None
        assert buffers.add(learnt(outcome, 1)) is None
    last = outcomes(np.ones(1))[0]
    assert (buffers.add(learnt(last, 1)) or [])[-1] == last


@pytest.mark.parametrize("reach", [0.5, 2.0])
def test_false_alarms_stay_within_the_budget_though_when_is_looked_depends_on_what_came(reach: float) -> None:
    budget, runs, events = 400.0, 60, 3200
    found = 0
    for seed in range(runs):
        generator = np.random.default_rng(seed)
        places = Places([(2, 2)], 1)
        known = Known([np.array([[70.0, 30.0], [10.0, 90.0]])], [np.full(2, reach)], [np.array([1.2, 0.0])])
        detectors = Detectors(np.array([budget]), ["near"], 2, known)
        labels = generator.random(events) < np.array([0.3, 0.9])[classes := generator.integers(0, 2, events)]
        codes = (2 * classes + labels).astype(np.int32)
        begun = 0
        for end in range(CHUNK, events + 1, CHUNK):
            last = labels[end - CHUNK : end].mean()
            if end - begun >= WINDOW or last > 0.8:
                ordered = Ordered(codes[None, begun:end], places)
                alarms = detectors.take(np.array([[1, 1]]), 0, 0, end - begun, seed * events + end, ordered)
                detectors.restart(alarms)
                found, begun = found + int(alarms.sum()), end
    assert 0 < found < runs * events / budget


def test_what_shifts_labels_given_the_score_is_found_soon() -> None:
    generator = np.random.default_rng(3)
    score = generator.uniform(0.05, 0.95, 2000)
    drawn = zip(generator.random(2000) < score, score.tolist(), strict=True)
    reference: list[Outcome] = [(TIME, bool(label), said, TIME) for label, said in drawn]
    judge = Tally("binary", reference, 1)
    detectors = Detectors(np.full(6, 1e6), ["rise", "shift", "rise", "any", "rise", "rise"], judge.width, judge.known)
    position = 0

    def fold(true: np.ndarray, said: np.ndarray) -> bool:
        nonlocal position
        position += len(true)
        made: list[Outcome] = [(TIME, bool(y), s, TIME) for y, s in zip(true, said.tolist(), strict=True)]
        counts, ordered, _ = judge.counts(made, position)
        return bool(detectors.take(counts, 0, 0, len(made), position, ordered).any())

    def draw(strength: float) -> tuple[np.ndarray, np.ndarray]:
        said = generator.uniform(0.05, 0.95, WINDOW)
        chance = 0.5 + strength * (said - 0.5)
        return generator.random(WINDOW) < chance, said

    assert not any(fold(*draw(1.0)) for _ in range(20))
    assert any(fold(*draw(-0.5)) for _ in range(2))
