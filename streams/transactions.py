"""Writes a batch: its records and the offsets it has read up to, in one Kafka transaction."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from schemas.errors import BrokerUnavailable, Fenced
from streams.batches import Outgoing, incoming
from streams.connection import confluent
from streams.settings import Settings
from streams.topology import Topology

#: How often a step that the client library calls retriable is tried.
ATTEMPTS_MAX = 5

#: Seconds after its time that a call counts as one that does not return.
STUCK_S = 2.0

#: What the group says of a member whose name is taken it also says after its broker was away: see members.
_NAME_TAKEN = {KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH}


class Transactions:
    """The transactional producer of one worker.

    Parameters
    ----------
    settings
        Where the brokers are, and the time until a hanging transaction is aborted.
    topology
        The names of the topics.
    name
        Of the worker. A second process with the same name fences this one.

    Raises
    ------
    BrokerUnavailable
        If the brokers do not answer.
    """

    def __init__(self, settings: Settings, topology: Topology, name: str) -> None:
        self._names = {topic.noun: topology.name(topic.noun) for topic in topology.topics}
        self._nouns = {name: noun for noun, name in self._names.items()}
        #: Offset of the last committed record that this worker wrote, by noun and partition.
        self.last: dict[tuple[str, int], int] = {}
        self._delivered: dict[tuple[str, int], int] = {}
        self._producer = Producer(
            confluent(settings)
            | {
                "transactional.id": name,
                "transaction.timeout.ms": settings.transaction_timeout_ms,
                # A new transaction may start before the broker has finished the one before: ask again at once.
                "retry.backoff.ms": 1,
                # The end of a batch waits for it too, so it is short.
                "linger.ms": 5,
                "queue.buffering.max.messages": 1_000_000,
                "queue.buffering.max.kbytes": 512 * 1024,
            }
        )
        # After that time the broker gives the transaction up, so there is nothing to wait for.
        self._step_s = settings.transaction_timeout_ms / 1000
        self._begun_s = time.time()
        self._open = False
        self._stuck = False
        # A coordinator that is asked for before there is a connection is only asked for again after half a second.
        self._guard(self._producer.list_topics, self._names["examples"], self._step_s)
        self._guard(self._producer.init_transactions, self._step_s)

    def write(self, outgoing: list[Outgoing]) -> None:
        """Begin to send records, in the background; nobody sees them before :meth:`commit`.

        Raises
        ------
        Fenced
            If another process runs under this name.
        BrokerUnavailable
            If the transaction can't take them.
        """
        try:
            self._begin()
            self._produce(outgoing)
        except (Fenced, BrokerUnavailable):
            self.abort()
            raise

    def commit(self, consumer: Consumer, offsets: Mapping[tuple[str, int], tuple[int, str]]) -> None:
        """Make the records that were written and the offsets visible, both or neither.

        Parameters
        ----------
        consumer
            The member of the group that read the input: a member that is no longer one is fenced.
        offsets
            By noun and partition: the offset to go on from, and the text kept with it.

        Raises
        ------
        Fenced
            If another process runs under this name. Nothing was written.
        BrokerUnavailable
            If the brokers do not answer, or the partitions belong to another worker now. Whether it was written is
            found out when starting afresh.
        """
        try:
            self._begin()
            positions = [
                TopicPartition(self._names[noun], partition, offset, text)
                for (noun, partition), (offset, text) in offsets.items()
            ]
            if positions:
                self._guard(self._send_offsets, positions, consumer.consumer_group_metadata())
            self._guard(self._producer.commit_transaction, self._step_s)
        except (Fenced, BrokerUnavailable):
            self.abort()
            raise
        self._open = False
        self._producer.poll(0)
        self.last.update(self._delivered)
        self._delivered.clear()

    def _begin(self) -> None:
        if not self._open:
            self._begun_s = time.time()
            self._guard(self._producer.begin_transaction)
            self._open = True

    def _produce(self, outgoing: list[Outgoing]) -> None:
        produce, names = self._producer.produce, self._names
        # Asking for a report on every record would cost more than writing it.
        lasts = {(record.noun, record.partition): place for place, record in enumerate(outgoing)}
        reported = set(lasts.values())
        for place, (noun, partition, key, value, headers) in enumerate(outgoing):
            arguments: dict[str, Any] = {"on_delivery": self._on_delivery} if place in reported else {}
            if headers is not None:
                arguments["headers"] = headers
            while True:
                try:
                    produce(names[noun], value, key, partition, **arguments)
                    break
                except BufferError:
                    self._producer.poll(0.05)
                except KafkaException as failure:
                    raise self._told(failure) from failure

    def _on_delivery(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            record = incoming(message)
            self._delivered[self._nouns[message.topic() or ""], record.partition] = record.offset

    def _send_offsets(self, positions: list[TopicPartition], membership: object) -> None:
        """Send them, from a thread that can be left behind.

        Once the coordinator of the group has been away, the call may never return, whatever time it is given
        (librdkafka 2.16, its issues 5456 and 5511).
        """
        failures: list[KafkaException] = []

        def send() -> None:
            try:
                self._producer.send_offsets_to_transaction(positions, membership, self._step_s)
            except KafkaException as failure:
                failures.append(failure)

        thread = threading.Thread(target=send, name="offsets", daemon=True)
        thread.start()
        thread.join(self._step_s + STUCK_S)
        if thread.is_alive():
            self._stuck = True
            raise BrokerUnavailable("the transaction did not go through: the group's coordinator is not found")
        if failures:
            raise failures[0]

    def _guard(self, step: Callable[..., Any], *arguments: Any) -> None:
        deadline = time.monotonic() + self._step_s
        for attempt in range(1, ATTEMPTS_MAX + 1):
            try:
                step(*arguments)
                return
            except KafkaException as failure:
                late = attempt == ATTEMPTS_MAX or time.monotonic() > deadline
                if late or not failure.args[0].retriable():
                    raise self._told(failure) from failure

    def _told(self, failure: KafkaException) -> Fenced | BrokerUnavailable:
        error: KafkaError = failure.args[0]
        if error.code() in _NAME_TAKEN and not self._aborted_by_broker():
            return Fenced(f"another process runs under this worker's name, or took its work over: {error.str()}")
        return BrokerUnavailable(f"the transaction did not go through: {error.str()}")

    def _aborted_by_broker(self) -> bool:
        """Whether the transaction was open for so long that the broker has ended it, which fences this one too.

        By the wall clock, for a machine may have slept.
        """
        return time.time() - self._begun_s > self._step_s

    def abort(self) -> None:
        """Give up what was written and not committed."""
        self._delivered.clear()
        if not self._open or self._stuck:
            return
        self._open = False
        # Where this does not work, starting afresh under the same name aborts it.
        with suppress(KafkaException):
            self._producer.abort_transaction(self._step_s)

    def close(self) -> None:
        """Give back the connection."""
        if self._stuck:
            return
        # A producer that was fenced raises that again; whoever used it has been told.
        with suppress(KafkaException):
            self._producer.close()
