"""Spans of OpenTelemetry for records that belong to a trace, sent by OTLP in the background; the extra ``tracing``."""

from __future__ import annotations

import threading

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, StatusCode, set_span_in_context
from opentelemetry.trace.span import TraceFlags

from agents.tracing import Trace, Tracing
from schemas.errors import SettingsError
from streams.batches import Incoming

#: Seconds that a worker which ends gives the collector to take the last spans.
CLOSE_S = 3.0

NANOSECONDS_PER_MS = 1_000_000


class SpanTrace(Trace):
    """A record on its way, as a span.

    Parameters
    ----------
    span
        What is told of it when it ends.
    """

    __slots__ = ("_span",)

    def __init__(self, span: Span) -> None:
        context = span.get_span_context()
        super().__init__(f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}".encode())
        self._span = span

    def end(self, **attributes: str | int) -> None:
        """It is done with; say what came of it."""
        for name, value in attributes.items():
            self._span.set_attribute(f"headrace.{name}", value)
        self._span.end()

    def fail(self, reason: str) -> None:
        """It is rejected."""
        self._span.set_status(StatusCode.ERROR, reason)
        self.end(reject=reason)


class Spans(Tracing):
    """Makes a span of each step of a record that belongs to a trace.

    Parameters
    ----------
    provider
        Takes the spans.
    pipeline
        Whose records.
    """

    def __init__(self, provider: TracerProvider, pipeline: str) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("headrace")
        self._pipeline = pipeline

    def begin(self, step: str, parent: bytes, record: Incoming, link: bytes | None = None) -> SpanTrace:
        """Begin with a record that belongs to a trace; parameters as in :meth:`Tracing.begin`."""
        span = self._tracer.start_span(
            f"{step} {self._pipeline}",
            context=set_span_in_context(NonRecordingSpan(_context(parent))),
            kind=SpanKind.CONSUMER,
            attributes={
                "messaging.system": "kafka",
                "messaging.destination.partition.id": str(record.partition),
                "messaging.kafka.offset": record.offset,
                "headrace.pipeline": self._pipeline,
            },
            links=None if link is None else [Link(_context(link))],
            start_time=record.received_ms * NANOSECONDS_PER_MS,
        )
        return SpanTrace(span)

    def close(self) -> None:
        """Tell what has not been told yet, unless the collector takes too long."""
        closing = threading.Thread(target=self._provider.shutdown, name="spans", daemon=True)
        closing.start()
        closing.join(CLOSE_S)


def exported(pipeline: str) -> Spans:
    """Spans that go by OTLP to where OpenTelemetry's own variables (``OTEL_...``) say.

    Raises
    ------
    SettingsError
        If one of them has a value that OpenTelemetry does not take.
    """
    resource = Resource({"service.name": "headrace"}).merge(OTELResourceDetector().detect())
    try:
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    except ValueError as error:
        raise SettingsError(f"OpenTelemetry does not take one of its variables (OTEL_...): {error}") from None
    return Spans(provider, pipeline)


def _context(traceparent: bytes) -> SpanContext:
    _, trace, span, flags, *_ = traceparent.decode().split("-")
    return SpanContext(int(trace, 16), int(span, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))
