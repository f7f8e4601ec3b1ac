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

#: No waiting helps with these.
FORBIDDEN = (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED)


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
            # The library has more words for a leader that is not there yet than the broker has.
            if error.args[0].code() in FORBIDDEN or time.monotonic() > deadline:
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
