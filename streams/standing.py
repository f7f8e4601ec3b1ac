"""How far a pipeline has come: where its topics begin and end, and what its workers have committed."""

from __future__ import annotations

from dataclasses import dataclass

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException

from schemas.errors import BrokerUnavailable
from streams.cluster import ANSWER_S_MAX, Cluster, admin
from streams.settings import Settings
from streams.tail import bounds, reader_config
from streams.topology import Topology

#: What workers read through their group, and commit.
INPUTS = ("events", "feedback")


@dataclass(frozen=True, slots=True)
class Lane:
    """One partition of a topic.

    Parameters
    ----------
    topic, partition
        Full name and number.
    first, end
        Offset of the first record kept, and behind the last.
    committed
        Offset from which workers go on; ``None`` if nothing was committed, or it is no input.
    """

    topic: str
    partition: int
    first: int
    end: int
    committed: int | None = None

    @property
    def lag(self) -> int:
        """Records that wait."""
        return self.end - (self.first if self.committed is None else self.committed)

    @property
    def lost(self) -> bool:
        """Whether records were deleted before a worker read them."""
        return self.committed is not None and self.committed < self.first


def lanes(settings: Settings, topology: Topology, cluster: Cluster, nouns: tuple[str, ...] = INPUTS) -> list[Lane]:
    """Where partitions begin and end, and how far they are done; topics that do not exist are left out.

    Raises
    ------
    BrokerUnavailable
        If the cluster does not tell.
    """
    names = [topology.name(noun) for noun in nouns]
    committed = _committed(settings, topology.pipeline)
    consumer = Consumer(reader_config(settings))
    found = []
    try:
        for name in names:
            for partition in range(cluster.partitions.get(name, 0)):
                first, end = bounds(consumer, name, partition)
                found.append(Lane(name, partition, first, end, committed.get((name, partition))))
    finally:
        consumer.close()
    return found


def _committed(settings: Settings, group: str) -> dict[tuple[str, int], int]:
    # Kept until the answer is there: with the client, its questions end.
    client = admin(settings)
    asked = client.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)], request_timeout=ANSWER_S_MAX)
    try:
        places = asked[group].result(ANSWER_S_MAX + 1).topic_partitions or []
    except (KafkaException, TimeoutError) as error:
        raise BrokerUnavailable(f"what the group {group} has committed can't be read: {error}") from None
    return {(place.topic, place.partition): place.offset for place in places if place.offset >= 0}


def members(settings: Settings, group: str) -> list[str]:
    """The workers that are in the group now.

    Raises
    ------
    BrokerUnavailable
        If the cluster does not tell.
    """
    client = admin(settings)
    asked = client.describe_consumer_groups([group], request_timeout=ANSWER_S_MAX)
    try:
        described = asked[group].result(ANSWER_S_MAX + 1)
    except KafkaException as error:
        # A group that has never had a member is none.
        if error.args[0].name() == "GROUP_ID_NOT_FOUND":
            return []
        raise BrokerUnavailable(f"the group {group} can't be described: {error.args[0].str()}") from None
    except TimeoutError:
        raise BrokerUnavailable(f"the group {group} is not described in time") from None
    return sorted(member.group_instance_id or member.member_id for member in described.members)
