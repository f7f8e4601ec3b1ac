"""Hands the records of the sync client to Kafka and waits until it has them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as Record

from headrace.messages import Message, Sent, undelivered
from schemas.errors import BrokerUnavailable
from streams.cluster import QUIET
from streams.connection import confluent
from streams.settings import Settings
from streams.tail import address_of

#: Seconds for which a record is sent again before its sending counts as failed.
DELIVERY_S_MAX = 30.0

#: Records on their way at most.
UNDER_WAY_MAX = 50_000

_OnDelivery = Callable[[KafkaError | None, Record], None]


class Sender:
    """A producer that places keys as Java does.

    Parameters
    ----------
    settings
        Where the brokers are.
    """

    def __init__(self, settings: Settings) -> None:
        self._producer = Producer(
            {
                **confluent(settings),
                **QUIET,
                # librdkafka's own rule would put events where their labels are not.
                "partitioner": "murmur2_random",
                "enable.idempotence": True,
                "linger.ms": 0,
                "delivery.timeout.ms": int(DELIVERY_S_MAX * 1000),
            }
        )

    def close(self) -> None:
        """Wait for what is on its way."""
        self._producer.flush(DELIVERY_S_MAX + 1)

    def deliver(self, message: Message) -> Sent:
        """Send one record and wait until Kafka has it.

        Raises
        ------
        BrokerUnavailable
            If it is not taken.
        """
        delivered: list[tuple[KafkaError | None, Record]] = []
        self._produce(message, lambda error, record: delivered.append((error, record)))
        deadline = time.monotonic() + DELIVERY_S_MAX + 1
        while not delivered and time.monotonic() < deadline:
            self._producer.poll(0.1)
        if not delivered:
            raise undelivered(message, "no answer")
        error, record = delivered[0]
        if error is not None:
            raise undelivered(message, error.str())
        return Sent(message.id, address_of(record))

    def deliver_many(self, messages: Iterable[Message]) -> int:
        """Send records in order, many at once, and wait until Kafka has them all.

        Raises
        ------
        BrokerUnavailable
            If one is not taken.
        """
        failures: list[BrokerUnavailable] = []
        count = 0
        try:
            for message in messages:
                self._produce(message, partial(_note, failures, message))
                count += 1
                self._producer.poll(0)
                while len(self._producer) > UNDER_WAY_MAX:
                    self._producer.poll(0.1)
                if failures:
                    break
        finally:
            self._producer.flush(DELIVERY_S_MAX + 1)
        if failures:
            raise failures[0]
        return count

    def _produce(self, message: Message, on_delivery: _OnDelivery) -> None:
        try:
            self._producer.produce(
                message.topic,
                message.value,
                message.key,
                headers=list(message.headers),
                on_delivery=on_delivery,
            )
        except (KafkaException, BufferError) as error:
            raise undelivered(message, str(error)) from None


def _note(failures: list[BrokerUnavailable], message: Message, error: KafkaError | None, record: Record) -> None:
    if error is not None:
        failures.append(undelivered(message, error.str()))
