"""Reads all partitions of a topic from a chosen place, without a group: for those who look on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from schemas.errors import BrokerUnavailable, UserError
from schemas.values import Address
from streams.closing import Closing
from streams.cluster import ANSWER_S_MAX, QUIET, reach
from streams.connection import confluent
from streams.ends import FORBIDDEN, STEP_S
from streams.settings import Settings

RECORDS_MAX = 2000

#: Where to begin: at the first record kept, behind the last, or at the first that Kafka took at or after a
#: time.
Start = Literal["earliest", "latest"] | datetime


class Tail(Closing):
    """Committed records of a topic.

    Parameters
    ----------
    settings
        Where the brokers are.
    topic
        Full name.
    start
        Where to begin.

    Raises
    ------
    BrokerUnavailable
        If no broker answers.
    UserError
        If the topic does not exist.
    """

    def __init__(self, settings: Settings, topic: str, start: Start = "latest") -> None:
        self.topic = topic
        partitions = partitions_of(settings, topic)
        self._consumer = Consumer(reader_config(settings))
        # Asked once and first: a question waits behind a fetch that is under way.
        self._bounds = {number: bounds(self._consumer, topic, number) for number in range(partitions)}
        self.starts = self._offsets(start)
        self._assign(self.starts)

    def close(self) -> None:
        """Give back the connection."""
        self._consumer.close()

    def _assign(self, starts: dict[int, int]) -> None:
        self._waiting = {number for number, start in starts.items() if start < self._bounds[number][1]}
        self._consumer.assign([TopicPartition(self.topic, number, start) for number, start in starts.items()])

    @property
    def at_end(self) -> bool:
        """Whether everything that was there at the beginning has been read."""
        return not self._waiting

    def _offsets(self, start: Start) -> dict[int, int]:
        bounds = self._bounds
        if start == "earliest":
            return {number: first for number, (first, _) in bounds.items()}
        if start == "latest":
            return {number: end for number, (_, end) in bounds.items()}
        asked = [TopicPartition(self.topic, number, int(start.timestamp() * 1000)) for number in bounds]
        try:
            answered = self._consumer.offsets_for_times(asked, timeout=ANSWER_S_MAX)
        except KafkaException as error:
            raise unreadable(self.topic, error) from None
        # A negative answer means that nothing is that young.
        return {part.partition: part.offset if part.offset >= 0 else bounds[part.partition][1] for part in answered}

    def back(self, count: int) -> bool:
        """Begin again, so many offsets before the ends; False if it has begun there before."""
        starts = {number: max(first, end - count) for number, (first, end) in self._bounds.items()}
        again = starts != self.starts
        self.starts = starts
        # Where there is nothing to read, the end would only be seen after a fetch that finds nothing.
        self._assign({number: start for number, start in starts.items() if start < self._bounds[number][1]})
        return again

    def read(self, timeout_s: float) -> list[Message]:
        """The next records; none if none come in time.

        Raises
        ------
        BrokerUnavailable
            If reading fails for good.
        """
        messages = []
        for message in self._consumer.consume(RECORDS_MAX, timeout_s):
            number = message.partition() or 0
            if is_record(message):
                messages.append(message)
                # On a busy topic the end moves on, and would never be reached.
                if (message.offset() or 0) + 1 >= self._bounds[number][1]:
                    self._waiting.discard(number)
            elif _is_end(message):
                self._waiting.discard(number)
        return messages

    def to_end(self) -> Iterator[Message]:
        """All records up to the ends of the partitions, within a bound of silence.

        Raises
        ------
        BrokerUnavailable
            If the broker goes silent before the end.
        """
        silent_s = 0.0
        while not self.at_end:
            messages = self.read(0.2)
            silent_s = 0.0 if messages else silent_s + 0.2
            if silent_s > ANSWER_S_MAX and not self.at_end:
                raise BrokerUnavailable(f"{self.topic} gave nothing for {ANSWER_S_MAX:.0f} s before its end")
            yield from messages


def last(settings: Settings, topic: str, count: int) -> list[Message]:
    """The last records of a topic over all partitions, in the order in which Kafka took them."""
    with Tail(settings, topic) as tail:
        step = 2 * count + 8
        messages: list[Message] = []
        # Transaction markers take offsets too, so a stretch can hold fewer records than it is long.
        while len(messages) < count and tail.back(step):
            messages = list(tail.to_end())
            step *= 4
    messages.sort(key=_taken)
    return messages[-count:]


def is_record(message: Message) -> bool:
    """Whether this is a record, and not a passing fault or the end of a partition.

    Raises
    ------
    BrokerUnavailable
        If it says that reading has failed for good.
    """
    error = message.error()
    if error is None:
        return True
    passing = (KafkaError._PARTITION_EOF, KafkaError._ALL_BROKERS_DOWN)
    if error.retriable() or error.code() in passing:
        return False
    raise BrokerUnavailable(f"{message.topic()} can't be read: {error.str()}")


def _is_end(message: Message) -> bool:
    error = message.error()
    return error is not None and error.code() == KafkaError._PARTITION_EOF


def address_of(message: Message) -> Address:
    """Where a record lies."""
    return Address(topic=message.topic() or "", partition=message.partition() or 0, offset=message.offset() or 0)


def headers_of(message: Message) -> list[tuple[str, bytes]]:
    """The headers of a record; one without a value has an empty one."""
    headers: list[tuple[str, Any]] = [*(message.headers() or [])]
    return [(name, value if isinstance(value, bytes) else b"") for name, value in headers]


def _taken(message: Message) -> tuple[int, int, int]:
    return message.timestamp()[1], message.partition() or 0, message.offset() or 0


def bounds(consumer: Consumer, topic: str, partition: int) -> tuple[int, int]:
    """The offset of the first record that is kept, and that behind the last that is committed.

    Raises
    ------
    BrokerUnavailable
        If the broker does not tell; a leader that is just being elected is waited for.
    """
    deadline = time.monotonic() + ANSWER_S_MAX
    while True:
        try:
            first, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=ANSWER_S_MAX)
        except KafkaException as error:
            if error.args[0].code() in FORBIDDEN or time.monotonic() > deadline:
                raise unreadable(topic, error) from None
            time.sleep(STEP_S)
        else:
            return int(first), int(end)


def partitions_of(settings: Settings, topic: str) -> int:
    """How many partitions a topic has.

    Raises
    ------
    UserError
        If it does not exist.
    """
    partitions = reach(settings).partitions.get(topic)
    if partitions is None:
        raise UserError(f"there is no topic {topic} at {settings.bootstrap}; create it with `headrace apply FILE`")
    return partitions


def reader_config(settings: Settings) -> dict[str, str | int | bool | float]:
    """Configuration of a consumer that looks on: no group, and only what is committed is seen."""
    return {
        **confluent(settings),
        **QUIET,
        # No group is used, but librdkafka wants a name.
        "group.id": "headrace-tail",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "isolation.level": "read_committed",
        "auto.offset.reset": "earliest",
        "enable.partition.eof": True,
        "fetch.wait.max.ms": 100,
    }


def unreadable(topic: str, error: KafkaException) -> BrokerUnavailable:
    """The error for a topic that the broker does not tell about."""
    return BrokerUnavailable(f"{topic} can't be read: {error.args[0].str()}")
