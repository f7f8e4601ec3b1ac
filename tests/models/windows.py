"""A made-up stream of events in profiles, into which faults can be planted."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from river import dummy

from models.pipeline import Field, Label, Pipeline
from models.profiles import Answered, Passage, Profiler
from models.references import References
from schemas.examples import Control, Example, LogRecord
from schemas.features import Features
from schemas.predictions import Prediction, Said
from schemas.rejects import Reject
from schemas.values import Address, FeatureValue

START = datetime(2026, 1, 1, tzinfo=UTC)
STEP = timedelta(seconds=1)
LATENCY = timedelta(milliseconds=7)
WINDOW = 64
PARTITIONS = 4

Row = dict[str, FeatureValue]


def pipeline(**arguments: Any) -> Pipeline:
    """A small declaration."""
    declared: dict[str, Any] = {
        "name": "made-up",
        "problem": "binary",
        "fields": [Field("speed")],
        "label": Label(timeout="1h"),
        "models": {"model": dummy.NoChangeClassifier()},
        "champion": "model",
        "partitions": PARTITIONS,
        "profile_events": WINDOW,
    }
    return Pipeline(**declared | arguments)


def answered(
    offset: int,
    row: Row,
    *,
    partition: int = 0,
    time: datetime = START,
    delay: timedelta = timedelta(0),
    score: Any = 0.5,
) -> Answered:
    """One event with its prediction; Kafka took it ``delay`` after it happened."""
    address = Address(topic="made-up.events", partition=partition, offset=offset)
    features = Features(id=f"{partition}-{offset}", time=time, features=row, event=address)
    prediction = Prediction(
        id=features.id,
        time=time,
        score=score,
        model="model",
        version=1,
        position=0,
        shadows=[Said(model="prior", version=1, score=0.5)],
        due=time,
        event=address,
        received=time + delay,
        predicted=time + delay + LATENCY,
    )
    return features, prediction


def controls() -> list[Control]:
    """The beginning of every log: a model, a baseline, a champion."""
    return [
        Control(action="added", model="model", version=1, reason=""),
        Control(action="added", model="prior", version=1, reason="", baseline=True),
        Control(action="promoted", model="model", version=1, reason=""),
    ]


def example(row: Row, score: Any = 0.5) -> Example:
    """One outcome."""
    said = [Said(model="model", version=1, score=score), Said(model="prior", version=1, score=0.5)]
    return Example(id="", partition=0, time=START, status="known", label=True, features=row, said=said, position=0)


@dataclass
class Fault:
    """What happens to the events of a stretch; by default nothing.

    Parameters
    ----------
    change
        What becomes of a row of a partition.
    repeated
        Partition and offset to whether the event has come before.
    rejected
        The same to the field and reason for which it is rejected.
    silent
        Partitions without events.
    step, delay
        Event time between events, and from an event to when Kafka took it.
    """

    change: Callable[[int, Row], Row] = lambda _, row: row
    repeated: Callable[[int, int], bool] = lambda _, __: False
    rejected: Callable[[int, int], tuple[str, str] | None] = lambda _, __: None
    silent: frozenset[int] = frozenset()
    step: timedelta = STEP
    delay: timedelta = timedelta(0)


@dataclass
class Stream:
    """A log of profiles of made-up events.

    Parameters
    ----------
    row
        Makes the features of an event.
    seed
        Of everything that is random.
    """

    row: Callable[[random.Random], Row]
    seed: int = 1
    log: list[tuple[int, LogRecord]] = field(default_factory=list)

    def __post_init__(self) -> None:
        declaration = pipeline()
        self._random = random.Random(self.seed)
        self._references = References(declaration)
        self._profilers = [Profiler(declaration, partition) for partition in range(PARTITIONS)]
        self._offsets = [0] * PARTITIONS
        self._time = START
        for control in controls():
            self._append(control)

    def _append(self, record: LogRecord) -> None:
        self.log.append((len(self.log), record))
        self._references.fold(*self.log[-1])

    def reference(self) -> None:
        """The examples that fix the bins."""
        for _ in range(2000):
            self._append(example(self.row(self._random)))

    def rounds(self, count: int, fault: Fault | None = None) -> Iterator[tuple[int, LogRecord]]:
        """Go on for so many windows of every partition; gives what is new in the log."""
        before, happens = len(self.log), fault or Fault()
        for _ in range(count):
            for partition in range(PARTITIONS):
                self._window(partition, happens)
            self._time += WINDOW * happens.step
        yield from self.log[before:]

    def _window(self, partition: int, fault: Fault) -> None:
        rows = [self.row(self._random) for _ in range(WINDOW)]
        if partition in fault.silent:
            return
        first = self._offsets[partition]
        self._offsets[partition] += WINDOW
        pairs, repeated, rejects = [], [], []
        for place, row in enumerate(rows):
            offset, time = first + place, self._time + place * fault.step
            reason = fault.rejected(partition, offset)
            if fault.repeated(partition, offset):
                repeated.append(offset)
            elif reason is not None:
                source = Address(topic="made-up.events", partition=partition, offset=offset)
                rejects.append(Reject(source=source, reason=reason[1], field=reason[0], detail="", stage="features"))
            else:
                changed = fault.change(partition, row)
                pairs.append(answered(offset, changed, partition=partition, time=time, delay=fault.delay))
        received = self._time + WINDOW * fault.step + fault.delay
        passage = Passage(first, first + WINDOW, received, pairs, repeated, rejects)
        for profile in self._profilers[partition].count(passage, self._references):
            self._append(profile)
