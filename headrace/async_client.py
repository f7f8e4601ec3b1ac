"""The Python client for asyncio: the same verbs as :class:`headrace.client.Client`, on aiokafka."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from headrace import profiles, registry
from headrace.alerts import current
from headrace.async_reader import Answers, flat, reading
from headrace.history import Row
from headrace.messages import Message, Messages, Sent, no_answer, prediction_of, undelivered
from headrace.registry import Models
from models.pipeline import Pipeline
from schemas.alerts import Alert
from schemas.codec import decode
from schemas.health import Health
from schemas.predictions import Prediction
from schemas.promotions import Promotion
from schemas.values import Address, LabelValue
from streams.connection import aiokafka
from streams.settings import Settings, load
from streams.tail import Start, last, partitions_of

#: Records on their way at most in :meth:`AsyncClient.send_many`.
UNDER_WAY_MAX = 5_000

OUTSIDE_BLOCK = "use the client inside its `async with` block"


class AsyncClient:
    """Talks to one pipeline over Kafka; a context manager.

    ::

        async with AsyncClient("flights.py") as client:
            prediction = await client.predict({"flight_id": "UA1545", "distance": 1400})
            await client.label("UA1545", True)

    Parameters and errors are those of :class:`headrace.client.Client`; brokers and topics are looked for at
    the beginning of the block.
    """

    def __init__(
        self,
        pipeline: Pipeline | str | Path,
        settings: Settings | None = None,
        *,
        id: str | None = None,
        key: str | None = None,
    ) -> None:
        self._messages = Messages(pipeline, id=id, key=key)
        self._settings = settings or load()
        self._topology = self._messages.topology
        self._partitions = 0
        self._producer: AIOKafkaProducer | None = None
        self._answers: Answers | None = None

    async def __aenter__(self) -> Self:
        events = self._topology.name("events")
        self._partitions = await asyncio.to_thread(partitions_of, self._settings, events)
        # Its partitioner is Java's murmur2.
        self._producer = AIOKafkaProducer(**aiokafka(self._settings), enable_idempotence=True)
        await self._producer.start()
        answers = (self._topology.name(noun) for noun in ("predictions", "rejects"))
        places = [TopicPartition(name, number) for name in answers for number in range(self._partitions)]
        self._answers = Answers(self._settings, places)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Wait for what is on its way, and give back the connections."""
        if self._answers is not None:
            await self._answers.close()
            self._answers = None
        if self._producer is not None:
            await self._producer.stop()
            self._producer = None

    async def send(self, event: dict[str, Any], *, key: str | int | None = None) -> Sent:
        """Send an event and wait until Kafka has it; see :meth:`headrace.client.Client.send`."""
        return await self._deliver(self._messages.event(event, key))

    async def send_many(self, events: Iterable[dict[str, Any]]) -> int:
        """Send events in order, many at once, and wait until Kafka has them all."""
        count = 0
        under_way: set[asyncio.Task[Sent]] = set()
        try:
            for event in events:
                delivery = await self._hand_over(self._messages.event(event))
                under_way.add(delivery)
                count += 1
                if len(under_way) >= UNDER_WAY_MAX:
                    await asyncio.gather(*under_way)
                    under_way.clear()
        finally:
            await asyncio.gather(*under_way)
        return count

    async def label(
        self, id: str | int, label: LabelValue, *, key: str | int | None = None, time: datetime | None = None
    ) -> Sent:
        """Say what was true, and wait until Kafka has it; see :meth:`headrace.client.Client.label`."""
        return await self._deliver(self._messages.label(id, label, key, time))

    async def unavailable(
        self,
        id: str | int,
        *,
        reason: str | None = None,
        key: str | int | None = None,
        time: datetime | None = None,
    ) -> Sent:
        """Say that the truth will never be known; see :meth:`headrace.client.Client.unavailable`."""
        return await self._deliver(self._messages.unavailable(id, reason, key, time))

    async def predict(
        self, event: dict[str, Any], *, timeout_s: float = 10.0, key: str | int | None = None
    ) -> Prediction:
        """Send an event and wait for its prediction; see :meth:`headrace.client.Client.predict`."""
        assert self._answers is not None, OUTSIDE_BLOCK
        message = self._messages.event(event, key)
        rejects = self._topology.name("rejects")
        places = [TopicPartition(rejects, number) for number in range(self._partitions)]
        partition = self._messages.answer_partition(message, self._partitions)
        places.append(TopicPartition(self._topology.name("predictions"), partition))
        # The answer comes after the question: listen first.
        async with self._answers.listening(places) as consumer:
            sent = await self._deliver(message)
            deadline = time.monotonic() + timeout_s
            while (remaining_s := deadline - time.monotonic()) > 0:
                records = await consumer.getmany(timeout_ms=int(remaining_s * 1000) + 1)
                for record in flat(records):
                    headers = [(name, bytes(value)) for name, value in record.headers]
                    answer = self._messages.answer(sent, record.topic, record.value, headers)
                    if answer is not None:
                        return answer
        raise no_answer(sent, timeout_s)

    async def predictions(
        self, from_: Start = "latest", *, follow: bool = True, timeout_s: float | None = None
    ) -> AsyncIterator[Prediction]:
        """Committed predictions of all partitions; see :meth:`headrace.client.Client.predictions`."""
        async for record in self._read("predictions", from_, follow, timeout_s):
            yield prediction_of(record.value)

    async def health(self) -> Health | None:
        """The latest health report; ``None`` before the first."""
        reports = await asyncio.to_thread(last, self._settings, self._topology.name("health"), 1)
        return decode(Health, reports[0].value() or b"") if reports else None

    async def health_stream(
        self, from_: Start = "latest", *, follow: bool = True, timeout_s: float | None = None
    ) -> AsyncIterator[Health]:
        """Health reports as they come; arguments as in :meth:`predictions`."""
        async for record in self._read("health", from_, follow, timeout_s):
            yield decode(Health, record.value or b"")

    async def alerts(self) -> list[Alert]:
        """The newest state of every alert; see :meth:`headrace.client.Client.alerts`."""
        return await asyncio.to_thread(current, self._settings, self._topology)

    async def alerts_stream(
        self, from_: Start = "latest", *, follow: bool = True, timeout_s: float | None = None
    ) -> AsyncIterator[Alert]:
        """Alerts as they change; see :meth:`headrace.client.Client.predictions`."""
        async for record in self._read("alerts", from_, follow, timeout_s):
            yield decode(Alert, record.value or b"")

    async def models(self) -> Models:
        """The versions there are and were; see :meth:`headrace.client.Client.models`."""
        return await asyncio.to_thread(registry.read, self._settings, self._topology)

    async def profile(self, field: str | None = None, *, rows: int = profiles.ROWS) -> dict[str, list[Row]]:
        """What came in over time; see :meth:`headrace.client.Client.profile`."""
        return await asyncio.to_thread(profiles.over_time, self._settings, self._topology, field, rows)

    async def promotions(
        self, from_: Start = "latest", *, follow: bool = True, timeout_s: float | None = None
    ) -> AsyncIterator[Promotion]:
        """Decisions about who is in charge; see :meth:`headrace.client.Client.promotions`."""
        async for record in self._read("promotions", from_, follow, timeout_s):
            yield decode(Promotion, record.value or b"")

    async def _read(
        self, noun: str, start: Start, follow: bool, timeout_s: float | None
    ) -> AsyncIterator[ConsumerRecord[bytes, bytes]]:
        topic = self._topology.name(noun)
        count = await asyncio.to_thread(partitions_of, self._settings, topic)
        places = [TopicPartition(topic, number) for number in range(count)]
        async with reading(self._settings, places, start) as consumer:
            ends = await consumer.end_offsets(places)
            heard = time.monotonic()
            while timeout_s is None or time.monotonic() - heard < timeout_s:
                if not follow and all([await consumer.position(place) >= ends[place] for place in places]):
                    return
                for record in flat(await consumer.getmany(timeout_ms=200)):
                    yield record
                    heard = time.monotonic()

    async def _deliver(self, message: Message) -> Sent:
        return await (await self._hand_over(message))

    async def _hand_over(self, message: Message) -> asyncio.Task[Sent]:
        assert self._producer is not None, OUTSIDE_BLOCK
        try:
            delivery = await self._producer.send(message.topic, message.value, message.key, headers=message.headers)
        except KafkaError as error:
            raise undelivered(message, str(error)) from None
        return asyncio.ensure_future(_delivered(message, delivery))


async def _delivered(message: Message, delivery: asyncio.Future[Any]) -> Sent:
    try:
        taken = await delivery
    except KafkaError as error:
        raise undelivered(message, str(error)) from None
    return Sent(message.id, Address(topic=taken.topic, partition=taken.partition, offset=taken.offset))
