"""A story for every problem: real data, real models, and the learning log that they make."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from river import datasets, linear_model, naive_bayes, preprocessing, tree

from models.changes import changes
from models.learning import Learning, fresh_from
from models.pipeline import Field, Label, Pipeline, Problem
from schemas.examples import Example, LogRecord
from schemas.values import LabelValue

START = datetime(2026, 5, 1, tzinfo=UTC)

#: River's class has no types.
GAUSSIAN_BAYES: Any = naive_bayes.GaussianNB

DATASETS: dict[Problem, Callable[[], Any]] = {
    "binary": datasets.Phishing,
    "multiclass": datasets.ImageSegments,
    "regression": datasets.TrumpApproval,
}


every_problem = pytest.mark.parametrize("problem", list(DATASETS))


def models_for(problem: Problem) -> dict[str, Any]:
    """Two models of different kinds, fresh."""
    if problem == "regression":
        return {
            "linear": preprocessing.StandardScaler() | linear_model.LinearRegression(),
            "tree": tree.HoeffdingTreeRegressor(),
        }
    if problem == "multiclass":
        return {"bayes": GAUSSIAN_BAYES(), "tree": tree.HoeffdingTreeClassifier()}
    return {
        "logistic": preprocessing.StandardScaler() | linear_model.LogisticRegression(),
        "tree": tree.HoeffdingAdaptiveTreeClassifier(seed=1),
    }


def pipeline_for(problem: Problem, **changes: Any) -> Pipeline:
    """A pipeline of this problem whose first model is the champion."""
    models = changes.pop("models", None) or models_for(problem)
    settings: dict[str, Any] = {"champion": next(iter(models)), "health_window": 100, "health_every": 50}
    settings["label"] = Label(timeout="1h")
    return Pipeline(
        name="story",
        problem=problem,
        fields=[Field("size")],
        id="id",
        models=models,
        **(settings | changes),
    )


@dataclass
class Story:
    """A learning log in the making: what is served is learnt at once."""

    pipeline: Pipeline
    learning: Learning
    log: list[tuple[int, LogRecord]] = field(default_factory=list)

    def write(self, *records: LogRecord) -> None:
        """Append to the log and fold; every other offset is a transaction's marker, as on Kafka."""
        for record in records:
            offset = 2 * len(self.log)
            self.log.append((offset, record))
            self.learning.fold(offset, record)

    def serve(self, id: str, features: dict[str, Any]) -> Example:
        """What was served for an event, with no outcome yet."""
        return Example(
            id=id,
            partition=0,
            time=START + timedelta(seconds=len(self.log)),
            status="expired",
            features=features,
            said=self.learning.predict(features),
            position=self.learning.position,
        )

    def live(self, features: dict[str, Any], label: LabelValue) -> Example:
        """Serve an event and learn its label."""
        served = self.serve(f"id-{len(self.log)}", features)
        known = labelled(served, "known", label)
        self.write(known)
        return known


def labelled(served: Example, status: Any, label: LabelValue, previous: LabelValue | None = None) -> Example:
    """The example of a label that came a minute after its event."""
    return Example(
        id=served.id,
        partition=served.partition,
        time=served.time,
        status=status,
        label=label,
        previous=previous,
        labelled=served.time + timedelta(minutes=1),
        features=served.features,
        said=served.said,
        position=served.position,
    )


def data(problem: Problem, count: int) -> list[tuple[dict[Any, Any], Any]]:
    """The first so many questions and answers of River's dataset."""
    return list(itertools.islice(DATASETS[problem](), count))


def begin(pipeline: Pipeline) -> Story:
    """A log that begins with the models of the pipeline."""
    story = Story(pipeline, Learning(pipeline, fresh_from(pipeline)))
    story.write(*changes(pipeline, story.learning))
    return story


def story_of(problem: Problem, count: int, **changes: Any) -> Story:
    """The log of so many events, each learnt at once."""
    story = begin(pipeline_for(problem, **changes))
    for features, label in data(problem, count):
        story.live(features, label)
    return story
