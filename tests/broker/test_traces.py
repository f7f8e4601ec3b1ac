"""The trace of an event arrives on what is made of it, and its spans at a collector."""

from __future__ import annotations

import gzip
import importlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Message
from river import linear_model

from models.monitoring import Objective
from models.pipeline import Field, Label, Pipeline
from schemas.codec import decode
from schemas.predictions import Prediction
from streams.broker import Broker
from streams.settings import load
from tests.broker.inbox import Inbox
from tests.broker.station import Station, station

START = datetime(2024, 5, 1, tzinfo=UTC).timestamp()


def parent(number: int) -> bytes:
    """A trace of its own for each record."""
    return f"00-{number:032x}-{number:016x}-01".encode()


def event(id: str, **changes: Any) -> dict[str, Any]:
    return {"id": id, "at": START, "size": 1.0} | changes


class Collector:
    """Takes spans by OTLP over HTTP."""

    def __init__(self) -> None:
        requests = importlib.import_module("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
        self._requests: list[Any] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                content = gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body
                assert self.path == "/v1/traces"
                collector._requests.append(requests.ExportTraceServiceRequest.FromString(content))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *arguments: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def spans(self) -> list[Any]:
        """All that have come."""
        resources = [resource for request in self._requests for resource in request.resource_spans]
        return [span for resource in resources for scope in resource.scope_spans for span in scope.spans]

    def close(self) -> None:
        """Take nothing more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    pytest.importorskip("opentelemetry.proto", reason="the extra `tracing` is not installed")
    made = Collector()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", made.url)
    yield made
    made.close()


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    made = Inbox()
    yield made
    made.close()


@contextmanager
def lane_of(broker: Broker, folder: Path, name: str, declared: Any = None, **settings: Any) -> Iterator[Station]:
    pipeline = Pipeline(
        name=name,
        problem="binary",
        fields=[Field("size")],
        id="id",
        time="at",
        label=Label(timeout="60m"),
        models={"logistic": linear_model.LogisticRegression()},
        champion="logistic",
        partitions=1,
        **(declared or {}),
    )
    with station(pipeline, load(bootstrap=broker.bootstrap, data=folder, worker="one", **settings)) as made:
        yield made


@pytest.fixture
def lane(broker: Broker, tmp_path: Path) -> Iterator[Station]:
    """A worker that makes no spans."""
    with lane_of(broker, tmp_path, "traced") as made:
        yield made


def trace_of(message: Message) -> bytes | None:
    """The 32 digits of the trace that a record belongs to; its ``traceparent`` stands once, or not at all."""
    headers: list[Any] = list(message.headers() or [])
    found = [content for name, content in headers if name == "traceparent"]
    assert len(found) <= 1
    return bytes(found[0]).split(b"-")[1] if found else None


def test_trace_of_an_event_is_on_its_features_prediction_example_and_reject(lane: Station) -> None:
    lane.send("events", event("a"), headers=[("traceparent", parent(1))])
    lane.send("events", event("plain"))
    lane.send("events", event("bad", size="x"), headers=[("traceparent", parent(2))])
    lane.send("events", b"no json")
    lane.send("events", event("b"), headers=[("traceparent", b"broken")])
    structured = {"specversion": "1.0", "id": "m", "traceparent": parent(3).decode(), "data": event("c")}
    lane.send("events", structured, headers=[("content-type", "application/cloudevents+json")])
    lane.start()
    lane.settle()
    lane.send("feedback", {"id": "a", "label": True}, headers=[("traceparent", parent(4))])
    lane.send("feedback", {"id": "b", "label": True}, headers=[("traceparent", parent(5))])
    lane.send("feedback", {"id": "plain", "label": True})
    lane.send("feedback", {"label": True}, headers=[("traceparent", parent(6))])
    lane.settle()
    lane.until(lambda: len(lane.examples()) >= 3 and len(lane.rejects()) >= 3, "three examples and three rejects")
    lane.stop()

    def trace(number: int) -> bytes:
        return parent(number).split(b"-")[1]

    answered = {"a": trace(1), "plain": None, "b": None, "c": trace(3)}
    ids = [one.id for one in lane.predictions()]
    assert dict(zip(ids, map(trace_of, lane.records("predictions")), strict=True)) == answered
    assert list(map(trace_of, lane.records("features"))) == list(map(trace_of, lane.records("predictions")))
    assert {reject.reason: trace_of(message) for reject, message in lane.rejects()} == {
        "type": trace(2),
        "not_json": None,
        "id": trace(6),
    }
    examples = [message for message in lane.records("examples") if b'"label":true' in (message.value() or b"")]
    assert {message.key(): trace_of(message) for message in examples} == {
        b"a": trace(1),  # of its event, not of its label
        b"b": trace(5),  # of its label: its event has none
        b"plain": None,
    }


def test_spans_reach_a_collector_from_the_event_to_its_label(
    broker: Broker, tmp_path: Path, collector: Collector
) -> None:
    with lane_of(broker, tmp_path, "traced-spans", tracing=True) as lane:
        lane.start()
        lane.send("events", event("a"), headers=[("traceparent", parent(1))])
        lane.send("events", event("plain"))
        lane.send("events", event("bad", size="x"), headers=[("traceparent", parent(2))])
        lane.settle()
        lane.send("feedback", {"id": "a", "label": True}, headers=[("traceparent", parent(4))])
        lane.send("feedback", {"id": "plain", "label": True})
        lane.settle()
        lane.stop()  # what has not been told yet is told at the end
        (message,) = [message for message in lane.records("predictions") if trace_of(message)]
    prediction = decode(Prediction, message.value() or b"")

    spans = {(span.name, span.trace_id.hex()): span for span in collector.spans()}
    answered, rejected, learnt = (
        spans.pop((f"{step} traced-spans", f"{number:032x}"))
        for step, number in (("predict", 1), ("predict", 2), ("learn", 1))
    )
    assert not spans
    assert [span.parent_span_id.hex() for span in (answered, rejected)] == [f"{1:016x}", f"{2:016x}"]
    assert learnt.parent_span_id == answered.span_id
    assert [link.trace_id.hex() for link in learnt.links] == [f"{4:032x}"]
    assert answered.start_time_unix_nano == round(prediction.received.timestamp() * 1000) * 1_000_000
    assert answered.end_time_unix_nano > answered.start_time_unix_nano
    told = {one.key: one.value.string_value for one in answered.attributes}
    assert told["headrace.model"] == f"logistic@1:{prediction.position}"
    assert dict(message.headers() or [])["traceparent"] == f"00-{1:032x}-{answered.span_id.hex()}-01".encode()


def test_alert_has_a_trace_of_its_own_that_names_those_it_follows_from_and_goes_to_its_receiver(
    broker: Broker, tmp_path: Path, collector: Collector, inbox: Inbox
) -> None:
    missed = Objective("latency_p50_ms", at_most=1e-6)
    declared = {"profile_events": 4, "health_window": 4, "health_every": 4, "objective": missed}
    settings = {"tracing": True, "alerts_webhooks": f"pager={inbox.url}"}
    with lane_of(broker, tmp_path, "traced-alert", declared, **settings) as lane:
        lane.start()
        for number in range(1, 13):
            lane.send("events", event(f"e{number}"), headers=[("traceparent", parent(number))])
            lane.settle()
            lane.send("feedback", {"id": f"e{number}", "label": True})
            lane.settle()
        lane.until(lambda: bool(inbox.messages), "a message")
        lane.stop()
        (message, *_) = lane.records("alerts")

    (span, *_) = [span for span in collector.spans() if span.name == "alert traced-alert"]
    assert span.parent_span_id == b""
    assert trace_of(message) == span.trace_id.hex().encode()
    assert inbox.headers[0]["traceparent"].split("-")[1] == span.trace_id.hex()
    linked = {int(link.trace_id.hex(), 16) for link in span.links}
    assert linked <= set(range(1, 13))
    assert len(linked) == 8
