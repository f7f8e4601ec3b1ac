"""Retraining as clients see it: ask the leader for a challenger, and follow what becomes of it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from headrace.messages import Message
from headrace.sender import Sender
from schemas.codec import cloud_event_headers, decode, encode
from schemas.commands import Command
from schemas.errors import BadRecord, Unavailable
from schemas.records import record_type
from schemas.rejects import from_headers
from schemas.retrains import Retrain
from schemas.values import FeatureValue
from streams.settings import Settings
from streams.tail import Tail, headers_of
from streams.topology import Topology

#: The steps after which there is no other.
LAST = ("finished", "failed")


def command(
    model: str,
    by: str,
    reason: str,
    *,
    window: str | None = None,
    parameters: Mapping[str, FeatureValue] | None = None,
    warm: bool = False,
) -> Command:
    """A person asks for a challenger.

    Parameters
    ----------
    model
        Name of a declared model.
    window
        Learn only the last so many examples, like ``5000``, or so much event time, like ``7d``.
    parameters
        What is to differ from the declaration, by dotted name.
    warm
        Begin with a copy of the champion.
    """
    return Command(
        id=f"retrain-{uuid.uuid4().hex[:12]}",
        action="retrain",
        model=model,
        window=window,
        parameters=dict(parameters or {}),
        warm=warm,
        by=by,
        reason=reason,
        time=datetime.now(UTC),
    )


def ask(
    settings: Settings,
    topology: Topology,
    asked: Command,
    *,
    answer_s: float,
    train_s: float = 0.0,
    tell: Callable[[Retrain], None] = lambda step: None,
) -> Retrain | None:
    """Send a command, and follow its steps.

    Parameters
    ----------
    answer_s
        Seconds until the leader must have accepted it; 0: only until Kafka has it.
    train_s
        Seconds that it is followed after that, until its last step.
    tell
        Called with each step.

    Returns
    -------
    The last step that came; None if none was waited for.

    Raises
    ------
    BadRecord
        If the leader refuses it.
    Unavailable
        If no leader answers in time; it is done as soon as there is one.
    """
    # Opened first: the answer comes after the question.
    with Tail(settings, topology.name("retrains")) as retrains, Tail(settings, topology.name("rejects")) as rejects:
        sender = Sender(settings)
        try:
            sent = sender.deliver(_message(topology, asked))
        finally:
            sender.close()
        if answer_s <= 0:
            return None
        last: Retrain | None = None
        deadline_s = time.monotonic() + answer_s
        while time.monotonic() < deadline_s:
            for record in retrains.read(0.1):
                step = decode(Retrain, record.value() or b"")
                if step.id == asked.id:
                    deadline_s += train_s if last is None else 0.0
                    last = step
                    tell(step)
            if last is not None and (train_s <= 0 or last.step in LAST):
                return last
            for record in rejects.read(0.0):
                reject = from_headers(headers_of(record))
                if reject.source == sent.address:
                    raise BadRecord(reject.reason, reject.detail, reject.field)
    if last is None:
        raise Unavailable(
            f"no leader has answered within {answer_s:g} s (`headrace status`); the command waits at {sent.address}"
        )
    return last


def _message(topology: Topology, asked: Command) -> Message:
    headers = cloud_event_headers(topology.pipeline, record_type(Command))
    return Message(topology.name("commands"), asked.id.encode(), encode(asked), headers, asked.id)
