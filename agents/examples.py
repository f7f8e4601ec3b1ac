"""feedback → examples: labels meet what was served, and the learning log grows."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterable
from datetime import datetime

from agents.line import Line
from agents.tracing import Kept
from agents.work import Work
from models.examples import Early, Unmatched
from models.waiting import served_by
from schemas.codec import encode
from schemas.errors import BadRecord
from schemas.examples import Example
from schemas.predictions import Prediction
from schemas.traceparent import traced, traceparent_of
from schemas.values import Address, FeatureValue, at_millisecond
from streams.batches import Headers, Incoming


async def examples(works: AsyncIterable[Work], line: Line) -> None:
    """Remember what was served, join labels to it, expire what is due."""
    joining = Joining(line)
    async for work in works:
        with work.batch as batch:
            joining.begin(work)
            for features, prediction in work.predictions:
                joining.served(prediction, features.features)
            for record in batch.feedback:
                joining.label(record)
            joining.advance()
            joining.end()
        await line.forward(work)


class Joining:
    """The wires between one batch and the remembered events of each partition.

    Parameters
    ----------
    line
        Whose partitions.
    """

    def __init__(self, line: Line) -> None:
        self._line = line
        self._topic = line.topology.name("feedback")
        self._headers = line.headers("examples")
        self._traces = Kept()
        self._work: Work

    def begin(self, work: Work) -> None:
        """From now on, write to this work's batch."""
        self._work = work
        self._examples: Counter[int] = Counter()
        self._due: dict[int, datetime] = {}
        self._gave_up: set[int] = set()

    def served(self, prediction: Prediction, features: dict[str, FeatureValue]) -> None:
        """Remember an event that was answered."""
        partition = prediction.event.partition
        self._due[partition] = prediction.due
        if self._work.traces:
            trace = self._work.traces.get((partition, prediction.event.offset))
            if trace is not None:
                self._traces.keep(partition, prediction.id, trace.traceparent)
        self._send(self._line.examples[partition].remember(prediction.id, served_by(prediction, features)))

    def label(self, record: Incoming) -> None:
        """Join a label, or keep it for its event, or reject it."""
        examples = self._line.examples[record.partition]
        address = Address(topic=self._topic, partition=record.partition, offset=record.offset)
        parent = traceparent_of(record.headers, record.value)
        try:
            feedback = self._line.labels.admit(
                record.value, record.headers, address, at_millisecond(record.received_ms)
            )
        except BadRecord as error:
            trace = None if parent is None else self._line.tracing.begin("learn", parent, record)
            self._work.reject("examples", address, record.key, record.value, error, trace)
            return
        if examples.knows(feedback.id):
            example = examples.label(feedback)
            self._work.duplicates += example is None
            self._send(example, record, parent)
        else:
            # An early label that was here already is replaced.
            self._work.duplicates += feedback.id in examples.early
            early = Early(feedback, address, record.key, record.value or b"", examples.watermark.high)
            self._give_up(examples.wait_for_event(early))

    def advance(self) -> None:
        """Let time pass: expire, forget, give up."""
        batch = self._work.batch
        newest_event = {record.partition: record.received_ms for record in batch.events}
        newest_label = {record.partition: record.received_ms for record in batch.feedback}
        for partition, examples in self._line.examples.items():
            if partition in newest_event:
                examples.watermark.step(at_millisecond(newest_event[partition]))
            if partition in newest_label:
                examples.watermark.labels_read(at_millisecond(newest_label[partition]))
            for example in examples.expire():
                self._send(example)
            for unmatched in examples.unmatched():
                self._give_up(unmatched)

    def end(self) -> None:
        """Say with the committed offsets where what is remembered lies."""
        work = self._work
        features = Counter(record.partition for record, _, _ in work.features)
        predictions = Counter(prediction.event.partition for _, prediction in work.predictions)
        touched = {record.partition for record in (*work.batch.events, *work.batch.feedback)}
        for partition in touched | self._examples.keys() | self._gave_up:
            examples, marks = self._line.examples[partition], self._line.marks[partition]
            marks.add(
                features[partition],
                predictions[partition],
                self._examples[partition],
                self._due.get(partition),
            )
            marks.forget(examples.forget())
            early = [early.address.offset for early in examples.early.values()]
            work.batch.metadata[partition] = marks.text(examples.watermark.safe, early)

    def _send(self, example: Example | None, label: Incoming | None = None, parent: bytes | None = None) -> None:
        """Write an example; ``parent`` is the trace of its label, if that has one of its own."""
        if example is not None:
            headers = self._headers
            if self._traces or parent is not None:
                headers = self._traced(example, label, parent)
            self._examples[example.partition] += 1
            self._work.batch.send("examples", 0, example.id.encode(), encode(example), headers)

    def _traced(self, example: Example, label: Incoming | None, parent: bytes | None) -> Headers:
        """The headers of an example: it belongs to the trace of its event, where that is known."""
        served = self._traces.of(example.partition, example.id, last=label is not None)
        followed = served or parent
        if followed is None:
            return self._headers
        if label is not None:
            trace = self._line.tracing.begin("learn", followed, label, parent if served else None)
            trace.end(status=example.status)
            followed = trace.traceparent
        return traced(self._headers, followed)

    def _give_up(self, unmatched: Unmatched | None) -> None:
        if unmatched is not None:
            early = unmatched.early
            self._gave_up.add(early.address.partition)
            self._work.reject("examples", early.address, early.key, early.value, unmatched.error)
