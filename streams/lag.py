"""What waits on Kafka for a pipeline's workers, asked when somebody looks and not on the way."""

from __future__ import annotations

import time
from collections.abc import Iterable

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException
from confluent_kafka.admin import AdminClient

from schemas.errors import BrokerUnavailable
from streams.cluster import admin
from streams.ends import ends
from streams.members import INPUTS, LOG, Lane
from streams.settings import Settings
from streams.topology import Topology

#: Seconds that the brokers may take for each of the two questions.
ANSWER_S = 2.0

#: Seconds for which an answer holds, so that several onlookers cost the brokers no more than one.
FRESH_S = 1.0


class Lags:
    """Ends of partitions and committed offsets, from a connection of its own.

    It asks the brokers, so it is right for a worker that stands still too.

    Parameters
    ----------
    settings, topology
        Which pipeline, and where.
    """

    def __init__(self, settings: Settings, topology: Topology) -> None:
        self._settings = settings
        self._topology = topology
        self._client: AdminClient | None = None
        self._asked_s = -FRESH_S
        self._found: dict[Lane, tuple[int, int]] = {}

    def read(self, partitions: Iterable[int]) -> dict[Lane, tuple[int, int]]:
        """Ends and committed offsets of the inputs of these partitions, and of the learning log.

        Returns
        -------
        dict
            By noun and partition: the offset behind the last committed record, and the one that workers go on from, 0
            where none is committed.

        Raises
        ------
        BrokerUnavailable
            If the brokers do not answer.
        """
        lanes = [*((noun, partition) for noun in INPUTS for partition in partitions), (LOG, 0)]
        if time.monotonic() - self._asked_s < FRESH_S and set(lanes) <= self._found.keys():
            return {lane: self._found[lane] for lane in lanes}
        if self._client is None:
            self._client = admin(self._settings)
        names = {lane: (self._topology.name(lane[0]), lane[1]) for lane in lanes}
        committed = self._committed(self._client)
        found = ends(self._client, list(names.values()), ANSWER_S)
        self._asked_s = time.monotonic()
        self._found = {lane: (found[place], committed.get(place, 0)) for lane, place in names.items()}
        return self._found

    def _committed(self, client: AdminClient) -> dict[tuple[str, int], int]:
        group = self._topology.pipeline
        try:
            asked = client.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)], request_timeout=ANSWER_S)
            places = asked[group].result(ANSWER_S + 1).topic_partitions or []
        except (KafkaException, TimeoutError) as failure:
            raise BrokerUnavailable(f"what the group {group} has committed is not known: {failure}") from failure
        return {(place.topic, place.partition): max(place.offset, 0) for place in places}
