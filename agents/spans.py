"""Spans of OpenTelemetry for records that belong to a trace, sent by OTLP in the background; the extra ``tracing``."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, StatusCode, set_span_in_context
from opentelemetry.trace.span import TraceFlags

from agents.tracing import Trace, Tracing
from schemas.alerts import Alert
from schemas.errors import HeadraceError, SettingsError
from streams.batches import Incoming

#: Seconds that a worker which ends gives the collector to take the last spans.
CLOSE_S = 3.0

NANOSECONDS_PER_MS = 1_000_000

#: Alerts that wait for what they follow from; further ones are told without.
LINKING_MAX = 100

logger = logging.getLogger(__name__)


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
    causes
        The ``traceparent`` of the records of the log from which what is decided at an offset follows.
    """

    def __init__(
        self, provider: TracerProvider, pipeline: str, causes: Callable[[int], Sequence[bytes]] = lambda _: ()
    ) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("headrace")
        self._pipeline = pipeline
        self._causes = causes
        # To read them takes a while, and the alert must not wait for it.
        self._linking = ThreadPoolExecutor(1, thread_name_prefix="spans")
        self._room = threading.BoundedSemaphore(LINKING_MAX)

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

    def alert(self, alert: Alert, offset: int) -> bytes:
        """An alert has changed; parameters as in :meth:`Tracing.alert`."""
        span = self._tracer.start_span(
            f"alert {self._pipeline}",
            context=Context(),
            kind=SpanKind.PRODUCER,
            attributes={
                "messaging.system": "kafka",
                "headrace.pipeline": self._pipeline,
                "headrace.alert": alert.name,
                "headrace.severity": alert.severity,
                "headrace.status": alert.status,
                "headrace.fingerprint": alert.fingerprint,
                "headrace.position": alert.position,
            },
        )
        decided_ns = time.time_ns()
        if span.is_recording() and self._room.acquire(blocking=False):
            self._linking.submit(self._link, span, offset, decided_ns)
        else:
            span.end(decided_ns)
        return SpanTrace(span).traceparent

    def _link(self, span: Span, offset: int, decided_ns: int) -> None:
        """Name the traces that it follows from; without them it is told all the same."""
        try:
            for parent in self._causes(offset):
                span.add_link(_context(parent))
        except HeadraceError as error:
            logger.warning("an alert is told without the traces that it follows from: %s", error)
        finally:
            span.end(decided_ns)
            self._room.release()

    def close(self) -> None:
        """Tell what has not been told yet, unless the collector takes too long."""
        closing = threading.Thread(target=self._end, name="spans", daemon=True)
        closing.start()
        closing.join(CLOSE_S)

    def _end(self) -> None:
        self._linking.shutdown()
        self._provider.shutdown()


def exported(pipeline: str, causes: Callable[[int], Sequence[bytes]]) -> Spans:
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
    return Spans(provider, pipeline, causes)


def _context(traceparent: bytes) -> SpanContext:
    _, trace, span, flags, *_ = traceparent.decode().split("-")
    return SpanContext(int(trace, 16), int(span, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))
