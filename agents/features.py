"""events → features: the gate, duplicates, the preparation."""

from __future__ import annotations

from collections.abc import AsyncIterable

from agents.line import Line
from agents.work import Work
from schemas.codec import encode
from schemas.errors import BadRecord
from schemas.traceparent import traced, traceparent_of
from schemas.values import Address, at_millisecond


async def features(works: AsyncIterable[Work], line: Line) -> None:
    """Let each new event through the gate, or reject it with its address."""
    topic = line.topology.name("events")
    headers, begin = line.headers("features"), line.tracing.begin
    async for work in works:
        with work.batch as batch:
            # What is drained was so before the events of this batch came: they may have labels on the way.
            for partition in batch.drained & line.examples.keys():
                line.examples[partition].watermark.labels_drained()
            for record in batch.events:
                address = Address(topic=topic, partition=record.partition, offset=record.offset)
                received = at_millisecond(record.received_ms)
                parent, trace = traceparent_of(record.headers, record.value), None
                if parent is not None:
                    trace = work.traces[record.partition, record.offset] = begin("predict", parent, record)
                try:
                    prepared = line.preparation.admit(record.value, record.headers, address, received)
                except BadRecord as error:
                    work.reject("features", address, record.key, record.value, error, trace)
                    continue
                if line.examples[record.partition].arrive(prepared.id):
                    told = headers if trace is None else traced(headers, trace.traceparent)
                    batch.send("features", record.partition, record.key, encode(prepared), told)
                    work.features.append((record, prepared, received))
                else:
                    work.duplicates += 1
                    if trace is not None:
                        trace.end(duplicate=True)
        await line.forward(work)
