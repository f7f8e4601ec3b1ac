"""Finds the one input that makes an agent fail: those of a batch that failed are taken one by one."""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.rejects import Reject, to_headers
from schemas.traceparent import traced, traceparent_of
from schemas.values import Address
from streams.batches import Incoming, Outgoing
from streams.members import Lane
from streams.topology import Topology


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

    def reject(self, topology: Topology, lane: Lane, record: Incoming) -> Outgoing:
        """The reject of an input that is guilty."""
        source = Address(topic=topology.name(lane[0]), partition=record.partition, offset=record.offset)
        detail = self.guilty.pop((lane, record.offset))
        reject = Reject(source=source, reason="unexpected", field="$", detail=detail, stage=lane[0])
        headers = to_headers(reject)
        parent = traceparent_of(record.headers, record.value)
        if parent is not None:
            headers = traced(headers, parent)
        return Outgoing("rejects", record.partition, record.key, record.value, headers)
