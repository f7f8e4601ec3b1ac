"""Sends a command to the leader and listens for what becomes of it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Protocol, TypeVar

from headrace.messages import Message, Sent
from headrace.sender import Sender
from schemas.codec import cloud_event_headers, decode, encode
from schemas.commands import Command
from schemas.errors import BadRecord, Unavailable
from schemas.examples import Notice
from schemas.records import record_type
from schemas.rejects import from_headers
from streams.closing import Closing
from streams.settings import Settings
from streams.tail import Tail, headers_of
from streams.topology import Topology

#: How a notice is told from the other records of the log without decoding them.
_NOTICE = b'"kind":"notice"'


def new_id(action: str) -> str:
    """An id for a command that nobody else has."""
    return f"{action}-{uuid.uuid4().hex[:12]}"


class Asking(Closing):
    """A command that was sent; used in a ``with`` block.

    Parameters
    ----------
    settings, topology
        Of the pipeline.
    command
        What is asked.
    noun
        The topic on which the leader answers.
    """

    def __init__(self, settings: Settings, topology: Topology, command: Command, noun: str) -> None:
        with ExitStack() as stack:
            # Opened first: the answer comes after the question.
            self._answers = stack.enter_context(Tail(settings, topology.name(noun)))
            self._rejects = stack.enter_context(Tail(settings, topology.name("rejects")))
            self.sent = _send(settings, topology, command)
            self._stack = stack.pop_all()
        self._deadline_s = 0.0

    def close(self) -> None:
        """Give back the connections."""
        self._stack.close()

    def wait_longer(self, seconds: float) -> None:
        """There is an answer, and others may follow."""
        self._deadline_s += seconds

    def answers(self, timeout_s: float) -> Iterator[bytes]:
        """What comes to the topic of the answers from now on.

        Raises
        ------
        BadRecord
            If the leader refuses the command.
        Unavailable
            After so many seconds; the command is done as soon as there is a leader.
        """
        self._deadline_s = time.monotonic() + timeout_s
        while time.monotonic() < self._deadline_s:
            for record in self._answers.read(0.1):
                yield record.value() or b""
            for record in self._rejects.read(0.0):
                _refused(self.sent, headers_of(record))
        raise Unavailable(
            f"no leader has answered within {timeout_s:g} s (`headrace status`); the command waits at "
            f"{self.sent.address}"
        )


def noticed(settings: Settings, topology: Topology, command: Command, timeout_s: float) -> Notice | None:
    """Send a command whose answer is a notice in the log, and wait for it; with 0 only until Kafka has it, for None.

    Raises
    ------
    BadRecord
        If the leader refuses it.
    Unavailable
        If no leader answers in time; it is done as soon as there is one.
    """

    def read(value: bytes) -> Notice | None:
        return decode(Notice, value) if _NOTICE in value else None

    return answered(settings, topology, command, "examples", read, timeout_s)


class Answer(Protocol):
    """A record that names the command which it answers."""

    @property
    def command(self) -> str | None: ...


A = TypeVar("A", bound=Answer)


def answered(
    settings: Settings,
    topology: Topology,
    command: Command,
    noun: str,
    read: Callable[[bytes], A | None],
    timeout_s: float,
) -> A | None:
    """Send a command, and wait for its answer; with 0 only until Kafka has it, for None.

    Parameters
    ----------
    noun, read
        The topic on which the answer comes, and what reads a value of it; None: of another kind.

    Raises
    ------
    BadRecord
        If the leader refuses it.
    Unavailable
        If no leader answers in time; it is done as soon as there is one.
    """
    with Asking(settings, topology, command, noun) as asking:
        if timeout_s <= 0:
            return None
        for answer in map(read, asking.answers(timeout_s)):
            if answer is not None and answer.command == command.id:
                return answer
    raise AssertionError("either an answer comes or an error")


def _send(settings: Settings, topology: Topology, command: Command) -> Sent:
    headers = cloud_event_headers(topology.pipeline, record_type(Command))
    sender = Sender(settings)
    try:
        return sender.deliver(
            Message(topology.name("commands"), command.id.encode(), encode(command), headers, command.id)
        )
    finally:
        sender.close()


def _refused(sent: Sent, headers: list[tuple[str, bytes]]) -> None:
    reject = from_headers(headers)
    if reject.source == sent.address:
        raise BadRecord(reject.reason, reject.detail, reject.field)
