"""Retraining as clients see it: ask the leader for a challenger, and follow what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from headrace.asking import Asking, new_id
from schemas.codec import decode
from schemas.commands import Command
from schemas.errors import Unavailable
from schemas.retrains import Retrain
from schemas.values import FeatureValue
from streams.settings import Settings
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
    search: bool = False,
    batch: int | None = None,
) -> Command:
    """A person asks for a challenger.

    Parameters
    ----------
    model
        Name of a declared model, or of one that only a declared search knows.
    window
        Learn only the last so many examples, like ``5000``, or so much event time, like ``7d``.
    parameters
        What is to differ from the declaration, by dotted name.
    warm
        Begin with a copy of the champion.
    search
        Choose among the alternatives that the pipeline file declares.
    batch
        Learn so many labels at a time; ``None``: as declared.
    """
    return Command(
        id=new_id("retrain"),
        action="retrain",
        model=model,
        window=window,
        parameters=dict(parameters or {}),
        warm=warm,
        search=search,
        batch=batch,
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
    last: Retrain | None = None
    with Asking(settings, topology, asked, "retrains") as asking:
        if answer_s <= 0:
            return None
        try:
            for value in asking.answers(answer_s):
                step = decode(Retrain, value)
                if step.id != asked.id:
                    continue
                if last is None:
                    asking.wait_longer(train_s)
                last = step
                tell(step)
                if train_s <= 0 or step.step in LAST:
                    break
        except Unavailable:
            if last is None:
                raise
    return last
