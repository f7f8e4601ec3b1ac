"""The offsets between which a partition's records lie, asked until a broker answers."""

from __future__ import annotations

import time

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from schemas.errors import BrokerUnavailable

#: Seconds until a broker that does not say counts as away.
PATIENCE_S = 30.0

#: Seconds between two questions.
AGAIN_S = 0.1

#: What passes by itself: a topic was just created, a broker restarts, a leader moves. A missing topic does not.
_PASSING = {
    KafkaError._TIMED_OUT,
    KafkaError._TRANSPORT,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError.BROKER_NOT_AVAILABLE,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
}


def bounds_of(consumer: Consumer, topic: str, partition: int) -> tuple[int, int]:
    """The offset of the first record kept, and the one behind the last committed record.

    Raises
    ------
    BrokerUnavailable
        If no broker says for :data:`PATIENCE_S`.
    """
    deadline = time.monotonic() + PATIENCE_S
    while True:
        left_s = max(deadline - time.monotonic(), AGAIN_S)
        try:
            first, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=left_s)
        except KafkaException as failure:
            error: KafkaError = failure.args[0]
            if error.code() not in _PASSING or time.monotonic() > deadline:
                raise BrokerUnavailable(
                    f"where {topic}[{partition}] begins and ends is not known: {error.str()}"
                ) from None
            time.sleep(AGAIN_S)
        else:
            return int(first), int(end)
