"""What is made of a record that belongs to a trace belongs to it too; spans tell how it went."""

from __future__ import annotations

import builtins
import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any

import pytest

from agents.tracing import Kept, Trace, Tracing, tracing
from agents.work import Work
from schemas.alerts import Alert
from schemas.errors import BadRecord, BrokerUnavailable, SettingsError, UserError
from schemas.traceparent import traceparent_of
from schemas.values import Address, at_millisecond
from streams.batches import Batch, Incoming
from streams.settings import load
from streams.topology import Topology

TOPOLOGY = Topology("flights", 4)
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01".encode()
STRUCTURED = [("content-type", b"application/cloudevents+json; charset=utf-8")]
OTHER = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
RECORD = Incoming(partition=2, offset=17, received_ms=1_770_000_000_123, key=b"k", value=b"{}", headers=None)


@pytest.mark.parametrize(
    ("headers", "value"),
    [
        ([("traceparent", PARENT)], b"{}"),
        ([("Traceparent", PARENT)], b"{}"),
        ([("ce_specversion", b"1.0"), ("ce_traceparent", PARENT)], b"{}"),
        ([("traceparent", PARENT), ("ce_traceparent", OTHER)], None),
        ([("traceparent", b"broken"), ("ce_traceparent", PARENT)], b"{}"),
        (STRUCTURED, b'{"specversion":"1.0","traceparent":"%s"}' % PARENT),
    ],
)
def test_trace_is_found_where_the_standards_put_it(headers: list[tuple[str, bytes]] | None, value: bytes) -> None:
    assert traceparent_of(headers, value) == PARENT


def test_later_version_with_more_parts_is_taken_as_it_is() -> None:
    later = b"01" + PARENT[2:] + b"-more"

    assert traceparent_of([("traceparent", later)], None) == later


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"\xff",
        PARENT[:-1],
        PARENT + b"0",
        PARENT + b"-more",
        PARENT.upper(),
        b"ff" + PARENT[2:],
        f"00-{'0' * 32}-{SPAN}-01".encode(),
        f"00-{TRACE}-{'0' * 16}-01".encode(),
        PARENT + b"\n",
    ],
)
def test_broken_header_is_no_trace(content: Any) -> None:
    assert traceparent_of([("traceparent", content)], b"{}") is None


@pytest.mark.parametrize(
    "value",
    [
        b'{"traceparent": "%s"}' % PARENT,
        b'{"specversion": "1.0", "traceparent": 7}',
        b'{"specversion": "1.0", "traceparent": "\\ud800"}',
        b'{"specversion": "1.0", "traceparent": "%s"' % PARENT,
        b'{"specversion": "1.0", "data": {"traceparent": "%s"}}' % PARENT,
        b"",
    ],
)
def test_field_of_that_name_in_an_event_is_no_trace(value: bytes) -> None:
    assert traceparent_of(None, value) is None
    assert traceparent_of(STRUCTURED, value) is None


def test_without_the_setting_the_header_goes_along_and_no_library_is_loaded() -> None:
    with tracing(load(), TOPOLOGY) as made:
        assert type(made) is Tracing
        trace = made.begin("predict", PARENT, RECORD)
        trace.end(model="a@1:2")

    assert trace.traceparent == PARENT


def test_reject_of_a_traced_record_carries_its_trace_behind_the_reason() -> None:
    work = Work(Batch())
    address = Address(topic="flights.events", partition=2, offset=17)

    work.reject("features", address, b"k", b"{}", BadRecord("absent", "no size", "$.size"), Trace(PARENT))
    work.reject("features", address, b"k", b"{}", BadRecord("absent", "no size", "$.size"))

    told, silent = [made.headers or [] for made in work.batch.outgoing]
    assert told == [*silent, ("traceparent", PARENT)]


def test_traces_of_waiting_events_are_bounded_and_go_with_the_label() -> None:
    kept = Kept(traces_max=2)
    for number in range(3):
        kept.keep(0, f"e{number}", b"%d" % number)

    assert kept.of(0, "e0", last=False) is None  # the oldest fell out
    assert kept.of(0, "e1", last=False) == b"1"
    assert kept.of(0, "e1", last=True) == b"1"
    assert kept.of(0, "e1", last=True) is None
    assert kept.of(1, "e2", last=True) is None  # another partition's event of that id
    assert len(kept) == 1


def test_setting_without_the_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def without(name: str, *arguments: Any, _import: Callable[..., ModuleType] = builtins.__import__) -> ModuleType:
        if name.startswith("opentelemetry"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return _import(name, *arguments)

    monkeypatch.delitem(sys.modules, "agents.spans", raising=False)
    monkeypatch.setattr(builtins, "__import__", without)

    with pytest.raises(UserError, match=r"HEADRACE_TRACING needs OpenTelemetry: `pip install 'headrace\[tracing\]'`"):
        tracing(load(tracing=True), TOPOLOGY).__enter__()


def test_variable_of_opentelemetry_that_is_wrong_is_a_mistake_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("opentelemetry.sdk.trace", reason="the extra `tracing` is not installed")
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "few")

    with pytest.raises(SettingsError, match="OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"):
        tracing(load(tracing=True), TOPOLOGY).__enter__()


class Told:
    """Spans that stay in this process."""

    def __init__(self) -> None:
        reason = "the extra `tracing` is not installed"
        sdk = pytest.importorskip("opentelemetry.sdk.trace", reason=reason)
        export = importlib.import_module("opentelemetry.sdk.trace.export")
        memory = importlib.import_module("opentelemetry.sdk.trace.export.in_memory_span_exporter")
        self._memory = memory.InMemorySpanExporter()
        provider = sdk.TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(export.SimpleSpanProcessor(self._memory))
        self._provider = provider
        self.tracing = self.with_causes(lambda _: [])

    def with_causes(self, causes: Callable[[int], list[bytes]]) -> Tracing:
        """Spans of alerts that follow from these traces."""
        made = importlib.import_module("agents.spans").Spans(self._provider, "flights", causes)
        assert isinstance(made, Tracing)
        return made

    @property
    def spans(self) -> Sequence[Any]:
        """Those that have ended."""
        found: Sequence[Any] = self._memory.get_finished_spans()
        return found


@pytest.fixture
def told() -> Iterator[Told]:
    made = Told()
    yield made
    made.tracing.close()


def test_span_is_a_child_of_the_trace_that_came_in_and_begins_when_kafka_took_the_record(told: Told) -> None:
    trace = told.tracing.begin("predict", PARENT, RECORD)
    trace.end(model="logistic@1:40")

    (span,) = told.spans
    assert (span.parent.trace_id, span.parent.span_id) == (int(TRACE, 16), int(SPAN, 16))
    assert span.parent.is_remote
    assert span.name == "predict flights"
    assert span.start_time == RECORD.received_ms * 1_000_000
    assert span.end_time > span.start_time
    assert dict(span.attributes) == {
        "messaging.system": "kafka",
        "messaging.destination.partition.id": "2",
        "messaging.kafka.offset": 17,
        "headrace.pipeline": "flights",
        "headrace.model": "logistic@1:40",
    }


def test_what_is_written_names_the_span_so_that_readers_become_its_children(told: Told) -> None:
    trace = told.tracing.begin("predict", PARENT, RECORD)
    trace.end()

    (span,) = told.spans
    assert trace.traceparent == f"00-{TRACE}-{span.context.span_id:016x}-01".encode()
    assert traceparent_of([("traceparent", trace.traceparent)], None) == trace.traceparent


def test_label_with_a_trace_of_its_own_is_linked(told: Told) -> None:
    told.tracing.begin("learn", PARENT, RECORD, OTHER).end(status="known")

    (span,) = told.spans
    assert span.context.trace_id == int(TRACE, 16)
    assert [f"{link.context.trace_id:032x}" for link in span.links] == [OTHER[3:35].decode()]


def test_reject_is_an_error_with_its_reason(told: Told) -> None:
    told.tracing.begin("predict", PARENT, RECORD).fail("absent")

    (span,) = told.spans
    assert (span.status.is_ok, span.status.description) == (False, "absent")
    assert span.attributes["headrace.reject"] == "absent"


def test_trace_that_its_sender_did_not_sample_goes_along_and_tells_nothing(told: Told) -> None:
    trace = told.tracing.begin("predict", PARENT[:-1] + b"0", RECORD)
    trace.end()

    assert told.spans == ()
    assert trace.traceparent.startswith(f"00-{TRACE}-".encode())
    assert trace.traceparent.endswith(b"-00")


def changed_alert() -> Alert:
    labels = {"alertname": "Drift", "pipeline": "flights", "severity": "critical"}
    return Alert(status="firing", labels=labels, starts_at=at_millisecond(0), fingerprint="7c3f", position=41)


def test_alert_begins_a_trace_of_its_own_that_names_what_it_follows_from(told: Told) -> None:
    tracing = told.with_causes(lambda offset: [PARENT, OTHER] if offset == 40 else [])

    traceparent = tracing.alert(changed_alert(), 40)
    tracing.close()

    (span,) = told.spans
    assert span.parent is None
    assert traceparent is not None
    assert traceparent_of([("traceparent", traceparent)], None) == traceparent
    assert traceparent.startswith(f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-".encode())
    assert [f"{link.context.trace_id:032x}" for link in span.links] == [TRACE, OTHER[3:35].decode()]
    assert span.name == "alert flights"
    assert span.attributes["headrace.alert"] == "Drift"
    assert span.attributes["headrace.position"] == 41


def test_alert_is_told_without_them_if_they_can_not_be_read(told: Told) -> None:
    def away(_: int) -> list[bytes]:
        raise BrokerUnavailable("nobody answers")

    tracing = told.with_causes(away)

    assert tracing.alert(changed_alert(), 40) is not None
    tracing.close()

    (span,) = told.spans
    assert list(span.links) == []


def test_without_spans_an_alert_has_no_trace() -> None:
    assert Tracing().alert(changed_alert(), 40) is None
