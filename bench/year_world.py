"""A year of flights through the whole loop, in one process and without Kafka: the folds of production, one log.

Every flight is answered on schedule by every active model, and becomes an example when its label comes, or expires. Who
is in charge, what is retrained and who joins is decided by the folds that the leader runs, from the same records in the
same order. All contenders answer the same flights before the same labels: the loop, each declared model alone (its
first version learns all year, whoever is in charge), the baselines, and copies that were frozen.

A training takes no event time here: in real life it takes seconds, in which not even one flight is due.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from bench.year_rules import Change, Rule
from headrace.demo.flights import Happening
from models.answers import Answer, answering
from models.budget import Moment
from models.changes import changes
from models.definitions import definition
from models.drift import DriftMonitor
from models.examples import Examples
from models.features import prepared
from models.health import Monitor
from models.learning import Learning, fresh_from
from models.parameters import adjusted, seed_of
from models.pipeline import Pipeline
from models.profiles import Passage, Profiler
from models.promotions import Verdicts
from models.references import References
from models.retrains import Retrains, told
from models.rooms import leaving
from models.training import Training, Unfit
from models.waiting import Packing, served_by
from schemas.drift import Drift
from schemas.examples import Control, Example, LogRecord, Trained
from schemas.features import Features
from schemas.feedback import Feedback
from schemas.predictions import Prediction
from schemas.promotions import Promotion
from schemas.retrains import Retrain
from schemas.values import Address

#: Events after which it is looked at what has expired, as a batch does.
EXPIRE_EVERY = 64

_TOPIC = "flights.events"
_lesson = msgspec.json.Encoder().encode

Column = npt.NDArray[np.float64]


class Scores:
    """What each contender said, flight by flight; NaN where it said nothing.

    Parameters
    ----------
    flights
        How many there will be at most.
    """

    def __init__(self, flights: int) -> None:
        self._flights = flights
        self.columns: dict[str, Column] = {}

    def put(self, name: str, flight: int, score: Any) -> None:
        """One answer; ``None`` is none."""
        column = self.columns.get(name)
        if column is None:
            column = self.columns[name] = np.full(self._flights, np.nan)
        if score is not None:
            column[flight] = score


class World:
    """The pipeline's fold over a year, and all that was said and decided in it.

    Parameters
    ----------
    pipeline
        What is declared; it is looked at as one partition.
    flights
        How many there will be at most.
    frozen_from
        Copies of the declared models stop learning here.
    rules
        Other policies that are followed beside.

    Attributes
    ----------
    times_s, labels
        By flight: when it was due, and 1 or 0, NaN without a label.
    """

    def __init__(self, pipeline: Pipeline, flights: int, frozen_from: datetime, rules: Sequence[Rule] = ()) -> None:
        self.pipeline = replace(pipeline, partitions=1)
        self.scores = Scores(flights)
        self.times_s = np.full(flights, np.nan)
        self.labels = np.full(flights, np.nan)
        self.flights = 0
        self.changes: list[Change] = []
        self.decisions: list[Promotion] = []
        self.retrains: list[Retrain] = []
        self.drifts: list[Drift] = []
        self.rules = list(rules)
        self._champion = ""
        self._lessons: list[bytes] = []
        self._numbers: dict[str, int] = {}
        self._frozen_from = frozen_from
        self._frozen: dict[str, Answer] = {}
        self._last_steps: dict[str, Answer] = {}
        self._trained: dict[tuple[str, int], Any] = {}
        self._learning = Learning(self.pipeline, self._begin)
        self._examples = Examples(self.pipeline, 0, Packing())
        self._references, self._profiler = References(self.pipeline), Profiler(self.pipeline, 0)
        self._health, self._drift = Monitor(self.pipeline), DriftMonitor(self.pipeline)
        self._verdicts, self._asking = Verdicts(self.pipeline), Retrains(self.pipeline)
        self._fresh = fresh_from(self.pipeline)
        for control in changes(self.pipeline, self._learning):
            # A model that has seen no label yet may say nothing at first.
            self.scores.put(f"{control.model}@{control.version}", 0, None)
            self._append(control)

    def _begin(self, control: Control) -> Any:
        trained = self._trained.pop((control.model, control.version), None)
        return self._fresh(control) if trained is None else trained

    def run(self, happenings: Iterable[Happening], on_day: Callable[[datetime], None] | None = None) -> None:
        """Live through the year."""
        day = None
        for happening in happenings:
            if happening.kind == "event":
                self._event(happening)
                if on_day is not None and happening.time.date() != day:
                    day = happening.time.date()
                    on_day(happening.time)
            else:
                self._label(happening)

    def _event(self, happening: Happening) -> None:
        time, flight = happening.time, self.flights
        if flight % EXPIRE_EVERY == 0:
            # Everything that happened before has been told.
            self._examples.watermark.labels_drained()
            for example in self._examples.expire():
                self._append(example)
            self._examples.forget()
        if not self._frozen and time >= self._frozen_from:
            self._freeze()
        features = prepared(tuple(self.pipeline.prepare), happening.body)
        said = self._learning.predict(features)
        self._keep(flight, time, happening.id, features, said)
        address = Address(topic=_TOPIC, partition=0, offset=flight)
        prediction = Prediction(
            id=happening.id, time=time, score=said[0].score, model=said[0].model, version=said[0].version,
            position=self._learning.position, shadows=said[1:], due=self._examples.due(time), event=address,
            received=time, predicted=time,
        )  # fmt: skip
        self._examples.arrive(happening.id)
        self._examples.remember(happening.id, served_by(prediction, features))
        made = Features(id=happening.id, time=time, features=features, event=address)
        passage = Passage(flight, flight + 1, time, [(made, prediction)])
        for profile in self._profiler.count(passage, self._references):
            self._append(profile)

    def _keep(self, flight: int, time: datetime, id: str, features: Any, said: Any) -> None:
        self.flights += 1
        self._numbers[id] = flight
        self.times_s[flight] = time.timestamp()
        put = self.scores.put
        put("loop", flight, said[0].score)
        for one in said:
            put(f"{one.model}@{one.version}", flight, one.score)
        for rule in self.rules:
            put(rule.name, flight, rule.served(said))
        for name in self.pipeline.models:
            frozen = self._frozen.get(name)
            score = partly = self.scores.columns[f"{name}@1"][flight]
            if frozen is not None:
                score = frozen(features)
                # What is learnt of the features goes on, as in a feature store; the weights stay.
                fresh = self._learning.members[f"{name}@1"].model.transform_one(features)
                partly = self._last_steps[name](fresh)
            put(f"{name} frozen", flight, score)
            put(f"{name} frozen, features fresh", flight, partly)

    def _freeze(self) -> None:
        problem = self.pipeline.problem
        for name in self.pipeline.models:
            model = copy.deepcopy(self._learning.members[f"{name}@1"].model)
            self._frozen[name] = answering(problem, name, model)
            self._last_steps[name] = answering(problem, name, model[-1])

    def _label(self, happening: Happening) -> None:
        label = happening.body["label"]
        self.labels[self._numbers.pop(happening.id)] = float(label)
        feedback = Feedback(id=happening.id, label=label, time=happening.time)
        if self._examples.knows(happening.id):
            example = self._examples.label(feedback)
            assert example is not None
            self._append(example)

    def _append(self, record: LogRecord) -> None:
        """A record of the log, through every fold, as the leader does; what follows from it is appended too."""
        offset = len(self._lessons)
        self._lessons.append(_compact(record))
        self._learning.fold(offset, record)
        self._references.fold(offset, record)
        for rule in self.rules:
            rule.fold(offset, record, self.flights)
        if isinstance(record, Control) and record.action in ("promoted", "rolled_back"):
            self._crowned(record)
        report = self._health.fold(offset, record)
        drifts = self._drift.fold(offset, record)
        self.drifts += drifts
        said = [*([] if report is None else [report]), *drifts]
        for occasion in self._asking.fold(offset, record, said):
            for step in self._asking.of_occasion(occasion, self._now()):
                self._tell(step)
        decided = self._verdicts.fold(offset, record)
        for one in decided:
            if isinstance(one, Promotion):
                self.decisions.append(one)
        for one in decided:
            if isinstance(one, Control):
                self._append(one)
        for left in leaving(self._asking, self._verdicts.reigns):
            self._append(left)
        while (request := self._asking.next()) is not None and self._learning.champion is not None:
            self._train(request)

    def _now(self) -> Moment:
        time = self._asking.occasions.time
        assert time is not None
        return Moment(self._asking.position, time, time)

    def _tell(self, step: Retrain) -> None:
        self.retrains.append(step)
        self._asking.hear(step)

    def _crowned(self, control: Control) -> None:
        before, self._champion = self._champion, f"{control.model}@{control.version}"
        if before:
            decision = self.decisions[-1]
            self.changes.append(Change(self.flights, decision.time, before, self._champion, decision))

    def _train(self, step: Retrain) -> None:
        """What trainer and leader do with a request, at once."""
        model = self.pipeline.models[step.model]
        started = self._asking.begun(step, self._now(), seed_of(model))
        self._tell(started)
        training = Training(self.pipeline, adjusted(model, step.parameters), started.first, started.end)
        training.learn((offset, self._lessons[offset]) for offset in range(started.first, started.end))
        try:
            found = training.result()
        except Unfit as error:
            self._tell(told(started, self._now(), step="failed", reason=str(error)))
            return
        version = self._learning.versions.get(step.model, 0) + 1
        self._trained[step.model, version] = found.model
        trained = Trained(
            retrain=step.id, method=started.method, first=started.first, end=started.end, examples=found.examples,
            seed=started.seed, digest=found.digest,
        )  # fmt: skip
        evidence = found.evidence | {"examples": float(found.examples)}
        self._tell(told(started, self._now(), step="finished", version=version, evidence=evidence))
        reason = f"trained: {step.reason}"
        self._append(
            Control(
                action="added",
                model=step.model,
                version=version,
                definition=definition(model),
                reason=reason,
                trained=trained,
            )
        )


def _compact(record: LogRecord) -> bytes:
    """What training reads of a record."""
    if not isinstance(record, Example) or record.label is None:
        return b'{"kind":"other"}'
    return _lesson({"kind": "example", "label": record.label, "features": record.features})
