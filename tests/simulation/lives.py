"""A simulated partition: events and labels that are delayed, repeated, changed, reordered and lost, and a worker
that crashes.

Everything follows from the seed. The worker here does with :class:`models.examples.Examples` what the agents do, in
the same order; after a crash it has only what they have: what was served, what the log says, and the text that was
committed with the offsets.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from river import linear_model

from models.examples import Early, Examples, Unmatched
from models.pipeline import Field, Label, Pipeline
from models.waiting import Packing, Served
from models.watermarks import Watermark
from schemas.examples import Example
from schemas.feedback import Feedback
from schemas.predictions import Said
from schemas.values import Address

START = datetime(2026, 5, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)

TIMEOUT = 60 * SECOND
REMEMBER = 150 * SECOND


def at(second: float) -> datetime:
    return START + second * SECOND


@dataclass(frozen=True)
class Sent:
    """A record as it lies in a topic: an event with its time, or a label; one without either is unavailable."""

    id: str
    received: datetime
    time: datetime | None = None
    label: bool | None = None


@dataclass(frozen=True)
class Shape:
    """What a world is like: shares, and bounds in seconds."""

    repeated: float = 0.1
    changed: float = 0.1
    unavailable: float = 0.05
    lost: float = 0.1
    unknown: float = 0.05
    refused: float = 0.05
    delay_s: float = 30.0
    late_s: float = 20.0
    crashes: float = 0.1
    events_max: int = 10_000
    early_max: int = 10_000


def traffic(chance: random.Random, shape: Shape, events: int) -> tuple[list[Sent], list[Sent]]:
    """What producers send: both topics, in the order in which Kafka took the records."""
    feed: list[Sent] = []
    labels: list[Sent] = []
    for number in range(events):
        id = f"{number:04}"
        sent = number + chance.random()
        time = at(max(0.0, sent - chance.random() * chance.random() * shape.late_s))
        feed.append(Sent(id, at(sent), time))
        while chance.random() < shape.repeated:
            feed.append(Sent(id, at(sent + chance.expovariate(1 / shape.delay_s)), time))
        if chance.random() < shape.lost:
            continue
        # Before the event, soon after it, or when nobody waits for it any more.
        moment = sent + chance.uniform(-0.2, 1.0) * chance.choice([shape.delay_s, shape.delay_s, 200.0])
        label = chance.random() < 0.5 if chance.random() >= shape.unavailable else None
        labels.append(Sent(id, at(moment), label=label))
        while chance.random() < shape.repeated:
            labels.append(Sent(id, at(moment + chance.expovariate(1 / shape.delay_s)), label=label))
        if chance.random() < shape.changed:
            labels.append(Sent(id, at(moment + chance.expovariate(1 / shape.delay_s)), label=not label))
        if chance.random() < shape.unavailable:
            labels.append(Sent(id, at(moment + chance.expovariate(1 / shape.delay_s))))
    labels += [
        Sent(f"nobody-{number}", at(chance.uniform(0, events)), label=True)
        for number in range(int(events * shape.unknown))
    ]
    return sorted(feed, key=lambda one: one.received), sorted(labels, key=lambda one: one.received)


@dataclass(frozen=True)
class Prediction:
    """What was served for one event: the record on the topic, and what the simulation knows of it."""

    offset: int
    id: str
    received: datetime
    served: Served


@dataclass
class Written:
    """All that is committed: topics, offsets, and the text with them."""

    predictions: list[Prediction] = field(default_factory=list)
    refused: int = 0
    log: list[Example] = field(default_factory=list)
    rejects: list[tuple[int, str]] = field(default_factory=list)
    event_duplicates: int = 0
    label_duplicates: list[int] = field(default_factory=list)
    events_at: int = 0
    labels_at: int = 0
    mark: int = 0
    safe: datetime | None = None
    early: list[int] = field(default_factory=list)
    #: Of each example, how far event time had safely come when it was written.
    written_at: list[datetime | None] = field(default_factory=list)


class World:
    """One partition from its first record until all is settled.

    Parameters
    ----------
    seed
        Of all that is random.
    shape, events
        What is sent.
    """

    def __init__(self, seed: int, shape: Shape, events: int = 200) -> None:
        self.shape = shape
        self._chance = random.Random(seed)
        self.events, self.labels = traffic(self._chance, shape, events)
        self.pipeline = Pipeline(
            name="lives",
            problem="binary",
            fields=[Field("size")],
            id="id",
            label=Label(timeout=TIMEOUT, remember=REMEMBER),
            models={"logistic": linear_model.LogisticRegression()},
            champion="logistic",
            waiting_events_max=shape.events_max,
            early_labels_max=shape.early_max,
        )
        self.refused = {number for number in range(len(self.events)) if self._chance.random() < shape.refused}
        self.written = Written()
        self.restarts = 0
        self.most_remembered = 0
        self.most_early = 0
        self._rebuild()

    def run(self) -> None:
        """Until everything has been read, some batches of it lost on the way, and nothing is left to wait for."""
        end = max(one.received for one in (*self.events, *self.labels))
        for second in (0, 1000, 2000):
            while not self._settled():
                self._step()
            self.events.append(Sent(f"end-{second}", end + second * SECOND, end + second * SECOND))
        while not self._settled():
            self._step()

    def _settled(self) -> bool:
        """Whether everything has been read, and time has come as far as the events."""
        written, watermark = self.written, self.examples.watermark
        all_read = written.events_at == len(self.events) and written.labels_at == len(self.labels)
        return all_read and watermark.safe is not None and watermark.safe == watermark.high

    def _step(self) -> None:
        """One batch; it may crash before or after it is committed."""
        events, labels = self._gather()
        before = self.written.__dict__ | {
            name: list(value) for name, value in self.written.__dict__.items() if isinstance(value, list)
        }
        self._batch(events, labels)
        lost, crashed = (self._chance.random() < self.shape.crashes / 2 for _ in range(2))
        if lost:
            self.written = Written(**before)
        if lost or crashed:
            self.restarts += 1
            self._rebuild()

    def _gather(self) -> tuple[list[int], list[int]]:
        """Offsets of a batch. Mostly in order of time across both topics; sometimes one is far behind."""
        events = range(self.written.events_at, len(self.events))
        labels = range(self.written.labels_at, len(self.labels))
        count = self._chance.randint(0, 20)
        if self._chance.random() < 0.2:
            return list(events[:count]), list(labels[: self._chance.randint(0, 20)])
        merged = sorted(
            [(self.events[n].received, 0, n) for n in events[:count]]
            + [(self.labels[n].received, 1, n) for n in labels[:count]]
        )[:count]
        return [n for _, kind, n in merged if kind == 0], [n for _, kind, n in merged if kind == 1]

    def _batch(self, events: list[int], labels: list[int]) -> None:
        examples, written = self.examples, self.written
        if written.labels_at >= len(self.labels) and self._chance.random() < 0.7:
            examples.watermark.labels_drained()
        new = []
        for offset in events:
            if examples.arrive(self.events[offset].id):
                new.append(offset)
            else:
                written.event_duplicates += 1
        answered = []
        for offset in new:
            event = self.events[offset]
            assert event.time is not None
            if offset in self.refused:
                examples.dismiss(event.id)
                written.refused += 1
                continue
            said = [Said(model="logistic", version=1, score=0.5)]
            served = Served(event.time, examples.due(event.time), {"size": float(offset)}, said, len(written.log))
            answered.append(Prediction(offset, event.id, event.received, served))
        for prediction in answered:
            written.predictions.append(prediction)
            self._write(examples.remember(prediction.id, prediction.served))
        for offset in labels:
            self._label(offset)
        if events:
            examples.watermark.step(self.events[events[-1]].received)
        if labels:
            examples.watermark.labels_read(self.labels[labels[-1]].received)
        for example in examples.expire():
            self._write(example)
        for unmatched in examples.unmatched():
            self._give_up(unmatched)
        written.events_at += len(events)
        written.labels_at += len(labels)
        self._commit()

    def _label(self, offset: int) -> None:
        label, examples = self.labels[offset], self.examples
        feedback = self._feedback(offset)
        if examples.knows(label.id):
            example = examples.label(feedback)
            if example is None:
                self.written.label_duplicates.append(offset)
            self._write(example)
            return
        replaced = examples.early.get(label.id)
        if replaced is not None:
            self.written.label_duplicates.append(replaced.address.offset)
        self._give_up(examples.wait_for_event(self._early(offset, examples.watermark.high)))

    def _early(self, offset: int, since: datetime | None) -> Early:
        address = Address(topic="lives.feedback", partition=0, offset=offset)
        return Early(self._feedback(offset), address, None, b"", since)

    def _feedback(self, offset: int) -> Feedback:
        label = self.labels[offset]
        return Feedback(id=label.id, label=label.label, time=label.received, unavailable=label.label is None)

    def _commit(self) -> None:
        examples, written = self.examples, self.written
        forgotten = examples.forget()
        while (
            forgotten is not None
            and written.mark < len(written.predictions) - 1
            and written.predictions[written.mark].served.due < forgotten
        ):
            written.mark += 1
        written.early = [early.address.offset for early in examples.early.values()]
        written.safe = examples.watermark.safe
        self.most_remembered = max(self.most_remembered, len(examples.waiting) + len(examples.settled))
        self.most_early = max(self.most_early, len(examples.early))

    def _write(self, example: Example | None) -> None:
        if example is not None:
            self.written.log.append(example)
            self.written.written_at.append(self.examples.watermark.safe)

    def _give_up(self, unmatched: Unmatched | None) -> None:
        if unmatched is not None:
            self.written.rejects.append((unmatched.early.address.offset, unmatched.error.reason))

    def _rebuild(self) -> None:
        """What is remembered, from what is committed; the same steps as agents/rebuild.py."""
        written = self.written
        self.examples = Examples(self.pipeline, 0, Packing())
        clock = Watermark()
        outcomes = {(one.id, one.position): one for one in written.log}
        # Marks are made of batches, so that more may be read again than is remembered.
        for prediction in written.predictions[max(0, written.mark - self._chance.randint(0, 10)) :]:
            clock.event(prediction.served.due - TIMEOUT)
            clock.step(prediction.received)
            clock.safe = clock.safe or clock.high
            outcome = outcomes.get((prediction.id, prediction.served.position))
            self.examples.restore(
                prediction.id,
                prediction.served,
                outcome.status if outcome else None,
                outcome.label if outcome else None,
            )
        self.examples.watermark.safe = written.safe
        for offset in written.early:
            clock.labels_read(self.labels[offset].received)
            self.examples.wait_for_event(self._early(offset, clock.safe))
