"""Reads again what a partition remembers, after a crash or a move.

The committed offset of ``events`` says where it lies and how much it is (see ``streams/marks.py``). So the time it
takes grows with what is remembered, not with the length of the topics.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from models.examples import Early, Examples
from models.feedback import Labels
from models.pipeline import Pipeline
from models.waiting import Packing, served_by
from models.watermarks import Watermark
from schemas.codec import decoder
from schemas.errors import BadRecord
from schemas.examples import Example, Status
from schemas.features import Features
from schemas.predictions import Prediction
from schemas.values import Address, LabelValue, at_millisecond
from streams.log import LogReader
from streams.marks import Mark, Marks, Run, place_of
from streams.members import Assignment
from streams.settings import Settings
from streams.topology import Topology


class Outcome(NamedTuple):
    """What the learning log says last about an event's label."""

    status: Status
    label: LabelValue | None


def rebuild(
    pipeline: Pipeline,
    settings: Settings,
    topology: Topology,
    packing: Packing,
    partition: int,
    assignment: Assignment,
) -> tuple[Examples, Marks]:
    """The remembered events and early labels of one partition, as of its committed offsets.

    Raises
    ------
    BrokerUnavailable
        If what was committed can't be read any more.
    """
    events = assignment.committed.get(("events", partition))
    place = place_of(events.text if events else "")
    reading = _Reading(settings, topology, partition, place.mark)
    examples = Examples(pipeline, partition, packing)
    clock = Watermark()
    outcomes = reading.outcomes()
    for features, prediction in reading.served():
        clock.event(prediction.due - pipeline.timeout)
        clock.step(prediction.received)
        clock.safe = clock.safe or clock.high
        outcome = outcomes.get((prediction.id, prediction.position))
        examples.restore(
            prediction.id,
            served_by(prediction, features.features),
            outcome.status if outcome else None,
            outcome.label if outcome else None,
        )
    if place.safe is not None:
        examples.watermark.event(place.safe)
        examples.watermark.safe = place.safe
    _early_labels(pipeline, settings, topology, examples, clock, place.early)
    return examples, Marks(place.mark, reading.end)


class _Reading:
    """Reads the records of one mark, and notes where they end."""

    def __init__(self, settings: Settings, topology: Topology, partition: int, mark: Mark) -> None:
        self.end = Mark(
            features_from=mark.features_from, predictions_from=mark.predictions_from, log_from=mark.log_from
        )
        self._settings = settings
        self._topology = topology
        self._partition = partition
        self._mark = mark

    def outcomes(self) -> dict[tuple[str, int], Outcome]:
        """What the learning log says about the labels of this partition, by id and position served.

        The position tells an event from one of the same id that came after the first was forgotten.
        """
        found: dict[tuple[str, int], Outcome] = {}
        left = self._mark.examples
        if left == 0:
            return found
        decode = decoder("examples")
        with LogReader(self._settings, self._topology.name("examples"), 0, self._mark.log_from) as reader:
            # What lies before the first of them need not be kept any more.
            reader.seek(max(self._mark.log_from, reader.first()))
            for piece in reader.pieces():
                for raw in piece:
                    record = decode(raw.value or b"")
                    if left and isinstance(record, Example) and record.partition == self._partition:
                        found[record.id, record.position] = Outcome(record.status, record.label)
                        self.end.log_from = raw.offset + 1
                        left -= 1
                if left == 0:
                    break
        return found

    def served(self) -> Iterator[tuple[Features, Prediction]]:
        """Each prediction with the features it was made from."""
        decode_features, decode_prediction = decoder(Features), decoder(Prediction)
        name = self._topology.name
        with (
            LogReader(self._settings, name("features"), self._partition, self._mark.features_from) as features,
            LogReader(self._settings, name("predictions"), self._partition, self._mark.predictions_from) as predictions,
        ):
            prepared = features.take(self._mark.features)
            for raw in predictions.take(self._mark.predictions):
                prediction = decode_prediction(raw.value or b"")
                for candidate in prepared:
                    found = decode_features(candidate.value or b"")
                    # Not by the id: an event that no model could answer may have come again with other features.
                    if found.event == prediction.event:
                        break
                yield found, prediction
            # Events that no model could answer have features and no prediction.
            for _ in prepared:
                pass
            self.end.features_from = max(self.end.features_from, features.taken)
            self.end.predictions_from = max(self.end.predictions_from, predictions.taken)


def _early_labels(
    pipeline: Pipeline,
    settings: Settings,
    topology: Topology,
    examples: Examples,
    clock: Watermark,
    runs: list[Run],
) -> None:
    """Let the labels of these runs wait again.

    ``clock`` tells since when: as far as event time had come when Kafka took the label.
    """
    if not runs:
        return
    starts = [first for first, _ in runs]
    labels, topic = Labels(pipeline), topology.name("feedback")
    with LogReader(settings, topic, examples.partition, starts[0]) as reader:
        for record in reader.until(sum(runs[-1])):
            first, count = runs[bisect_right(starts, record.offset) - 1]
            if record.offset >= first + count:
                continue
            address = Address(topic=topic, partition=record.partition, offset=record.offset)
            received = at_millisecond(record.received_ms)
            clock.labels_read(received)
            try:
                feedback = labels.admit(record.value, record.headers, address, received)
            except BadRecord:
                continue  # it was rejected when it came
            if not examples.knows(feedback.id):
                early = Early(feedback, address, record.key, record.value or b"", clock.safe)
                examples.wait_for_event(early)
