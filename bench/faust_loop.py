"""The whole loop as an idiomatic Faust application: the same topics, one agent a stage, tables for what
waits.

::

    events -> [prepare] -> features -> [predict] -> predictions
                                          |  waiting (table)
    feedback ------------------------> [join] -> examples -> [learn]

What was chosen, and why:

- the label is joined in the agent that reads it, from a table that the predicting agent writes; a label that
  comes before its event waits in a second table, since Kafka keeps no order between the two topics;
- tables in memory with their changelogs, as by default; RocksDB would be slower;
- records are ``faust.Record`` with JSON, which takes orjson when it is installed;
- sends are not awaited to their acknowledgement, and the producer lingers 100 ms: at 0 to 5 ms
  it sends three or four records a request, which costs a fifth to a quarter more processor time here;
- at least once, the default; Faust's ``exactly_once`` is broken;
- the web server is off, and so is the log: Faust's own worker sets the root logger to debug and makes, and
  then drops, two log records for each record sent; the application is started without it.

The clock runs from the first event seen to the last example learnt, with every prediction acknowledged by the
broker.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
from pathlib import Path
from typing import Any

import faust
from faust import streams

from bench import contender, prefill, scores, stream

PARTITIONS = prefill.PARTITIONS
PRODUCER_LINGER_S = 0.1


class Event(faust.Record, serializer="json"):
    """One event as it is sent: id, key and eight features."""

    id: str
    key: str
    x0: float
    x1: float
    x2: float
    x3: float
    x4: float
    x5: float
    x6: float
    x7: float


class Features(faust.Record, serializer="json"):
    """The prepared features of an event."""

    id: str
    features: dict[str, float]


class Prediction(faust.Record, serializer="json"):
    """The chance of ``True`` that each model gave; a model without one is left out."""

    id: str
    scores: dict[str, float]


class Feedback(faust.Record, serializer="json"):
    """The label of an event."""

    id: str
    label: bool


class Example(faust.Record, serializer="json"):
    """Features as served, what was predicted, and the label."""

    id: str
    features: dict[str, float]
    scores: dict[str, float]
    label: bool


class Learner:
    """The models and their scores: one object, used by the agents of one process."""

    def __init__(self) -> None:
        self.models: dict[str, scores.Model] = {"model": scores.model(), **scores.baselines()}
        self.scores = {name: scores.Scores() for name in self.models}

    def predict(self, features: dict[str, float]) -> dict[str, float]:
        """Give each model's chance of ``True``."""
        predicted = {name: each.predict_proba_one(features) for name, each in self.models.items()}
        return {name: each.get(True, 0.0) for name, each in predicted.items() if each}

    def learn(self, example: Example) -> None:
        """Score each prediction, then let each model learn."""
        for name, each in self.models.items():
            chance = example.scores.get(name)
            if chance is not None:
                self.scores[name].update(example.label, {True: chance, False: 1.0 - chance})
            each.learn_one(example.features, example.label)

    def report(self) -> dict[str, Any]:
        """Give each model's scores."""
        return {name: each.values() for name, each in self.scores.items()}


def application(task: contender.Task, folder: str) -> faust.App:
    """Make the application, with nothing in it."""
    app = faust.App(
        f"{task.topics}.{task.run}",
        broker=f"kafka://{task.bootstrap}",
        store="memory://",
        datadir=Path(folder),
        topic_partitions=PARTITIONS,
        topic_disable_leader=True,
        web_enabled=False,
        producer_linger=PRODUCER_LINGER_S,
        value_serializer="json",
    )
    # Without the compiled iterator every record costs more; a straw man is not wanted here.
    assert getattr(streams, "_CStreamIterator", None) is not None
    return app


def declare(app: faust.App, task: contender.Task, learner: Learner, watch: contender.Stopwatch) -> asyncio.Event:
    """Declare topics, tables and agents.

    Returns
    -------
    asyncio.Event
        Set when the last example is learnt.
    """
    events = app.topic(f"{task.topics}.events", value_type=Event)
    feedback = app.topic(f"{task.topics}.feedback", value_type=Feedback)
    own = f"{task.topics}.{task.run}"
    features = app.topic(f"{own}.features", value_type=Features, partitions=PARTITIONS)
    predictions = app.topic(f"{own}.predictions", value_type=Prediction, partitions=PARTITIONS)
    examples = app.topic(f"{own}.examples", value_type=Example, partitions=1)
    waiting = app.Table("waiting", partitions=PARTITIONS)
    early = app.Table("early", partitions=PARTITIONS)
    finished = asyncio.Event()
    learnt = 0

    @app.agent(events, name="prepare")
    async def prepare(records: faust.StreamT[Event]) -> None:
        async for event in records:
            watch.start()
            prepared = {name: getattr(event, name) for name in stream.FEATURES}
            await features.send(key=event.key, value=Features(event.id, prepared))

    @app.agent(features, name="predict")
    async def predict(records: faust.StreamT[Features]) -> None:
        async for key, each in records.items():
            predicted = learner.predict(each.features)
            await predictions.send(key=key, value=Prediction(each.id, predicted))
            label = early.pop(each.id, None)
            if label is None:
                waiting[each.id] = [each.features, predicted]
            else:
                await examples.send(key=each.id, value=Example(each.id, each.features, predicted, label))

    @app.agent(feedback, name="join")
    async def join(records: faust.StreamT[Feedback]) -> None:
        async for each in records:
            found = waiting.pop(each.id, None)
            if found is None:
                early[each.id] = each.label
            else:
                await examples.send(key=each.id, value=Example(each.id, found[0], found[1], each.label))

    @app.agent(examples, name="learn")
    async def learn(records: faust.StreamT[Example]) -> None:
        nonlocal learnt
        async for example in records:
            learner.learn(example)
            learnt += 1
            if learnt % scores.REPORT_EVERY_LABELS == 0:
                learner.report()
            if learnt == task.events:
                watch.stop()
                finished.set()

    return finished


async def loop(task: contender.Task, folder: str) -> dict[str, Any]:
    """Run the application until every label is learnt."""
    learner = Learner()
    watch = contender.Stopwatch()
    app = application(task, folder)
    finished = declare(app, task, learner, watch)
    app.finalize()
    await app.start()
    try:
        await asyncio.wait_for(finished.wait(), task.timeout_s)
        await app.producer.flush()
        watch.stop()
    finally:
        await app.stop()
    watch.details = learner.report()
    return watch.result(task.events)


def run(task: contender.Task) -> dict[str, Any]:
    """Take every event and label through the application."""
    own = f"{task.topics}.{task.run}"
    topics = {f"{own}.features": PARTITIONS, f"{own}.predictions": PARTITIONS, f"{own}.examples": 1}
    prefill.create(task.bootstrap, topics)
    # Stopping an agent is an error for Faust's log; its messages about it say nothing here.
    logging.basicConfig(level=logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="headrace-bench-") as folder:
        return asyncio.run(loop(task, folder))


if __name__ == "__main__":
    contender.main("faust_loop", run)
