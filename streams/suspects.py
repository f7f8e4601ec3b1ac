"""Finds the one input that makes an agent fail: those of a batch that failed are taken one by one."""

from __future__ import annotations

from dataclasses import dataclass, field

from streams.batches import Incoming
from streams.members import Lane


@dataclass
class Suspects:
    """What is known about inputs that made an agent fail; it outlives a session.

    Parameters
    ----------
    one_by_one
        So many inputs are yet to be taken alone.
    guilty
        Inputs that failed alone, with the error: they are rejected unseen.
    """

    one_by_one: int = 0
    guilty: dict[tuple[Lane, int], str] = field(default_factory=dict)

    def blame(self, inputs: list[tuple[Lane, Incoming]], failure: str) -> None:
        """A batch of these inputs has failed."""
        if len(inputs) == 1:
            lane, record = inputs[0]
            self.guilty[lane, record.offset] = failure
        self.one_by_one = max(self.one_by_one, len(inputs))

    def cleared(self, count: int) -> None:
        """So many inputs went through."""
        self.one_by_one = max(0, self.one_by_one - count)
