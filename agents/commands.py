"""What people ask, decoded once and handed to the stage that answers it."""

from __future__ import annotations

from collections.abc import Iterator

from agents.line import Line
from agents.work import Work
from models.orders import ACTIONS
from schemas.codec import decode
from schemas.commands import Command
from schemas.errors import BadRecord
from schemas.values import Address
from streams.batches import Incoming

#: Which stage answers an action; all others are for ``alerts``, which refuses what nobody can do.
STAGES: dict[str, str] = {"retrain": "retrains"} | dict.fromkeys(ACTIONS, "promotions")


def commands_for(stage: str, work: Work, line: Line) -> Iterator[tuple[Incoming, Command]]:
    """The commands of a batch that a stage answers; what is none is rejected, by whichever stage looks first."""
    if work.commands is None:
        work.commands = []
        for asked in work.batch.commands:
            try:
                work.commands.append((asked, decode(Command, asked.value or b"")))
            except BadRecord as error:
                refuse(stage, asked, error, work, line)
    return ((asked, command) for asked, command in work.commands if STAGES.get(command.action, "alerts") == stage)


def refuse(stage: str, asked: Incoming, error: BadRecord, work: Work, line: Line) -> None:
    """Write a command that can't be done to ``rejects``, with the reason."""
    address = Address(topic=line.topology.name("commands"), partition=asked.partition, offset=asked.offset)
    work.reject(stage, address, asked.key, asked.value, error)
