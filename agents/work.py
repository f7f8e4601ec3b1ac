"""A batch on its way through the agents, with what the stages hand on to one another."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from agents.tracing import Trace
from schemas.commands import Command
from schemas.errors import BadRecord
from schemas.examples import LogRecord
from schemas.features import Features
from schemas.predictions import Prediction
from schemas.rejects import Reject, to_headers
from schemas.traceparent import traced
from schemas.values import Address, Record
from streams.batches import Batch, Incoming


@dataclass(slots=True)
class Work:
    """What is known of a batch so far.

    Parameters
    ----------
    batch
        What was read, and what is to be written.
    features
        The new events that passed the gate, each with the record it came as and when Kafka took it.
    predictions
        Those of them that were answered.
    traces
        The events among them that belong to a trace, by partition and offset.
    log
        The new records of the learning log, decoded.
    said
        What the folds of the leader said about them, by offset, whether or not it was written.
    commands
        What people ask, each with the record it came as; None until somebody has decoded it.
    duplicates
        Events and labels that were dropped because they had come before.
    stage
        How many agents are through with it.
    rejected
        What was rejected, apart from the records themselves.
    made, clock_s
        How many records the stages so far have made, and when the last of them was through.
    """

    batch: Batch
    features: list[tuple[Incoming, Features, datetime]] = field(default_factory=list)
    predictions: list[tuple[Features, Prediction]] = field(default_factory=list)
    traces: dict[tuple[int, int], Trace] = field(default_factory=dict)
    log: list[tuple[int, LogRecord]] = field(default_factory=list)
    said: dict[int, list[Record]] = field(default_factory=lambda: defaultdict(list))
    commands: list[tuple[Incoming, Command]] | None = None
    duplicates: int = 0
    stage: int = 0
    rejected: list[Reject] = field(default_factory=list)
    made: int = 0
    clock_s: float = 0.0

    def reject(
        self,
        stage: str,
        address: Address,
        key: bytes | None,
        value: bytes | None,
        error: BadRecord,
        trace: Trace | None = None,
    ) -> None:
        """Write a bad record to ``rejects``, as it came."""
        reject = Reject(source=address, reason=error.reason, field=error.field, detail=error.detail, stage=stage)
        self.rejected.append(reject)
        headers = to_headers(reject)
        if trace is not None:
            trace.fail(error.reason)
            headers = traced(headers, trace.traceparent)
        self.batch.send("rejects", address.partition, key, value, headers)
