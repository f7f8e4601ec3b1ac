"""What a batch brought is told apart by partition; what a checkpoint holds is gone on from."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agents.line import Line
from agents.profiles import passages
from agents.work import Work
from models.changes import changes
from models.monitoring import Drift
from schemas.errors import BadRecord
from schemas.examples import LogRecord
from schemas.models import Manifest
from schemas.values import Address
from streams.batches import Batch, Incoming
from streams.checkpoints import SLOTS
from streams.settings import load
from streams.topology import Topology
from tests.models.windows import answered, example, pipeline

TOPIC = "made-up.events"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def incoming(partition: int, offset: int) -> Incoming:
    return Incoming(partition, offset, 1_767_225_600_000 + offset, b"key", b"{}", None)


def work_of(places: list[tuple[int, int]], *, unanswered: Collection[tuple[int, int]] = ()) -> Work:
    work = Work(Batch(events=[incoming(*place) for place in places], now=NOW))
    work.predictions = [
        answered(offset, {"speed": 1.0}, partition=partition)
        for partition, offset in places
        if (partition, offset) not in unanswered
    ]
    return work


def test_every_partition_has_its_own_passage() -> None:
    work = work_of([(0, 7), (2, 1), (0, 8), (2, 2), (0, 9)])

    found = dict(passages(work, TOPIC))

    assert {partition: (one.first, one.end) for partition, one in found.items()} == {0: (7, 10), 2: (1, 3)}
    assert [features.event.offset for features, _ in found[0].answered] == [7, 8, 9]
    assert found[0].received.timestamp() * 1000 == 1_767_225_600_009
    assert all(not one.duplicates and not one.rejects for one in found.values())


def test_what_was_neither_answered_nor_rejected_had_come_before() -> None:
    work = work_of([(0, 1), (0, 2), (1, 1), (0, 3)], unanswered={(0, 2), (0, 3)})
    work.reject("features", Address(topic=TOPIC, partition=0, offset=3), b"", b"", BadRecord("range", "", "$.speed"))
    work.reject("examples", Address(topic="made-up.feedback", partition=0, offset=2), b"", b"", BadRecord("label", ""))

    found = dict(passages(work, TOPIC))

    assert list(found[0].duplicates) == [2]
    assert [reject.source.offset for reject in found[0].rejects] == [3]
    assert not found[1].duplicates


def test_a_batch_without_events_brings_nothing() -> None:
    assert list(passages(work_of([]), TOPIC)) == []


class Shelf:
    """One checkpoint, as it lies in the topic."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.refused: list[str] = []

    def newest(self, load_state: Callable[[bytes], Any]) -> tuple[Manifest, Any]:
        manifest = Manifest(
            slot=SLOTS[0],
            position=0,
            chunks=1,
            size_bytes=len(self._content),
            sha256="",
            signature="",
            created=NOW,
            libraries={},
        )
        return manifest, load_state(self._content)


@pytest.fixture
def line(tmp_path: Path) -> Line:
    declaration = pipeline(drift=Drift(reference_examples=20))
    return Line(declaration, load(data=tmp_path), Topology("made-up", declaration.partitions))


def followed(line: Line) -> list[tuple[int, LogRecord]]:
    """A log whose models are those of the file, folded by this line."""
    log: list[tuple[int, LogRecord]] = list(enumerate(changes(line.pipeline, line.learning)))
    log += [(len(log) + number, example({"speed": float(number)})) for number in range(30)]
    for offset, record in log:
        line.learning.fold(offset, record)
    line.references.follow(log)
    return log


def checkpoint_of(line: Line) -> dict[str, Any]:
    """The state that a checkpoint holds."""
    content = b"".join(record.value or b"" for record in line.checkpoint(NOW)[:-1])
    state: dict[str, Any] = pickle.loads(content)
    return state


def begun_from(line: Line, state: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(line, "_checkpoints", Shelf(pickle.dumps(state)))
    return line.begin()


def test_a_worker_goes_on_counting_in_the_bins_of_the_checkpoint(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    log = followed(line)
    before = line.references.reference

    position = begun_from(line, checkpoint_of(line), monkeypatch)

    assert position == len(log)
    assert before is not None
    assert line.references.reference == before


def test_a_checkpoint_from_before_there_were_references_folds_them_from_the_beginning(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = followed(line)
    before, learnt = line.references.reference, line.learning.position
    state = checkpoint_of(line)
    del state["references"]

    assert begun_from(line, state, monkeypatch) == 0
    assert line.learning.position == learnt
    line.references.follow(log)
    assert line.references.reference == before
