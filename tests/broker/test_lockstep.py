"""The loop beside its oracle: River's own evaluation with delayed labels, on the same flights."""

from __future__ import annotations

import asyncio
import copy
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from river import evaluate, metrics

from agents.replay import replay
from agents.worker import Worker
from headrace.demo.flights import Happening, happenings
from headrace.demo.pipeline import flights
from models.features import Preparation
from models.pipeline import Pipeline
from schemas.codec import decode
from schemas.health import Health
from schemas.predictions import Prediction
from schemas.values import Address
from streams.apply import carry_out, plan
from streams.broker import Broker
from streams.settings import Settings, load
from streams.tail import reader_config
from streams.topology import Topology

PATIENCE_S = 60.0

#: Events that the sender is ahead of the worker at most.
UNANSWERED_MAX = 150


class Reader:
    """Everything committed to some topics, from the beginning."""

    def __init__(self, settings: Settings, topology: Topology, nouns: tuple[str, ...]) -> None:
        self.values: dict[str, list[bytes]] = {noun: [] for noun in nouns}
        self._topology = topology
        self._consumer = Consumer(reader_config(settings))
        self._consumer.assign(
            [
                TopicPartition(topology.name(noun), partition, 0)
                for noun in nouns
                for partition in range(topology.partitions_of(noun))
            ]
        )

    def until(self, holds: Callable[[], bool]) -> None:
        """Read on until something holds."""
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < deadline, {noun: len(values) for noun, values in self.values.items()}
            message = self._consumer.poll(0.1)
            if message is not None and message.error() is None:
                self.values[self._topology.noun(message.topic() or "")].append(message.value() or b"")

    def close(self) -> None:
        self._consumer.close()


class Loop:
    """A worker in this process, and both ends of its topics."""

    def __init__(self, pipeline: Pipeline, settings: Settings) -> None:
        topology = Topology(pipeline.name, pipeline.partitions)
        carry_out(plan(topology, settings), settings)
        self.pipeline = pipeline
        self.settings = settings
        self.reader = Reader(settings, topology, ("predictions", "examples", "health"))
        self._events, self._feedback = topology.name("events"), topology.name("feedback")
        self._producer = Producer(
            {"bootstrap.servers": settings.bootstrap, "partitioner": "murmur2_random", "linger.ms": 0}
        )

    def send(self, happening: Happening) -> None:
        """Write an event or a label, in the background."""
        topic = self._events if happening.kind == "event" else self._feedback
        self._producer.produce(topic, json.dumps(happening.body).encode(), happening.id.encode())

    def flush(self) -> None:
        assert self._producer.flush(PATIENCE_S) == 0

    def answered(self, events: int) -> None:
        """Wait until so many events have their prediction."""
        self.flush()
        self.reader.until(lambda: len(self.reader.values["predictions"]) >= events)

    def logged(self, labels: int) -> None:
        """Wait until so many labels are in the learning log."""
        self.flush()
        # Control records and flights that never landed are in the log too.
        self.reader.until(lambda: sum(b'"known"' in value for value in self.reader.values["examples"]) >= labels)

    def health(self, labels: int) -> Health:
        """The report on so many labels."""
        found: list[Health] = []

        def reported() -> bool:
            found[:] = [decode(Health, value) for value in self.reader.values["health"][-1:]]
            return bool(found) and found[0].labels.known == labels

        self.reader.until(reported)
        return found[0]

    def predictions(self) -> dict[str, Prediction]:
        """What was served, by id."""
        served = [decode(Prediction, value) for value in self.reader.values["predictions"]]
        assert len({prediction.id for prediction in served}) == len(served)
        return {prediction.id: prediction for prediction in served}


@contextmanager
def running(name: str, broker: Broker, folder: Path) -> Iterator[Loop]:
    """The flights pipeline under another name, with a worker."""
    pipeline = replace(flights, name=name)
    settings = load(bootstrap=broker.bootstrap, data=folder)
    loop = Loop(pipeline, settings)
    stop, ended = threading.Event(), []

    async def work() -> None:
        stopping = asyncio.Event()
        task = asyncio.create_task(Worker(pipeline, settings).run(stopping))
        while not stop.is_set() and not task.done():
            await asyncio.sleep(0.05)
        stopping.set()
        await task
        ended.append(True)

    thread = threading.Thread(target=lambda: asyncio.run(work()))
    thread.start()
    try:
        yield loop
    finally:
        stop.set()
        thread.join(PATIENCE_S)
        loop.reader.close()
    assert ended == [True]


class Row(dict[Any, Any]):
    """Features that know when they were needed and when their label came."""

    moment: datetime
    delay: timedelta


def rows(steps: list[Happening]) -> dict[str, tuple[Row, bool | None]]:
    """What the gate and the preparation make of each flight, with its label."""
    preparation = Preparation(flights)
    made: dict[str, tuple[Row, bool | None]] = {}
    for step in steps:
        if step.kind == "event":
            address = Address(topic="flights", partition=0, offset=len(made))
            value = msgspec.json.encode(step.body)
            row = Row(preparation.admit(value, None, address, datetime.now(step.time.tzinfo)).features)
            row.moment = step.time
            made[step.id] = (row, None)
        else:
            row = made[step.id][0]
            row.delay = step.time - row.moment
            made[step.id] = (row, step.body["label"])
    return made


def river_scores(steps: list[Happening], made: dict[str, tuple[Row, bool | None]], name: str) -> dict[str, float]:
    """What the bare River model says when it predicts and learns in true time order."""
    model = copy.deepcopy(flights.models[name])
    scores = {}
    for step in steps:
        row, label = made[step.id]
        if step.kind == "event":
            scores[step.id] = model.predict_proba_one(dict(row)).get(True, 0.0)
        else:
            model.learn_one(dict(row), label)
    return scores


def river_metrics(made: dict[str, tuple[Row, bool | None]], name: str) -> dict[str, float]:
    """River's own evaluation with the same delays; flights that never land are never scored."""
    found = {}
    for metric in (metrics.LogLoss(), metrics.Accuracy()):
        evaluate.progressive_val_score(
            dataset=((row, label) for row, label in made.values() if label is not None),
            model=copy.deepcopy(flights.models[name]),
            metric=metric,
            moment=lambda row: row.moment,
            delay=lambda row, _: row.delay,
        )
        found[type(metric).__name__] = metric.get()
    return found


@pytest.mark.timeout(400)
def test_lockstep_serves_and_measures_exactly_what_river_would(broker: Broker, tmp_path: Path) -> None:
    steps = list(happenings(events=2000))
    made = rows(steps)
    labels = 0
    with running("lockstep", broker, tmp_path) as loop:
        events = 0
        for kind, run in itertools.groupby(steps, key=lambda step: step.kind):
            for step in run:
                loop.send(step)
                if kind == "label":
                    labels += 1
                    loop.logged(labels)
                else:
                    events += 1
            if kind == "event":
                loop.answered(events)
        served = loop.predictions()
        health = {model.model: model for model in loop.health(labels).models}
        report = replay(loop.pipeline, loop.settings)

    assert len(served) == 2000
    for name in flights.models:
        said = {
            id: one.score for id, p in served.items() for one in p.said if one.model == name and one.score is not None
        }
        expected = river_scores(steps, made, name)
        assert said == {id: expected[id] for id in said}
        # A tree has no answer to the first flights: it has learnt nothing yet.
        assert len(said) > 1900
    for name in flights.models:
        assert health[name].metrics == river_metrics(made, name)
    assert health["logistic"].count == labels
    assert report.agrees
    assert report.compared == 2000


@pytest.mark.timeout(300)
def test_full_speed_costs_at_most_two_percent_of_log_loss(broker: Broker, tmp_path: Path) -> None:
    steps = list(happenings(events=20_000))
    made = rows(steps)
    labels = sum(step.kind == "label" for step in steps)
    with running("full-speed", broker, tmp_path) as loop:
        events = 0
        for step in steps:
            loop.send(step)
            events += step.kind == "event"
            if step.kind == "event" and events % 50 == 0:
                # As in the demo: as fast as the worker goes, and not further ahead of it than this.
                loop.answered(events - UNANSWERED_MAX)
        loop.answered(20_000)
        loop.logged(labels)
        health = {model.model: model for model in loop.health(labels).models}
    # The one that lives on the newest labels; whoever is in charge by then.
    assert health["logistic"].metrics["LogLoss"] <= 1.02 * river_metrics(made, "logistic")["LogLoss"]
