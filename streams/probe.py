"""What a cluster does not tell by itself: its release, and how its clock stands to ours."""

from __future__ import annotations

import time
import uuid

from aiokafka.conn import create_conn
from aiokafka.errors import KafkaError
from aiokafka.protocol.admin import ApiVersionRequest
from confluent_kafka import KafkaException, Message, Producer

from schemas.errors import BrokerUnavailable
from streams.cluster import ANSWER_S_MAX, QUIET
from streams.connection import aiokafka, confluent
from streams.settings import Settings

#: The request that came with each release, newest first. Source: Kafka's list of API keys.
_CAME_WITH = (
    (90, "4.1"),  # DescribeShareGroupOffsets
    (83, "4.0"),  # InitializeShareGroupState
    (80, "3.9"),  # AddRaftVoter
    (75, "3.8"),  # DescribeTopicPartitions
    (69, "3.7"),  # ConsumerGroupDescribe
    (65, "3.0"),  # DescribeTransactions
    (60, "2.8"),  # DescribeCluster
)

#: TxnOffsetCommit, and its first version that fences a worker by its group (KIP-447, Kafka 2.5).
_TRANSACTIONAL_COMMIT = 28
_FENCES_BY_GROUP = 3


class Release:
    """What the brokers understand.

    Parameters
    ----------
    versions
        The newest version of each request, by its number.
    """

    def __init__(self, versions: dict[int, int]) -> None:
        self._versions = versions

    @property
    def name(self) -> str:
        """The release, as far as it shows from outside: ``4.1 or newer``."""
        for request, release in _CAME_WITH:
            if request in self._versions:
                return f"{release} or newer" if request == _CAME_WITH[0][0] else release
        return "older than 2.8"

    @property
    def fences(self) -> bool:
        """Whether exactly-once holds when a worker that was thought dead comes back."""
        return self._versions.get(_TRANSACTIONAL_COMMIT, 0) >= _FENCES_BY_GROUP


async def release(settings: Settings, address: str) -> Release:
    """Ask one broker what it understands.

    Raises
    ------
    BrokerUnavailable
        If it does not say.
    """
    host, _, port = address.rpartition(":")
    arguments = {name: value for name, value in aiokafka(settings).items() if name != "bootstrap_servers"}
    try:
        connection = await create_conn(host, int(port), request_timeout_ms=int(ANSWER_S_MAX * 1000), **arguments)
        try:
            answer = await connection.send(ApiVersionRequest())
        finally:
            connection.close()
    except (KafkaError, OSError) as error:
        raise BrokerUnavailable(f"{address} does not tell its release: {error}") from None
    return Release({entry[0]: entry[2] for entry in answer.api_versions})


def clock_ahead_s(settings: Settings, topic: str) -> float:
    """How many seconds the broker's clock is ahead of ours; negative if it is behind.

    A record is written in a transaction that is aborted, so no reader of committed records ever sees it; the
    broker answers with the time at which it took it.

    Parameters
    ----------
    topic
        One that the broker stamps.

    Raises
    ------
    BrokerUnavailable
        If it does not take the record.
    """
    producer = Producer({**confluent(settings), **QUIET, "transactional.id": f"headrace-clock-{uuid.uuid4()}"})
    stamps: list[float] = []

    def delivered(error: object, record: Message) -> None:
        if error is None:
            stamps.append(record.timestamp()[1] / 1000)

    try:
        producer.init_transactions(ANSWER_S_MAX)
        producer.begin_transaction()
        before = time.time()
        producer.produce(topic, b"{}", on_delivery=delivered)
        producer.flush(ANSWER_S_MAX)
        after = time.time()
        producer.abort_transaction(ANSWER_S_MAX)
    except KafkaException as error:
        raise BrokerUnavailable(f"the clock can't be read: {error.args[0].str()}") from None
    if not stamps:
        raise BrokerUnavailable(f"the clock can't be read: {topic} takes no record")
    return stamps[0] - (before + after) / 2
