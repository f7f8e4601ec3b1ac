"""Where partitions end, for many at once and on a connection of its own: a question never waits behind a fetch."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from schemas.errors import BrokerUnavailable

STEP_S = 0.05

#: What a broker says of a partition whose leader is just being elected, or does not know it yet.
ELECTING = (
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_PARTITION,
)


def ends(client: AdminClient, places: Collection[tuple[str, int]], timeout_s: float) -> dict[tuple[str, int], int]:
    """The offset behind the last committed record of each partition.

    Parameters
    ----------
    places
        Topics and partitions.
    timeout_s
        How long leaders that are just being elected are waited for.

    Raises
    ------
    BrokerUnavailable
        If the brokers do not tell.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return _asked(client, places, timeout_s)
        except KafkaException as error:
            if error.args[0].code() not in ELECTING or time.monotonic() > deadline:
                topics = ", ".join(sorted({topic for topic, _ in places}))
                raise BrokerUnavailable(f"the end of {topics} is not known: {error.args[0].str()}") from None
            time.sleep(STEP_S)


def _asked(client: AdminClient, places: Collection[tuple[str, int]], timeout_s: float) -> dict[tuple[str, int], int]:
    if not places:
        return {}
    spec: Any = OffsetSpec  # the library has no types for it
    answers = client.list_offsets(
        {TopicPartition(topic, partition): spec.latest() for topic, partition in places},
        isolation_level=IsolationLevel.READ_COMMITTED,
        request_timeout=timeout_s,
    )
    return {(place.topic, place.partition): int(answer.result().offset) for place, answer in answers.items()}
