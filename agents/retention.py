"""models → examples, models topic: the leader deletes what the declared retention no longer keeps.

A version that has left is deleted by a control record, so that all workers forget it at the same place of the log.
What is stored of it on ``models`` is deleted when no checkpoint that may still be loaded knows it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from agents.states import slot_of
from models.learning import Learning
from models.pipeline import Pipeline
from models.retention import deleted
from schemas.codec import cloud_event_headers, encode
from schemas.examples import Control
from schemas.records import record_type
from streams.batches import Outgoing
from streams.checkpoints import TURNS, Checkpoints, slots


class Deletions:
    """What one leader deletes, with each checkpoint that it writes.

    Parameters
    ----------
    pipeline
        With what it declares.
    checkpoints
        What is stored.
    """

    def __init__(self, pipeline: Pipeline, checkpoints: Checkpoints) -> None:
        self._pipeline = pipeline
        self._checkpoints = checkpoints
        self._slots = slots(pipeline.retention.checkpoints)
        #: What was out of use at each of the last checkpoints.
        self._unused: deque[set[str]] = deque(maxlen=len(self._slots))
        self._erased: set[str] | None = None

    def after(self, learning: Learning) -> list[Outgoing]:
        """What is to be written with a checkpoint of this state."""
        return [*self._deleted(learning), *self._unwanted(learning)]

    def _deleted(self, learning: Learning) -> Iterator[Outgoing]:
        headers = cloud_event_headers(self._pipeline.name, record_type(Control))
        for control in deleted(self._pipeline, learning):
            yield Outgoing("examples", 0, control.model.encode(), encode(control), headers)

    def _unwanted(self, learning: Learning) -> list[Outgoing]:
        kept = {(member.name, member.version) for member in (*learning.members.values(), *learning.left.values())}
        self._unused.append(
            {
                slot_of(model, version)
                for model, newest in learning.versions.items()
                for version in range(1, newest + 1)
                if (model, version) not in kept
            }
        )
        if len(self._unused) < len(self._slots):
            return []
        # The oldest checkpoint that may be loaded is from after they went out of use.
        unused = set.intersection(*self._unused)
        if self._erased is not None and unused <= self._erased:
            return []
        self._erased = unused
        return self._checkpoints.erased(
            lambda slot: slot in unused or (slot.startswith(TURNS) and slot not in self._slots)
        )
