"""Learning logs in which challengers are on trial: what each model says is made up, the labels follow from the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from models.pipeline import Field, Label, Pipeline
from models.policies import Promotion as Policy
from models.promotions import Verdicts
from schemas.examples import Control, Example, LogRecord
from schemas.predictions import Said
from schemas.promotions import Promotion

START = datetime(2026, 1, 1, tzinfo=UTC)

#: From the truth of each example and its place to what a model says.
Says = Callable[[Any, Any], Any]


def pipeline_of(models: tuple[str, ...] = ("old", "new"), groups: tuple[str, ...] = (), **policy: Any) -> Pipeline:
    """A pipeline that only says who is tried, and how; without arguments, labels count as they come."""
    declared: dict[str, Any] = {"settle": "0s", "examples_min": 500} | policy
    return Pipeline(
        name="trial",
        problem="binary",
        fields=[Field("size")],
        label=Label(timeout="1h"),
        models=dict.fromkeys(models),
        champion=models[0],
        groups=groups,
        promotion=Policy(**declared),
    )


def noisy(spread: float, seed: int) -> Says:
    """A model that knows the truth but for noise."""

    def says(truth: Any, _: Any) -> Any:
        return np.clip(truth + np.random.default_rng(seed).normal(0, spread, len(truth)), 0.02, 0.98)

    return says


def broken_from(says: Says, place: int) -> Says:
    """A model that answers the opposite from some place on."""
    return lambda truth, places: np.where(places < place, says(truth, places), 1 - says(truth, places))


class Log:
    """A log and its fold; control records that are decided go back into it, as the leader would write them.

    Parameters
    ----------
    pipeline
        What is declared.
    models
        What each model says, the champion first.
    """

    def __init__(self, pipeline: Pipeline, models: dict[str, Says]) -> None:
        self.pipeline = pipeline
        self.records: list[LogRecord] = []
        self.decisions: list[Promotion] = []
        self.controls: list[Control] = []
        self.verdicts = Verdicts(pipeline)
        self._models = models
        self._events = 0
        for model in models:
            self.write(Control(action="added", model=model, version=1, reason="declared"))
        self.write(Control(action="added", model="prior", version=1, baseline=True, reason="declared"))
        self.write(Control(action="promoted", model=next(iter(models)), version=1, reason="declared"))

    def write(self, record: LogRecord) -> None:
        """Append a record, and what follows from it."""
        waiting: list[LogRecord] = [record]
        while waiting:
            offset = len(self.records)
            self.records.append(waiting.pop(0))
            for decided in self.verdicts.fold(offset, self.records[-1]):
                if isinstance(decided, Promotion):
                    self.decisions.append(decided)
                else:
                    self.controls.append(decided)
                    waiting.append(decided)

    def go_on(self, count: int, seed: int = 1, **changes: Any) -> Log:
        """So many examples more."""
        for example in self.examples(count, seed, **changes):
            self.write(example)
        return self

    def examples(self, count: int, seed: int = 1, position: int | None = None) -> Iterator[Example]:
        """So many examples, one each second, labelled at once."""
        chance = np.random.default_rng((seed, self._events))
        truth = chance.uniform(0.05, 0.6, count)
        labels = (chance.random(count) < truth).tolist()
        places = np.arange(self._events, self._events + count)
        said = {model: says(truth, places).tolist() for model, says in self._models.items()}
        for place in range(count):
            self._events += 1
            time = START + timedelta(seconds=self._events)
            yield Example(
                id=str(self._events),
                partition=0,
                time=time,
                status="known",
                label=labels[place],
                labelled=time,
                features={"size": truth[place], "side": "left" if place % 4 else "right"},
                said=[
                    *(Said(model=model, version=1, score=scores[place]) for model, scores in said.items()),
                    Said(model="prior", version=1, score=0.3),
                ],
                position=len(self.records) if position is None else position,
            )

    @property
    def champion(self) -> str:
        """Who is in charge."""
        assert self.verdicts.reigns.champion is not None
        return self.verdicts.reigns.champion[0]
