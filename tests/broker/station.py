"""A worker in this process that can be stopped and started again, and both ends of its topics."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from river import linear_model

from agents.worker import Worker
from models.pipeline import Pipeline
from schemas.codec import decoder
from schemas.examples import Example
from schemas.features import Features
from schemas.health import Health
from schemas.predictions import Prediction
from schemas.rejects import Reject, from_headers
from streams.apply import carry_out, plan
from streams.members import INPUTS
from streams.settings import Settings
from streams.tail import reader_config
from streams.topology import Topology

#: Seconds that a test waits for what must come.
PATIENCE_S = 90.0

#: The size that :class:`Picky` cannot answer to.
SPOILS = 13.0

Place = tuple[str, int, int]


class Station:
    """One pipeline on the real broker.

    Parameters
    ----------
    pipeline, settings
        What is computed, and where.
    """

    def __init__(self, pipeline: Pipeline, settings: Settings) -> None:
        self.pipeline = pipeline
        self.settings = settings
        self.topology = Topology(pipeline.name, pipeline.partitions)
        #: Events and labels that the workers so far have dropped because they had come before.
        self.duplicates = 0
        self._running: _Running | None = None
        self._sent: dict[tuple[str, int], int] = {}
        self._records: dict[str, list[Message]] = {topic.noun: [] for topic in self.topology.topics}
        carry_out(plan(self.topology, settings), settings)
        self._producer = Producer({"bootstrap.servers": settings.bootstrap, "linger.ms": 0})
        self._group = Consumer({"bootstrap.servers": settings.bootstrap, "group.id": pipeline.name})
        self._reader = Consumer(reader_config(settings))
        self._reader.assign(
            [
                TopicPartition(self.topology.name(noun), partition, 0)
                for noun in self._records
                for partition in range(self.topology.partitions_of(noun))
            ]
        )

    def start(self) -> None:
        """Start the worker."""
        assert self._running is None
        self._running = _Running(Worker(self.pipeline, self.settings))

    def stop(self) -> None:
        """Stop it: all that is in memory is lost."""
        if self._running is not None:
            self.duplicates += self._running.stop()
            self._running = None

    def restart(self) -> None:
        """What is in memory is lost, and must be found again."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Stop the worker and give back all connections."""
        self.stop()
        for client in (self._reader, self._group, self._producer):
            client.close()

    def send(
        self,
        noun: str,
        body: dict[str, Any] | bytes | None,
        *,
        key: bytes | None = None,
        partition: int = 0,
        headers: list[tuple[str, str | bytes | None]] | None = None,
    ) -> Place:
        """Write a record and wait until Kafka has it; gives where it lies."""
        value = msgspec.json.encode(body) if isinstance(body, dict) else body
        places: list[Place] = []

        def delivered(error: KafkaError | None, message: Message) -> None:
            assert error is None, error
            places.append((message.topic() or "", message.partition() or 0, message.offset() or 0))

        topic = self.topology.name(noun)
        self._producer.produce(topic, value, key, partition, delivered, headers=headers)
        assert self._producer.flush(PATIENCE_S) == 0
        self._sent[noun, partition] = places[0][2] + 1
        return places[0]

    def send_many(self, noun: str, bodies: list[dict[str, Any]], partition: int = 0) -> None:
        """Write many records at once."""
        for body in bodies[:-1]:
            self._producer.produce(self.topology.name(noun), msgspec.json.encode(body), None, partition)
            self._producer.poll(0)
        self.send(noun, bodies[-1], partition=partition)

    def settle(self) -> None:
        """Wait until everything that was sent is behind the worker."""
        places = [
            TopicPartition(self.topology.name(noun), partition)
            for noun in INPUTS
            for partition in range(self.topology.partitions)
        ]

        def processed() -> bool:
            committed = self._group.committed(places, timeout=PATIENCE_S)
            offsets = {(self.topology.noun(place.topic), place.partition): place.offset for place in committed}
            return all(offsets[lane] >= end for lane, end in self._sent.items())

        self.until(processed, "everything sent is processed")

    def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait for something that must come."""
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            assert self._running is None or self._running.failure is None, self._running.failure
            assert time.monotonic() < deadline, f"not within {PATIENCE_S:.0f} s: {what}"
            time.sleep(0.005)

    def records(self, noun: str) -> list[Message]:
        """All committed records of a topic, as far as they have come here by now."""
        # `consume` waits for the full number or the time-out: so wait for one, then take what is there.
        while messages := self._reader.consume(1, 0.01):
            for message in (*messages, *self._reader.consume(10_000, 0.0)):
                if message.error() is None:
                    self._records[self.topology.noun(message.topic() or "")].append(message)
        return self._records[noun]

    def _decoded(self, noun: str, of: Any) -> list[Any]:
        return [decoder(of)(message.value() or b"") for message in self.records(noun)]

    def features(self) -> list[Features]:
        """All that was prepared."""
        return self._decoded("features", Features)

    def predictions(self) -> list[Prediction]:
        """All that was served."""
        return self._decoded("predictions", Prediction)

    def examples(self) -> list[Example]:
        """The outcomes in the learning log."""
        return [one for one in self._decoded("examples", "examples") if isinstance(one, Example)]

    def health(self) -> list[Health]:
        """All reports."""
        return self._decoded("health", Health)

    def rejects(self) -> list[tuple[Reject, Message]]:
        """What was rejected, with the record as it was written."""
        return [
            (from_headers([(name, bytes(value or b"")) for name, value in _headers(message)]), message)
            for message in self.records("rejects")
        ]


def _headers(message: Message) -> list[tuple[str, Any]]:
    headers = message.headers() or []
    return list(headers.items()) if isinstance(headers, dict) else list(headers)


class _Running:
    """A worker on an event loop of its own."""

    def __init__(self, worker: Worker) -> None:
        self.failure: BaseException | None = None
        self._worker = worker
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="station", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            asyncio.run(self._work())
        except BaseException as error:  # told to the test
            self.failure = error

    async def _work(self) -> None:
        stop = asyncio.Event()
        task = asyncio.create_task(self._worker.run(stop))
        while not self._stopping.is_set() and not task.done():
            await asyncio.sleep(0.02)
        stop.set()
        await task

    def stop(self) -> int:
        """End it; gives how many duplicates it has dropped."""
        self._stopping.set()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()
        assert self.failure is None, self.failure
        return self._worker.line.duplicates


class Picky(linear_model.LogisticRegression):
    """A model that has no finite answer to events of one size, as if it had overflown."""

    def predict_proba_one(self, x: dict[Any, Any], **_: Any) -> dict[Any, float]:
        if x["size"] == SPOILS:
            return {False: math.nan, True: math.nan}
        answer: dict[Any, float] = super().predict_proba_one(x)
        return answer


@contextmanager
def station(pipeline: Pipeline, settings: Settings) -> Iterator[Station]:
    """A station that is closed in the end; its worker has not been started."""
    made = Station(pipeline, settings)
    try:
        yield made
    finally:
        made.close()
