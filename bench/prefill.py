"""Fill the topics before a contender starts, so that the clock measures the contender and not the sender."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourceType
from confluent_kafka.cimpl import NewTopic

from bench import stream

PARTITIONS = 4
TIMEOUT_S = 60.0
# Warnings and worse: what a client says of its own comings and goings is no part of the bench's output.
LOG_LEVEL = 4


def create(bootstrap: str, topics: Mapping[str, int]) -> None:
    """Create the topics, each with its number of partitions; those that are there stay as they are."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": LOG_LEVEL})
    wanted = [NewTopic(name, num_partitions=count, replication_factor=1) for name, count in topics.items()]
    for future in admin.create_topics(wanted).values():
        try:
            future.result(TIMEOUT_S)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise


def delete(bootstrap: str, prefix: str) -> None:
    """Delete every topic whose name begins with the prefix."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": LOG_LEVEL})
    names = [name for name in admin.list_topics(timeout=TIMEOUT_S).topics if name.startswith(prefix)]
    if names:
        for future in admin.delete_topics(names).values():
            future.result(TIMEOUT_S)


def keep_times(bootstrap: str, topics: Sequence[str]) -> None:
    """From now on, records on these topics have the time that their sender gives them."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": LOG_LEVEL})
    entry = ConfigEntry("message.timestamp.type", "CreateTime", incremental_operation=AlterConfigOpType.SET)
    wanted = [ConfigResource(ResourceType.TOPIC, name, incremental_configs=[entry]) for name in topics]
    for future in admin.incremental_alter_configs(wanted).values():
        future.result(TIMEOUT_S)


def producer(bootstrap: str, *, linger_ms: int = 20) -> Producer:
    """Make a producer that puts a key where Java's clients put it, and fills batches before it sends them."""
    return Producer(
        {
            "bootstrap.servers": bootstrap,
            "log_level": LOG_LEVEL,
            "partitioner": "murmur2_random",
            "linger.ms": linger_ms,
            "batch.size": 1_000_000,
            "queue.buffering.max.messages": 1_000_000,
        }
    )


def fill(
    bootstrap: str,
    prefix: str,
    events: Sequence[stream.Event],
    *,
    delay: int = stream.DELAY_EVENTS,
    partitions: int = PARTITIONS,
) -> None:
    """Fill ``<prefix>.events`` and ``<prefix>.feedback`` (made if not there), co-partitioned by the event's key.

    Parameters
    ----------
    bootstrap
        Address of the broker, ``host:port``.
    prefix
        Of the topics' names. Topics must be empty: what they hold already would be measured too.
    events
        In their order.
    delay
        Events between an event and its label. Kafka keeps no order between two topics: the delay is in the
        order of sending and in the records' timestamps (one millisecond an event), and a reader of both may
        still see a label before its event.
    partitions
        Of each of the two topics.
    """
    create(bootstrap, {f"{prefix}.events": partitions, f"{prefix}.feedback": partitions})
    sender = producer(bootstrap)
    # In the past to the end, so that no record is from the future for the broker.
    start_ms = int(time.time() * 1000) - len(events) - delay
    now_ms = start_ms
    for is_label, event in stream.in_time_order(list(events), delay):
        if is_label:
            _send(sender, f"{prefix}.feedback", event.key, stream.label_message(event), now_ms)
        else:
            now_ms += 1
            _send(sender, f"{prefix}.events", event.key, stream.event_message(event), now_ms)
    finish(sender)


def fill_labelled(bootstrap: str, prefix: str, events: Sequence[stream.Event], *, partitions: int = PARTITIONS) -> None:
    """Create and fill ``<prefix>.events`` with records of event and label together, for the single hops."""
    create(bootstrap, {f"{prefix}.events": partitions})
    sender = producer(bootstrap)
    now_ms = int(time.time() * 1000)
    for event in events:
        _send(sender, f"{prefix}.events", event.key, stream.labelled_message(event), now_ms)
    finish(sender)


def _send(sender: Producer, topic: str, key: str, value: bytes, time_ms: int) -> None:
    while True:
        try:
            sender.produce(topic, value, key, timestamp=time_ms)
            return
        except BufferError:
            sender.poll(0.1)


def finish(sender: Producer) -> None:
    """Wait until everything is written.

    Raises
    ------
    TimeoutError
        It was not within a minute.
    """
    left = sender.flush(TIMEOUT_S)
    if left:
        message = f"{left} records could not be sent to the broker within {TIMEOUT_S:.0f} s"
        raise TimeoutError(message)
