"""Who is in charge, as clients see it: what a person may ask the leader to decide, and what it has decided."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Literal

from headrace.asking import answered, new_id
from schemas.codec import decode
from schemas.commands import Command
from schemas.promotions import Promotion
from streams.settings import Settings
from streams.tail import Tail
from streams.topology import Topology

#: What is answered with a decision, and what with a notice in the log.
Action = Literal["promote", "roll_back", "approve", "reject"]
Order = Literal["pause", "resume", "retire", "share"]


def command(action: Action | Order, model: str | None, by: str, reason: str, share: float | None = None) -> Command:
    """A person decides.

    Parameters
    ----------
    model
        ``model@version``, or a model's name for its newest active version; with ``roll_back`` None is the champion
        before, with ``approve`` and ``reject`` the only one that waits.
    share
        With ``share``: the part of all entities that it is to serve; 0 ends it.
    """
    name, _, version = (model or "").partition("@")
    return Command(
        id=new_id(action.replace("_", "-")),
        action=action,
        model=name or None,
        version=int(version) if version.isdecimal() else None,
        by=by,
        reason=reason,
        time=datetime.now(UTC),
        share=share,
    )


def ask(settings: Settings, topology: Topology, asked: Command, timeout_s: float) -> Promotion | None:
    """Send a command, and wait for the decision; with 0 only until Kafka has it, for None.

    Raises
    ------
    BadRecord
        If the leader refuses it.
    Unavailable
        If no leader answers in time; it is done as soon as there is one.
    """
    return answered(settings, topology, asked, "promotions", partial(decode, Promotion), timeout_s)


def decisions(settings: Settings, topology: Topology) -> Iterator[Promotion]:
    """Every decision, in order.

    Raises
    ------
    BrokerUnavailable
        If no broker answers.
    UserError
        If the pipeline has no topics there.
    """
    with Tail(settings, topology.name("promotions"), "earliest") as tail:
        for record in tail.to_end():
            yield decode(Promotion, record.value() or b"")
