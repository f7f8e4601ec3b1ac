"""Classes and numbers go through the whole loop as they do through River's own evaluation."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from river import datasets, evaluate, linear_model, metrics, naive_bayes, preprocessing, tree

from agents.replay import replay
from models.learning import declared
from models.metrics import METRICS
from models.pipeline import Field, Label, Pipeline, Problem
from schemas.health import Health
from streams.broker import Broker
from streams.settings import load
from tests.broker.station import Station, station

START = datetime(2024, 5, 1, tzinfo=UTC)
COUNT = 160

#: An event comes each minute, its label so long after it.
DELAY = timedelta(minutes=20)

#: River's class has no types.
GAUSSIAN_BAYES: Any = naive_bayes.GaussianNB

DATASETS: dict[Problem, Callable[[], Any]] = {
    "multiclass": datasets.ImageSegments,
    "regression": datasets.TrumpApproval,
}
MODELS: dict[Problem, dict[str, Any]] = {
    "multiclass": {"bayes": GAUSSIAN_BAYES(), "tree": tree.HoeffdingTreeClassifier(grace_period=20)},
    "regression": {
        "linear": preprocessing.StandardScaler() | linear_model.LinearRegression(),
        "tree": tree.HoeffdingTreeRegressor(grace_period=20),
    },
}


class Row(dict[Any, Any]):
    """Features that know when they were needed."""

    moment: datetime


def rows(problem: Problem) -> list[tuple[Row, Any]]:
    """Features as JSON brings them to the models, with their labels."""
    made = []
    for number, (features, label) in enumerate(itertools.islice(DATASETS[problem](), COUNT)):
        row = Row({name: float(value) for name, value in features.items()})
        row.moment = START + timedelta(minutes=number)
        made.append((row, label))
    return made


def pipeline(problem: Problem) -> Pipeline:
    models = MODELS[problem]
    return Pipeline(
        name=f"problems-{problem}",
        problem=problem,
        fields=[Field(name) for name in rows(problem)[0][0]],
        id="id",
        time="at",
        label=Label(timeout="10h"),
        models=models,
        champion=next(iter(models)),
        partitions=1,
        health_every=COUNT,
    )


def lockstep(lane: Station, made: list[tuple[Row, Any]]) -> None:
    """Send in true time order, and wait after each label until it is learnt."""
    learnt = 0

    def label(number: int) -> None:
        nonlocal learnt
        learnt += 1
        lane.send("feedback", {"id": str(number), "label": made[number][1]})
        lane.until(lambda: len(lane.examples()) == learnt, f"label {learnt} is learnt")

    for number, (row, _) in enumerate(made):
        ripe = number - DELAY // timedelta(minutes=1)
        if ripe >= 0:
            label(ripe)
        lane.send("events", {"id": str(number), "at": row.moment.timestamp()} | row)
        lane.until(lambda number=number: len(lane.predictions()) == number + 1, "it is answered")  # type: ignore[misc]
    for number in range(learnt, COUNT):
        label(number)


def river_says(problem: Problem, model: Any, metric: str) -> float:
    """River's own evaluation with the same delays."""
    judged: Any = getattr(metrics, metric)()
    evaluate.progressive_val_score(
        rows(problem), copy.deepcopy(model), judged, moment=lambda row: row.moment, delay=DELAY
    )
    return float(judged.get())


@pytest.mark.parametrize("problem", ["multiclass", "regression"])
def test_every_model_is_measured_as_river_would_and_the_replay_agrees(
    broker: Broker, tmp_path: Path, problem: Problem
) -> None:
    settings = load(bootstrap=broker.bootstrap, data=tmp_path, worker="one")
    with station(pipeline(problem), settings) as lane:
        lane.start()
        lockstep(lane, rows(problem))
        lane.until(lambda: any(report.labels.known == COUNT for report in lane.health()), "the report")
        lane.stop()
        report: Health = lane.health()[-1]
        found = {one.model: one.metrics for one in report.models}
        compared = replay(lane.pipeline, settings)
        predictions = lane.predictions()
    expected = {
        name: {metric: river_says(problem, model, metric) for metric in METRICS[problem]}
        for name, model in declared(pipeline(problem)).items()
    }
    assert found == expected
    assert (compared.compared, compared.equal) == (COUNT, COUNT)
    if problem == "multiclass":
        last = predictions[-1]
        assert isinstance(last.score, dict)
        assert last.label == max(last.score, key=last.score.__getitem__)
    else:
        assert {prediction.label for prediction in predictions} == {None}
