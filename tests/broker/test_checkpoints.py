"""A worker starts from a checkpoint; one that is not whole and ours is refused, and never unpickled."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer, TopicPartition
from pydantic import SecretStr

from models.learning import Learning, fresh_from
from schemas.alerts import Alert
from schemas.codec import decode, decoder
from schemas.errors import CheckpointRefused
from schemas.examples import Example
from schemas.models import Manifest
from schemas.predictions import Prediction, Said
from schemas.values import at_millisecond
from streams.batches import Outgoing
from streams.checkpoints import CHUNK_BYTES, SLOTS, Checkpoints
from streams.cluster import admin
from streams.members import LOG
from tests.broker.deployment import PATIENCE_S, Deployment
from tests.broker.outcomes import declared_once, exactly_once
from tests.broker.traffic import START_S, Traffic

SEED = 59

#: So many that the beginning of the log is behind all that is remembered.
EVENTS_MIN = 1800

LIBRARIES = {"river": "0.26.1"}


class Bomb:
    """Leaves a trace when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self._trace = trace

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self._trace,)


class Shelf:
    """The topic ``models``, and whoever writes to it."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self._topic = deployment.topology.name("models")
        self._producer = Producer({"bootstrap.servers": deployment.settings.bootstrap})

    def checkpoints(self, key: str = "") -> Checkpoints:
        """Those of a worker with this key; without one, with the one that is kept in the data folder."""
        settings = self.deployment.settings
        if key:
            settings = settings.model_copy(update={"checkpoint_key": SecretStr(key)})
        return Checkpoints(settings, self.deployment.topology, LIBRARIES)

    def put(self, slot: str, position: int, content: bytes, key: str = "") -> None:
        """Write a checkpoint."""
        self.write(self.checkpoints(key).write(slot, position, content, at_millisecond(0)))

    def write(self, records: list[Outgoing]) -> None:
        for record in records:
            self._producer.produce(self._topic, record.value, record.key, 0)
        assert self._producer.flush(PATIENCE_S) == 0

    def replace(self, key: str, value: bytes | None) -> None:
        """Write a single record."""
        self.write([Outgoing("models", 0, key.encode(), value, None)])

    def newest(self, key: str = "") -> tuple[int, bytes] | None:
        """Position and content of the checkpoint that would be loaded."""
        found = self.checkpoints(key).newest(bytes)
        return None if found is None else (found[0].position, found[1])

    def positions(self) -> dict[str, int]:
        """What the newest manifest of each slot says."""
        found = {}
        for record in self.deployment.read("models"):
            slot = (record.key or b"").decode()
            if slot in SLOTS:
                found[slot] = decode(Manifest, record.value or b"").position
        return found

    def manifest(self, slot: str) -> bytes:
        """The newest manifest of a slot, as it was written."""
        return [record.value or b"" for record in self.deployment.read("models") if record.key == slot.encode()][-1]

    def close(self) -> None:
        self._producer.close()


@pytest.fixture
def shelf(deployment: Deployment) -> Iterator[Shelf]:
    shelf = Shelf(deployment)
    yield shelf
    shelf.close()


LARGE = bytes(range(256)) * (2 * CHUNK_BYTES // 256 + 1)


def test_the_newest_of_two_checkpoints_is_loaded_whole(shelf: Shelf) -> None:
    assert shelf.newest() is None
    shelf.put(SLOTS[0], 10, LARGE)
    shelf.put(SLOTS[1], 20, b"small")
    assert shelf.newest() == (20, b"small")
    shelf.put(SLOTS[0], 30, LARGE[1:])
    assert shelf.newest() == (30, LARGE[1:])


@pytest.mark.parametrize("wrong", ["altered", "missing", "forged", "manifest", "signature", "other key"])
def test_a_checkpoint_that_is_wrong_falls_back_to_the_one_before_and_is_not_unpickled(
    shelf: Shelf, tmp_path: Path, wrong: str
) -> None:
    trace = tmp_path / "trace"
    bomb = pickle.dumps(Bomb(trace))
    before = pickle.dumps("before")
    shelf.put(SLOTS[0], 10, before)
    shelf.put(SLOTS[1], 20, LARGE)
    match wrong:
        case "altered":
            shelf.replace(f"{SLOTS[1]}/1", bomb)
        case "missing":
            shelf.replace(f"{SLOTS[1]}/0", None)
        case "forged":
            shelf.put(SLOTS[1], 30, bomb, key="the attacker's own")
        case "manifest":
            shelf.replace(SLOTS[1], b"\xff{")
        case "signature":
            shelf.replace(
                SLOTS[1], re.sub(rb'"signature":"[^"]*"', '"signature":"é"'.encode(), shelf.manifest(SLOTS[1]))
            )
        case "other key":
            shelf.put(SLOTS[1], 30, bomb, key="another machine's")

    found = shelf.checkpoints().newest(pickle.loads)
    assert found is not None
    assert (found[0].position, found[1]) == (10, "before")
    shelf.replace(f"{SLOTS[0]}/0", bomb)
    assert shelf.checkpoints().newest(pickle.loads) is None
    assert not trace.exists()


def test_what_is_stored_under_a_slot_that_nobody_needs_is_deleted_and_nothing_else(shelf: Shelf) -> None:
    for slot in ("trained/tree@1", "trained/tree@11", SLOTS[0]):
        shelf.put(slot, 10, LARGE)
    shelf.write(shelf.checkpoints().erased(lambda slot: slot == "trained/tree@1"))
    with pytest.raises(CheckpointRefused, match="there is none"):
        shelf.checkpoints().kept("trained/tree@1", 10)
    assert shelf.checkpoints().kept("trained/tree@11", 10) == LARGE
    assert shelf.newest() == (10, LARGE)
    assert {key for key in shelf.checkpoints()._records() if key.startswith("trained/tree@1/")} == set()


def fold(deployment: Deployment) -> Learning:
    """The state that a fold over the whole log comes to."""
    learning, decode_record = Learning(deployment.pipeline, fresh_from(deployment.pipeline)), decoder(LOG)
    for record in deployment.read("examples"):
        learning.fold(record.offset, decode_record(record.value or b""))
    return learning


def first_example(deployment: Deployment) -> int:
    """Offset of the first example in the log."""
    decode_record = decoder(LOG)
    records = deployment.read("examples")
    return next(record.offset for record in records if isinstance(decode_record(record.value or b""), Example))


def probe(deployment: Deployment) -> Prediction:
    """What the worker answers to one more event."""
    event = {"id": "probe", "at": START_S, "a": 0.25, "b": -0.5, "word": ""}
    deployment.send("events", "probe", json.dumps(event).encode())
    deployment.flush()

    def answers() -> list[Prediction]:
        return [prediction for prediction in deployment.predictions() if prediction.id == "probe"]

    deployment.wait_until(lambda: len(answers()) == 1, "the answer")
    return answers()[0]


def run_until_both_slots_are_written(deployment: Deployment, shelf: Shelf) -> None:
    traffic = Traffic(deployment, SEED)
    worker = deployment.start()
    deployment.wait_until(lambda: send_and_look(traffic, shelf), "two checkpoints")
    traffic.finish()
    exactly_once(traffic)
    declared_once(traffic)
    worker.kill()


def send_and_look(traffic: Traffic, shelf: Shelf) -> bool:
    traffic.send(100)
    return len(shelf.positions()) == len(SLOTS) and traffic.events >= EVENTS_MIN


def test_a_worker_starts_from_the_checkpoint_and_not_from_the_log(deployment: Deployment, shelf: Shelf) -> None:
    run_until_both_slots_are_written(deployment, shelf)
    folded = fold(deployment)
    # The declarations of the models stand at the beginning: who folds from there has no champion now.
    place = TopicPartition(deployment.topology.name("examples"), 0, first_example(deployment))
    client = admin(deployment.settings)
    client.delete_records([place])[place].result(PATIENCE_S)

    deployment.start()
    answer = probe(deployment)
    # That it became quiet may have been noted in the log meanwhile; nothing else has come.
    assert folded.position <= answer.position <= fold(deployment).position
    assert said(answer) == folded.predict({"a": 0.25, "b": -0.5})


def test_a_worker_whose_checkpoints_are_all_refused_folds_from_the_beginning(
    deployment: Deployment, shelf: Shelf, tmp_path: Path
) -> None:
    run_until_both_slots_are_written(deployment, shelf)
    trace = tmp_path / "trace"
    bomb = pickle.dumps(Bomb(trace))
    shelf.replace(f"{SLOTS[0]}/0", bomb)
    shelf.put(SLOTS[1], 1_000_000, bomb, key="the attacker's own")

    worker = deployment.start()
    answer = probe(deployment)
    folded = fold(deployment)
    assert said(answer) == folded.predict({"a": 0.25, "b": -0.5})
    assert "its content is incomplete or altered" in worker.said
    assert "it is signed with another key" in worker.said
    assert not trace.exists()
    deployment.wait_until(lambda: "CheckpointRefused" in alerts(deployment), "people are told")
    assert "another key" in alerts(deployment)["CheckpointRefused"].annotations["description"]
    report = deployment.replay()
    assert report.agrees, report.differences


def alerts(deployment: Deployment) -> dict[str, Alert]:
    """The newest of each name."""
    found = [decode(Alert, record.value or b"") for record in deployment.read("alerts")]
    return {alert.name: alert for alert in found}


def said(prediction: Prediction) -> list[Said]:
    champion = Said(model=prediction.model, version=prediction.version, score=prediction.score)
    return [champion, *prediction.shadows]
