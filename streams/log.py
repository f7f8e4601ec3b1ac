"""Reads a stretch of one partition without a group: the learning log, and what is read again after a crash."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice

from confluent_kafka import (
    Consumer,
    KafkaError,
    TopicPartition,
)

from schemas.errors import BrokerUnavailable
from streams.batches import Incoming, incoming
from streams.bounds import PATIENCE_S, bounds_of
from streams.closing import Closing
from streams.connection import confluent
from streams.settings import Settings

#: Records asked for at once.
RECORDS_MAX = 10_000

#: Seconds that one call waits for the first record.
WAIT_S = 0.2


class LogReader(Closing):
    """Committed records of one partition, from any offset on.

    Parameters
    ----------
    settings
        Where the brokers are.
    topic, partition
        What to read.
    start
        Offset of the first record wanted.
    """

    def __init__(self, settings: Settings, topic: str, partition: int, start: int) -> None:
        self.position = start
        self.at_end = False
        self.taken = start
        self._topic = topic
        self._partition = partition
        self._consumer = Consumer(
            confluent(settings)
            | {
                # No group is used, but librdkafka wants a name.
                "group.id": f"{topic}-reader",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "auto.offset.reset": "error",
                "enable.partition.eof": True,
                # So long it takes to know that the end is reached, and whoever starts waits for that.
                "fetch.wait.max.ms": 100,
                "queued.max.messages.kbytes": 32 * 1024,
            }
        )
        self._assign(start)

    def close(self) -> None:
        """Give back the connection."""
        self._consumer.close()

    def _assign(self, start: int) -> None:
        # The client library finds the beginning by itself too, but waits half a second if it is not connected yet.
        offset = start if start > 0 else bounds_of(self._consumer, self._topic, self._partition)[0]
        self._consumer.assign([TopicPartition(self._topic, self._partition, offset)])

    def seek(self, start: int) -> None:
        """Go on from another offset."""
        self.position = start
        self.at_end = False
        self._assign(start)

    def read(self, timeout_s: float, records_max: int = RECORDS_MAX) -> list[Incoming]:
        """The next records; none if none come in time. ``at_end`` tells whether there are more.

        Raises
        ------
        BrokerUnavailable
            If reading fails for good, for instance because the wanted offset is no longer kept.
        """
        records = []
        # `consume` waits for the full number or the time-out: so wait for one, then take what is there.
        polled = self._consumer.consume(1, timeout_s)
        if polled and records_max > 1:
            polled += self._consumer.consume(records_max - 1, 0.0)
        for message in polled:
            error = message.error()
            if error is None:
                records.append(incoming(message))
                self.at_end = False
            elif error.code() == KafkaError._PARTITION_EOF:
                self.at_end = True
                # Transaction markers take offsets too: the end lies behind the last record.
                self.position = max(self.position, message.offset() or 0)
            elif not error.retriable() and error.code() != KafkaError._ALL_BROKERS_DOWN:
                raise BrokerUnavailable(f"{self._topic}[{self._partition}] can't be read: {error.str()}")
        if records:
            self.position = max(self.position, records[-1].offset + 1)
        return records

    def pieces(self) -> Iterator[list[Incoming]]:
        """All records from here on, in pieces, without end.

        Raises
        ------
        BrokerUnavailable
            If nothing comes for :data:`PATIENCE_S`.
        """
        waited_s = 0.0
        while True:
            records = self.read(WAIT_S)
            if records:
                waited_s = 0.0
                yield records
                continue
            waited_s += WAIT_S
            if waited_s > PATIENCE_S:
                raise BrokerUnavailable(
                    f"{self._topic}[{self._partition}] gave nothing for {PATIENCE_S:.0f} s at {self.position}"
                )

    def take(self, count: int) -> Iterator[Incoming]:
        """Exactly so many records; ``taken`` is the offset behind the last one. Waits until they are readable."""
        if count > 0:
            for record in islice(chain.from_iterable(self.pieces()), count):
                self.taken = record.offset + 1
                yield record

    def until(self, end: int) -> Iterator[Incoming]:
        """All records before an offset that is known to be readable."""
        while self.position < end:
            for record in self.read(WAIT_S):
                if record.offset < end:
                    yield record

    def to_end(self) -> Iterator[Incoming]:
        """All records up to the end of the partition as it is now."""
        yield from self.until(self.end())

    def first(self) -> int:
        """The offset of the first record that is still kept."""
        return bounds_of(self._consumer, self._topic, self._partition)[0]

    def end(self) -> int:
        """The offset behind the last committed record, as the broker says now."""
        return bounds_of(self._consumer, self._topic, self._partition)[1]
