"""A batch: what one transaction reads and writes."""

from __future__ import annotations

import threading
import traceback
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import NamedTuple, Self, cast

from confluent_kafka import Message

Headers = list[tuple[str, bytes]]


class Incoming(NamedTuple):
    """A record as it came.

    Parameters
    ----------
    partition, offset
        Where it lies in its topic.
    received_ms
        When Kafka took it, milliseconds since 1970.
    """

    partition: int
    offset: int
    received_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers | None


def incoming(message: Message) -> Incoming:
    """A record as the client library gives it, without its doubts: one that was read lies somewhere."""
    partition, offset = message.partition(), message.offset()
    assert partition is not None and offset is not None
    headers = cast("Headers | None", message.headers())
    return Incoming(partition, offset, message.timestamp()[1], message.key(), message.value(), headers)


class Outgoing(NamedTuple):
    """A record to be written with the batch."""

    noun: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers | None


@dataclass(slots=True)
class Batch:
    """What travels through the agents of the line and is then committed as one.

    Parameters
    ----------
    events, feedback
        New records of the owned partitions, in order within each partition.
    log
        New records of the learning log: offset and value, in order.
    commands
        New records of ``commands``; only a leader is given any.
    drained
        Partitions of ``feedback`` of which, when this batch was gathered, every record had been in an earlier one.
    caught_up
        Whether the learning log has been read to its end as it was when the line started.
    owned
        The partitions this worker serves.
    leads
        Whether it owns the learning log.
    now
        Wall-clock time at which the batch was gathered.
    outgoing
        What is written with it.
    metadata
        Text kept with the committed offset of ``events``, by partition.
    done
        Set when the last agent of the line is through, or one has failed.
    """

    events: list[Incoming] = field(default_factory=list)
    feedback: list[Incoming] = field(default_factory=list)
    log: list[tuple[int, bytes]] = field(default_factory=list)
    commands: list[Incoming] = field(default_factory=list)
    drained: frozenset[int] = frozenset()
    caught_up: bool = False
    owned: frozenset[int] = frozenset()
    leads: bool = False
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    outgoing: list[Outgoing] = field(default_factory=list)
    metadata: dict[int, str] = field(default_factory=dict)
    error: BaseException | None = None
    done: threading.Event = field(default_factory=threading.Event)

    def send(
        self,
        noun: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        headers: Headers | None = None,
    ) -> None:
        """Write a record when, and only if, the batch is committed."""
        self.outgoing.append(Outgoing(noun, partition, key, value, headers))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """A fault inside ``with batch:`` fails the batch, not the agent that works on it."""
        if error is None or isinstance(error, GeneratorExit):
            return False
        self.error = error
        self.done.set()
        return True

    @property
    def failure(self) -> str:
        """The fault as text, for the log."""
        return "" if self.error is None else "".join(traceback.format_exception(self.error))
