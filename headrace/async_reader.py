"""Consumers of the async client: fresh ones to read a topic through, kept ones to wait for answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from schemas.errors import BrokerUnavailable
from streams.connection import aiokafka
from streams.settings import Settings
from streams.tail import Start

#: Consumers kept for the next question; more than that many questions at once make more, which are not kept.
KEPT_MAX = 8

#: Milliseconds that the broker waits before it answers that there is nothing: for answers, and for looking on.
ANSWER_WAIT_MS = 10
LOOK_WAIT_MS = 100

Records = list[ConsumerRecord[bytes, bytes]]


class Answers:
    """Waits for records that come after a question; for any number of questions at once.

    A consumer costs a tenth of a second to begin with, so those that have answered are kept, paused.

    Parameters
    ----------
    settings
        Where the brokers are.
    places
        All partitions that answers may come in.
    """

    def __init__(self, settings: Settings, places: list[TopicPartition]) -> None:
        self._settings = settings
        self._places = places
        self._kept: list[AIOKafkaConsumer] = []

    @asynccontextmanager
    async def listening(self, places: list[TopicPartition]) -> AsyncIterator[AIOKafkaConsumer]:
        """A consumer of some of the partitions, from their ends as they are now."""
        consumer = self._kept.pop() if self._kept else await self._new()
        broken = False
        try:
            for place, end in (await consumer.end_offsets(places)).items():
                consumer.seek(place, end)
            consumer.resume(*places)
            try:
                yield consumer
            finally:
                consumer.pause(*self._places)
        except KafkaError as error:
            broken = True
            raise BrokerUnavailable(f"{places[0].topic} can't be read: {error}") from None
        finally:
            if broken or len(self._kept) >= KEPT_MAX:
                await consumer.stop()
            else:
                self._kept.append(consumer)

    async def _new(self) -> AIOKafkaConsumer:
        consumer = await started(self._settings, ANSWER_WAIT_MS)
        consumer.assign(self._places)
        consumer.pause(*self._places)
        return consumer

    async def close(self) -> None:
        """Give back the connections."""
        while self._kept:
            await self._kept.pop().stop()


@asynccontextmanager
async def reading(settings: Settings, places: list[TopicPartition], start: Start) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer that reads partitions from a chosen place."""
    consumer = await started(settings, LOOK_WAIT_MS)
    try:
        consumer.assign(places)
        for place, offset in (await _offsets(consumer, places, start)).items():
            consumer.seek(place, offset)
        yield consumer
    except KafkaError as error:
        raise BrokerUnavailable(f"{places[0].topic} can't be read: {error}") from None
    finally:
        await consumer.stop()


async def started(settings: Settings, wait_ms: int) -> AIOKafkaConsumer:
    """A consumer that looks on: no group, and only what is committed is seen.

    Raises
    ------
    BrokerUnavailable
        If no broker answers.
    """
    consumer = AIOKafkaConsumer(
        **aiokafka(settings),
        enable_auto_commit=False,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        fetch_max_wait_ms=wait_ms,
    )
    try:
        await consumer.start()
    except KafkaError as error:
        await consumer.stop()
        raise BrokerUnavailable(f"no Kafka broker at {settings.bootstrap}: {error}") from None
    return consumer


def flat(records: dict[TopicPartition, Records]) -> Records:
    """Records of several partitions in one list; those of a partition stay in order."""
    return [record for part in records.values() for record in part]


async def _offsets(consumer: AIOKafkaConsumer, places: list[TopicPartition], start: Start) -> dict[TopicPartition, int]:
    if start == "earliest":
        return dict(await consumer.beginning_offsets(places))
    ends = dict(await consumer.end_offsets(places))
    if start == "latest":
        return ends
    found = await consumer.offsets_for_times(dict.fromkeys(places, int(start.timestamp() * 1000)))
    return {place: ends[place] if at is None else at.offset for place, at in found.items()}
