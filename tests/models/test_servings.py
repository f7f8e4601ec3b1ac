"""What people got is judged where challengers serve; the champion and drift are judged on what the champion said."""

from __future__ import annotations

import math
import pickle
from datetime import datetime, timedelta
from typing import Any

import pytest

from models.changes import changes
from models.health import Monitor
from models.hindsight import outcome_of
from models.learning import Learning, fresh_from
from models.monitoring import Objective
from schemas.examples import Control, Example
from schemas.health import Health
from schemas.predictions import Said
from tests.models.stories import START, pipeline_for

#: What champion and challenger say of an event that is true.
CHAMPION, CHALLENGER = 0.6, 0.9


class World:
    """Every event is true; the tree is sure of it, the logistic regression less so."""

    def __init__(self) -> None:
        self.pipeline = pipeline_for(
            "binary",
            health_every=10**6,
            health_window=1000,
            objective=[Objective("LogLoss", at_most=0.4), Objective("LogLoss", better_than="prior", by=0.1)],
        )
        self.monitor, self.offset = Monitor(self.pipeline), 0
        for control in changes(self.pipeline, Learning(self.pipeline, fresh_from(self.pipeline))):
            self.write(control)

    def write(self, record: Any) -> None:
        self.monitor.fold(self.offset, record)
        self.offset += 1

    def control(self, action: Any, share: float = 0.0, model: str = "tree") -> None:
        self.write(Control(action=action, model=model, version=1, reason="for the test", share=share))

    def examples(self, count: int, served: int = 0, status: Any = "known") -> World:
        for _ in range(count):
            self.write(example(self.offset, served, status))
        return self

    def report(self) -> Health:
        return self.monitor.report()


def time(seconds: int) -> datetime:
    return START + timedelta(seconds=seconds)


def example(place: int, served: int = 0, status: Any = "known") -> Example:
    said = [("logistic", CHAMPION), ("tree", CHALLENGER), ("prior", 0.5)]
    return Example(
        id=str(place),
        partition=0,
        time=time(place),
        status=status,
        label=None if status == "expired" else True,
        labelled=None if status == "expired" else time(place),
        features={"size": 1.0},
        said=[Said(model=model, version=1, score=score) for model, score in said],
        position=place,
        served=served,
    )


def loss(score: float) -> float:
    return -math.log(score)


def test_without_a_share_what_was_served_is_the_champion_s_and_judged_once() -> None:
    report = World().examples(100).report()
    assert report.served is None
    assert report.objectives[0].value == pytest.approx(loss(CHAMPION))


def test_objectives_are_about_what_was_served_and_models_about_what_they_said() -> None:
    world = World().examples(300)
    world.control("shared", 0.5)
    report = world.examples(150).examples(150, served=1).examples(20, served=1, status="expired").report()
    mixed = (450 * loss(CHAMPION) + 150 * loss(CHALLENGER)) / 600
    assert report.served is not None
    assert (report.served.model, report.served.champion, report.served.count) == ("logistic", False, 600)
    assert report.served.metrics["LogLoss"] == pytest.approx(mixed)
    assert report.objectives[0].value == pytest.approx(mixed)
    assert report.objectives[1].value == pytest.approx(loss(0.5) - mixed)
    by_name = {model.model: model for model in report.models}
    assert by_name["logistic"].metrics["LogLoss"] == pytest.approx(loss(CHAMPION))
    assert by_name["tree"].metrics["LogLoss"] == pytest.approx(loss(CHALLENGER))
    assert by_name["logistic"].champion


def test_labels_of_what_was_served_by_a_share_count_when_it_has_ended_and_the_next_champion_begins_anew() -> None:
    world = World().examples(10)
    world.control("shared", 0.5)
    world.control("shared", 0.0)
    report = world.examples(10, served=1).report()
    assert report.served is not None
    assert report.served.metrics["LogLoss"] == pytest.approx((loss(CHAMPION) + loss(CHALLENGER)) / 2)
    world.control("promoted")
    report = world.examples(10).report()
    assert report.served is None


def test_a_share_that_stays_through_a_promotion_is_judged_with_the_new_champion() -> None:
    world = World().examples(10)
    world.control("shared", 0.5)
    world.control("promoted", model="prior")
    report = world.examples(10, served=1).report()
    assert report.served is not None
    assert report.served.model == "prior"
    assert report.served.metrics["LogLoss"] == pytest.approx((loss(0.5) + loss(CHALLENGER)) / 2)


def test_the_fold_goes_on_from_a_checkpoint_within_a_share() -> None:
    world, other = World().examples(50), World().examples(50)
    for one in (world, other):
        one.control("shared", 0.5)
        one.examples(30, served=1)
    restored = Monitor(other.pipeline)
    restored.restore(pickle.loads(pickle.dumps(other.monitor.state())))
    other.monitor = restored
    assert other.examples(30).report() == world.examples(30).report()


def test_drift_is_about_the_champion_whoever_served() -> None:
    assert outcome_of(example(3, served=1)) == outcome_of(example(3))
