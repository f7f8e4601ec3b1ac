"""Replay: folds the learning log offline and compares every prediction with what was served, bit for bit."""

from __future__ import annotations

import heapq
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

from agents.states import States
from models.learning import Learning
from models.pipeline import Pipeline
from models.shares import entity_of
from schemas.codec import decoder
from schemas.errors import BadRecord
from schemas.examples import LogRecord
from schemas.features import Features
from schemas.predictions import Prediction, Said
from streams.log import LogReader
from streams.settings import Settings
from streams.topology import Topology

#: Differences that are kept in full; all are counted.
DIFFERENCES_MAX = 20

#: Called now and then with the number of predictions compared so far.
Progress = Callable[[int], None]

#: A prediction, the features that it was made from, and the key it came by.
Made = tuple[Features | None, Prediction, bytes | None]


@dataclass(frozen=True, slots=True)
class Difference:
    """One prediction that the replay does not confirm.

    Parameters
    ----------
    id, position
        Which prediction, made by which state.
    served, replayed
        What was said then and now, by every model; empty if the replay could not answer.
    reason
        What is wrong, for a person.
    """

    id: str
    position: int
    served: list[Said]
    replayed: list[Said]
    reason: str


@dataclass
class Report:
    """What a replay has found.

    Parameters
    ----------
    compared, equal
        Predictions, and how many of them are equal to the last bit.
    folded
        Records of the learning log.
    without_features
        Predictions whose features are no longer kept, so that they can't be compared.
    differences
        The first that are not equal.
    """

    compared: int = 0
    equal: int = 0
    folded: int = 0
    without_features: int = 0
    differences: list[Difference] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        """Whether there was something to compare and all of it is equal."""
        return self.compared > 0 and self.equal == self.compared

    def add(self, difference: Difference | None) -> None:
        """One more prediction has been compared."""
        self.compared += 1
        self.equal += difference is None
        if difference is not None and len(self.differences) < DIFFERENCES_MAX:
            self.differences.append(difference)


def compare(
    learning: Learning, features: Features, prediction: Prediction, key: bytes | None = None
) -> Difference | None:
    """Whether the fold at its position says what was served, and the same model serves; ``None`` if to the last bit."""
    served = prediction.said

    def differs(reason: str, replayed: list[Said]) -> Difference:
        return Difference(prediction.id, prediction.position, served, replayed, reason)

    if learning.position != prediction.position:
        return differs(f"no record of the log ends at this position; the nearest is {learning.position}", [])
    try:
        replayed = learning.predict(features.features)
    except BadRecord as error:
        return differs(error.detail, [])
    if replayed != served:
        return differs("other scores", replayed)
    place = learning.shares.place(replayed, entity_of(key, prediction.id)) if learning.shares else 0
    if place != prediction.served:
        return differs(f"{replayed[place].model}@{replayed[place].version} has the share of the traffic", replayed)
    return None


def replay(
    pipeline: Pipeline,
    settings: Settings,
    *,
    id: str | None = None,
    sample: int | None = None,
    progress: Progress | None = None,
) -> Report:
    """Fold the log from its beginning and compare what was served.

    Parameters
    ----------
    pipeline, settings
        What was computed, and where the topics are.
    id
        Compare only the prediction of this event.
    sample
        Compare about so many, chosen by a hash of their ids; ``None``: all.

    Raises
    ------
    BrokerUnavailable
        If the topics can't be read.
    PipelineError
        If the log was begun with other models than the file declares.
    """
    topology = Topology(pipeline.name, pipeline.partitions)
    report = Report()
    with ExitStack() as stack:
        log = stack.enter_context(LogReader(settings, topology.name("examples"), 0, 0))
        fold = _Fold(Learning(pipeline, States(pipeline, settings, topology, None)), log, report)
        lanes = [_Lane(stack, settings, topology, partition) for partition in range(topology.partitions)]
        chosen = _chosen(id, sample, sum(lane.count for lane in lanes))
        for features, prediction, key in heapq.merge(*lanes, key=lambda made: made[1].position):
            if not chosen(prediction.id):
                continue
            if features is None:
                report.without_features += 1
                continue
            fold.to(prediction.position)
            report.add(compare(fold.learning, features, prediction, key))
            if progress is not None and report.compared % 1000 == 0:
                progress(report.compared)
    return report


def _chosen(id: str | None, sample: int | None, count: int) -> Callable[[str], bool]:
    if id is not None:
        return lambda candidate: candidate == id
    if sample is None or sample >= count:
        return lambda _: True
    limit = int(2**32 * sample / count)
    return lambda candidate: zlib.crc32(candidate.encode()) < limit


class _Fold:
    """Folds the log as far as it is asked to."""

    def __init__(self, learning: Learning, log: LogReader, report: Report) -> None:
        self.learning = learning
        self._report = report
        self._records = self._read(log)
        self._next = next(self._records, None)

    def to(self, position: int) -> None:
        """Fold everything before a position."""
        while self._next is not None and self._next[0] < position:
            self.learning.fold(*self._next)
            self._report.folded += 1
            self._next = next(self._records, None)

    def _read(self, log: LogReader) -> Iterator[tuple[int, LogRecord]]:
        decode = decoder("examples")
        for record in log.to_end():
            yield record.offset, decode(record.value or b"")


class _Lane:
    """The predictions of one partition, each with the features it was made from, in order."""

    def __init__(self, stack: ExitStack, settings: Settings, topology: Topology, partition: int) -> None:
        names = (topology.name("features"), topology.name("predictions"))
        self._features, self._predictions = (
            stack.enter_context(LogReader(settings, name, partition, 0)) for name in names
        )
        self.count = self._predictions.end()

    def __iter__(self) -> Iterator[Made]:
        decode_features, decode_prediction = decoder(Features), decoder(Prediction)
        candidates = (decode_features(record.value or b"") for record in self._features.to_end())
        candidate: Features | None = next(candidates, None)
        for record in self._predictions.to_end():
            prediction: Prediction = decode_prediction(record.value or b"")
            # Both were written in the order of the events; some features led to no prediction.
            while candidate is not None and candidate.event.offset < prediction.event.offset:
                candidate = next(candidates, None)
            found = candidate is not None and candidate.event.offset == prediction.event.offset
            yield (candidate if found else None), prediction, record.key
