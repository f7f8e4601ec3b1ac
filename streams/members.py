"""The group membership of one worker: which partitions it owns, and from where it goes on."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from confluent_kafka import (
    OFFSET_INVALID,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from schemas.errors import BrokerUnavailable, Fenced
from streams.batches import Incoming, incoming
from streams.bounds import bounds_of
from streams.cluster import admin
from streams.connection import confluent
from streams.ends import ends
from streams.settings import Settings
from streams.topology import Topology

#: What a worker reads through the group.
INPUTS = ("events", "feedback")

#: The log is read by every worker, but the group decides who leads.
LOG = "examples"

#: What people ask; the leader reads it without the group, and commits for it with its batches.
COMMANDS = "commands"

Lane = tuple[str, int]

#: Seconds that the group may take to say who is in it.
GROUP_S = 10.0

#: A consumer whose name is taken tells only by this text: its code is that of every fatal error.
_NAME_TAKEN = KafkaError(KafkaError.FENCED_INSTANCE_ID).str()


@dataclass(frozen=True, slots=True)
class Committed:
    """Where a lane was committed: the offset to go on from, and the text kept with it."""

    offset: int
    text: str


@dataclass(frozen=True, slots=True)
class Assignment:
    """What the group gave to this worker.

    Parameters
    ----------
    partitions
        The partitions of the inputs, the same ones of each.
    leads
        Whether it owns the learning log.
    starts
        The offset each lane goes on from.
    committed
        By noun and partition; absent where nothing was ever committed.
    """

    partitions: frozenset[int] = frozenset()
    leads: bool = False
    starts: dict[Lane, int] = field(default_factory=dict)
    committed: dict[Lane, Committed] = field(default_factory=dict)


class Membership:
    """A member of the pipeline's consumer group.

    Parameters
    ----------
    settings
        Where the brokers are, and how long a silent member keeps its partitions.
    topology
        The topics.
    name
        Of the worker. It is a static member: after a restart under the same name it has its partitions back at once.
    """

    def __init__(self, settings: Settings, topology: Topology, name: str) -> None:
        self.assignment = Assignment()
        #: Whether the assignment has changed since it was last looked at.
        self.changed = False
        self._admin = admin(settings)
        self._topology = topology
        self._name = name
        self._id = ""
        self._nouns = {topology.name(noun): noun for noun in (*INPUTS, LOG)}
        #: Lanes that are not read for now.
        self.held: set[Lane] = set()
        self._next: dict[Lane, int] = {}
        self._reads = False
        self._lanes = {
            topology.name(noun): [(noun, partition) for partition in range(topology.partitions_of(noun))]
            for noun in INPUTS
        }
        self.consumer = Consumer(
            confluent(settings)
            | {
                "group.id": topology.pipeline,
                "group.instance.id": name,
                # Partition p of events and partition p of feedback go to the same worker.
                "partition.assignment.strategy": "range",
                "session.timeout.ms": settings.session_timeout_ms,
                "heartbeat.interval.ms": settings.session_timeout_ms // 5,
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "auto.offset.reset": "error",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 100,
                "queued.max.messages.kbytes": 16 * 1024,
                "max.partition.fetch.bytes": 128 * 1024,
            }
        )
        self.consumer.subscribe(
            list(self._nouns), on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke
        )

    def _on_assign(self, consumer: Consumer, given: list[TopicPartition]) -> None:
        self._id = consumer.memberid() or ""
        lanes = [(self._nouns[place.topic], place.partition) for place in given]
        asked = list(given)
        if (LOG, 0) in lanes:
            asked.append(TopicPartition(self._topology.name(COMMANDS), 0))
        found = consumer.committed(asked, timeout=30.0)
        committed = {
            lane: Committed(place.offset, place.metadata or "")
            for lane, place in zip([*lanes, (COMMANDS, 0)], found, strict=False)
            if place.offset != OFFSET_INVALID
        }
        inputs = [lane for lane in lanes if lane[0] in INPUTS]
        starts = {lane: committed[lane].offset if lane in committed else self._first_kept(lane) for lane in inputs}
        self._next = dict(starts)
        # No record may come before the worker has taken over and serves; to pause what is assigned would do as well,
        # but the client library takes most of a second to go on.
        consumer.assign([])
        self._became(
            Assignment(
                partitions=frozenset(partition for _, partition in inputs),
                leads=(LOG, 0) in lanes,
                starts=starts,
                committed=committed,
            )
        )

    def _on_revoke(self, consumer: Consumer, _: list[TopicPartition]) -> None:
        # No batch is under way here: the thread that gathers batches also commits them.
        consumer.unassign()
        self._became(Assignment())

    def _became(self, assignment: Assignment) -> None:
        self.assignment = assignment
        self.changed = True
        self.held = set()
        self._reads = False

    def read(self) -> None:
        """Begin to read the inputs of the assignment, unless that was done."""
        starts = self.assignment.starts.items()
        if starts and not self._reads:
            self._reads = True
            self.consumer.assign([TopicPartition(self._topology.name(noun), n, start) for (noun, n), start in starts])

    def poll(self, timeout_s: float, records_max: int) -> list[tuple[Lane, Incoming]]:
        """The next records: as many as are at hand, or the first to come in time.

        Raises
        ------
        BrokerUnavailable
            If reading fails for good, for instance because a committed offset is no longer kept.
        Fenced
            If another process runs under this name.
        """
        try:
            messages = self.consumer.consume(1, timeout_s)
            if messages and records_max > 1:
                messages += self.consumer.consume(records_max - 1, 0.0)
        except KafkaException as failure:
            # The client library hands on what was raised while it told of an assignment.
            raise BrokerUnavailable(f"no assignment was taken over: {failure.args[0].str()}") from failure
        records: list[tuple[Lane, Incoming]] = []
        for message in messages:
            error = message.error()
            if error is not None:
                self._on_error(error, message)
                continue
            record = incoming(message)
            lane = self._lanes[message.topic() or ""][record.partition]
            self._next[lane] = record.offset + 1
            records.append((lane, record))
        return records

    def _on_error(self, error: KafkaError, message: Message) -> None:
        topic, partition = message.topic() or "", message.partition() or 0
        if error.code() == KafkaError._PARTITION_EOF:
            lane = (self._nouns[topic], partition)
            self._next[lane] = message.offset() or 0
        elif _NAME_TAKEN in error.str() and self.taken_by_another():
            raise Fenced(f"another process runs under this worker's name: {error.str()}")
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:
            raise BrokerUnavailable(
                f"{topic}[{partition}]: the records to go on from are no longer kept: {error.str()}; "
                "`headrace doctor` shows what is lost"
            )
        elif error.code() == KafkaError._FATAL:
            raise BrokerUnavailable(f"reading failed: {error.str()}")

    def taken_by_another(self) -> bool:
        """Whether another process has this name: so it looks too after the broker was away for a while."""
        group, client = self._topology.pipeline, self._admin
        try:
            found = client.describe_consumer_groups([group])[group].result(GROUP_S)
        except (KafkaException, TimeoutError) as failure:
            raise BrokerUnavailable(f"who is in the group is not known: {failure}") from failure
        members = {member.group_instance_id: member.member_id for member in found.members}
        return bool(members.get(self._name, self._id) != self._id)

    def hold(self, lanes: set[Lane]) -> None:
        """Read nothing from these lanes for now, and from all others again."""
        for lane in lanes - self.held:
            self.consumer.pause([self._place(lane)])
        for lane in self.held - lanes:
            self.consumer.resume([self._place(lane)])
        self.held = set(lanes)

    def read_to_end(self, lanes: Collection[Lane]) -> set[Lane]:
        """Ask the brokers of which lanes every record has been read by now.

        On a connection of its own: on that of the consumer the question waits behind a fetch that waits for records.

        Raises
        ------
        BrokerUnavailable
            If they do not answer.
        """
        places = {(self._topology.name(noun), partition): (noun, partition) for noun, partition in lanes}
        found = ends(self._admin, places, GROUP_S)
        return {lane for place, lane in places.items() if self._next.get(lane, 0) >= found[place]}

    def drained(self, lanes: Iterable[Lane]) -> set[Lane]:
        """Those of the lanes of which everything has been read, as far as the last fetch told."""
        drained = set()
        for lane in lanes:
            _, end = self.consumer.get_watermark_offsets(self._place(lane), cached=True)
            if 0 <= end <= self._next[lane]:
                drained.add(lane)
        return drained

    def _first_kept(self, lane: Lane) -> int:
        first, _ = bounds_of(self.consumer, self._topology.name(lane[0]), lane[1])
        return first

    def _place(self, lane: Lane) -> TopicPartition:
        return TopicPartition(self._topology.name(lane[0]), lane[1])

    def close(self) -> None:
        """Give back the connection. A static member stays in the group until its session ends."""
        self.consumer.close()
