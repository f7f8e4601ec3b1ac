"""Reads a small topic of one partition in a consumer group of its own, at least once, from its beginning."""

from __future__ import annotations

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition

from schemas.errors import BrokerUnavailable
from streams.batches import Incoming, Outgoing, incoming
from streams.cluster import QUIET
from streams.connection import confluent
from streams.settings import Settings
from streams.topology import Topology

RECORDS_MAX = 500

#: Milliseconds that a member may work on what it has read before another takes over.
WORK_MS_MAX = 600_000

#: Seconds that the brokers may take for a write or a commit.
ANSWER_S = 30.0


class Subscriber:
    """One member of a group that reads one topic; only one member is given anything.

    What earlier members are through with is given too, so that whoever takes over knows how things stand.

    Parameters
    ----------
    settings, topology
        Where the brokers are.
    noun
        Which topic.
    name
        The group is called ``<pipeline>.<name>``.
    """

    def __init__(self, settings: Settings, topology: Topology, noun: str, name: str) -> None:
        #: How often this member was given the topic; what was read before is to be forgotten then.
        self.lives = 0
        #: Up to where an earlier member came; None if there was none.
        self.through: int | None = None
        #: Whether everything has been read that is there.
        self.at_end = False
        self._topic = topology.name(noun)
        self._topology = topology
        self._group = {
            "group.id": f"{topology.pipeline}.{name}",
            "session.timeout.ms": settings.session_timeout_ms,
            "max.poll.interval.ms": WORK_MS_MAX,
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
        }
        self._consumer = Consumer(confluent(settings) | QUIET | self._group)
        self._producer = Producer(confluent(settings) | QUIET | {"enable.idempotence": True})
        self._consumer.subscribe([self._topic], on_assign=self._on_assign, on_revoke=self._on_revoke)

    def _on_assign(self, consumer: Consumer, given: list[TopicPartition]) -> None:
        self.lives += 1
        self.at_end = False
        found = consumer.committed(given, timeout=ANSWER_S)
        self.through = next((place.offset for place in found if place.offset >= 0), None)
        consumer.assign([TopicPartition(self._topic, place.partition, OFFSET_BEGINNING) for place in given])

    def _on_revoke(self, consumer: Consumer, _: list[TopicPartition]) -> None:
        self.lives += 1
        self.at_end = False
        consumer.unassign()

    def read(self, timeout_s: float) -> list[Incoming]:
        """The next records; none if none come in time.

        Raises
        ------
        BrokerUnavailable
            If reading fails for good.
        """
        records = []
        try:
            messages = self._consumer.consume(1, timeout_s)
            messages += self._consumer.consume(RECORDS_MAX, 0.0) if messages else []
        except KafkaException as failure:
            raise BrokerUnavailable(f"{self._topic} can't be read: {failure.args[0].str()}") from failure
        for message in messages:
            error = message.error()
            if error is None:
                records.append(incoming(message))
                self.at_end = False
            elif error.code() == KafkaError._PARTITION_EOF:
                self.at_end = True
            elif not error.retriable() and error.code() != KafkaError._ALL_BROKERS_DOWN:
                raise BrokerUnavailable(f"{self._topic} can't be read: {error.str()}")
        return records

    def write(self, outgoing: list[Outgoing]) -> None:
        """Write records, and wait until Kafka has them.

        Raises
        ------
        BrokerUnavailable
            If it does not take them.
        """
        for noun, partition, key, value, headers in outgoing:
            self._producer.produce(self._topology.name(noun), value, key, partition, headers=[*(headers or [])])
        if self._producer.flush(ANSWER_S):
            raise BrokerUnavailable("Kafka did not take what could not be delivered")

    def commit(self, offset: int) -> None:
        """Everything before this offset is done with.

        Raises
        ------
        BrokerUnavailable
            If the brokers do not answer, or another member has taken over.
        """
        try:
            self._consumer.commit(offsets=[TopicPartition(self._topic, 0, offset)], asynchronous=False)
        except KafkaException as failure:
            raise BrokerUnavailable(f"{self._topic}: not committed: {failure.args[0].str()}") from failure

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()
        self._producer.flush(1.0)
