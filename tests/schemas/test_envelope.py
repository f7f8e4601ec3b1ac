"""Events come bare, as CloudEvents of both modes, or behind a schema registry's prefix."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.envelope import Envelope, Headers, open_envelope, parse_time
from schemas.errors import BadRecord

BARE = b'{"distance":1416.0}'
WHEN = datetime(2026, 5, 1, 9, 15, 0, 250000, tzinfo=UTC)

NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
DATA = st.dictionaries(
    NAMES,
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | NAMES,
)


def cloud_event(id: str, data: dict[str, object]) -> CloudEvent:
    attributes = {"id": id, "source": "/airline", "type": "flight", "time": WHEN, "specversion": "1.0"}
    attributes["datacontenttype"] = "application/json"
    return CloudEvent(attributes, data)


def sent(message: KafkaMessage) -> Envelope:
    headers = [(name, value if isinstance(value, bytes) else value.encode()) for name, value in message.headers.items()]
    value = message.value if isinstance(message.value, bytes) else str(message.value).encode()
    return open_envelope(value, headers)


def refusal(value: bytes | None, headers: Headers | None = None) -> BadRecord:
    with pytest.raises(BadRecord) as refused:
        open_envelope(value, headers)
    return refused.value


def structured(**changes: object) -> bytes:
    event: dict[str, object] = {
        "specversion": "1.0",
        "id": "UA1545",
        "source": "/airline",
        "type": "flight",
        "data": {"distance": 1416.0},
    }
    event.update(changes)
    return json.dumps({name: value for name, value in event.items() if value is not None}).encode()


@pytest.mark.parametrize("headers", [None, [], [("trace", b"1"), ("content-type", b"application/json")]])
def test_bare_json_is_passed_on_untouched(headers: Headers | None) -> None:
    assert open_envelope(BARE, headers) == Envelope(BARE)


@settings(deadline=None)
@given(id=NAMES, data=DATA)
def test_binary_mode_of_the_official_library_is_read(id: str, data: dict[str, object]) -> None:
    envelope = sent(to_binary_event(cloud_event(id, data)))
    assert (envelope.id, envelope.time, json.loads(envelope.data)) == (id, WHEN, data)


@settings(deadline=None)
@given(id=NAMES, data=DATA)
def test_structured_mode_of_the_official_library_is_read(id: str, data: dict[str, object]) -> None:
    envelope = sent(to_structured_event(cloud_event(id, data)))
    assert (envelope.id, envelope.time, json.loads(envelope.data)) == (id, WHEN, data)


def test_structured_mode_without_a_content_type_is_recognised_by_its_specversion() -> None:
    assert open_envelope(structured(), None) == Envelope(b'{"distance": 1416.0}', "UA1545")


def test_structured_mode_with_base64_data_is_read() -> None:
    value = structured(data=None, data_base64=base64.b64encode(BARE).decode())
    assert open_envelope(value, None) == Envelope(BARE, "UA1545")


def test_the_word_specversion_deeper_in_a_bare_event_changes_nothing() -> None:
    value = b'{"about":{"specversion":"1.0"}}'
    assert open_envelope(value, None) == Envelope(value)


def test_headers_are_named_in_any_case() -> None:
    headers = [("CE_SpecVersion", b"1.0"), ("ce_ID", b"UA1545")]
    assert open_envelope(BARE, headers) == Envelope(BARE, "UA1545")


def test_the_json_schema_serializer_of_a_schema_registry_is_read() -> None:
    assert open_envelope(b"\x00\x00\x00\x00\x07" + BARE, None) == Envelope(BARE)


def test_avro_and_protobuf_are_refused_with_a_way_out() -> None:
    refused = refusal(b"\x00\x00\x00\x00\x07\x0eUA1545\x00")
    assert refused.reason == "schema_registry"
    assert "schema 7" in refused.detail
    assert "send plain JSON" in refused.detail


@pytest.mark.parametrize("value", [None, b""])
def test_a_record_without_a_value_is_refused(value: bytes | None) -> None:
    assert refusal(value).reason == "not_json"


@pytest.mark.parametrize(
    ("headers", "reason", "field"),
    [
        ([("ce_specversion", b"0.3"), ("ce_id", b"a")], "type", "header ce_specversion"),
        ([("ce_id", b"a")], "absent", "header ce_specversion"),
        ([("ce_specversion", b"1.0")], "id", "header ce_id"),
        ([("ce_specversion", b"1.0"), ("ce_id", b"")], "id", "header ce_id"),
        ([("ce_specversion", b"1.0"), ("ce_id", b"\xff")], "not_utf8", "header ce_id"),
        ([("ce_specversion", b"1.0"), ("ce_id", b"a"), ("ce_time", b"noon")], "time", "header ce_time"),
        ([("content-type", b"application/cloudevents+avro")], "not_json", "$"),
        ([("content-type", b"application/cloudevents-batch+json")], "not_json", "$"),
    ],
)
def test_a_broken_binary_envelope_is_refused(headers: Headers, reason: str, field: str) -> None:
    refused = refusal(BARE, headers)
    assert (refused.reason, refused.field) == (reason, field)


@pytest.mark.parametrize(
    ("value", "reason", "field"),
    [
        (structured(specversion="0.3"), "type", "$.specversion"),
        (structured(id=None), "id", "$.id"),
        (structured(id=7), "id", "$.id"),
        (structured(id=""), "id", "$.id"),
        (structured(time="2026-05-01 noon"), "time", "$.time"),
        (structured(data=None), "absent", "$.data"),
        (structured(data_base64="e30="), "type", "$.data_base64"),
        (structured(data=None, data_base64="%"), "type", "$.data_base64"),
        (structured(data=None, data_base64=5), "type", "$.data_base64"),
    ],
)
def test_a_broken_structured_envelope_is_refused(value: bytes, reason: str, field: str) -> None:
    refused = refusal(value)
    assert (refused.reason, refused.field) == (reason, field)


@pytest.mark.parametrize(
    ("value", "reason"),
    [(BARE, "absent"), (b"{", "not_json"), (b"[]", "not_json"), (b'{"id":"\xff"}', "not_utf8")],
)
def test_what_says_that_it_is_structured_must_be(value: bytes, reason: str) -> None:
    headers = [("content-type", b"application/cloudevents+json; charset=UTF-8")]
    assert refusal(value, headers).reason == reason


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-05-01T09:15:00Z", datetime(2026, 5, 1, 9, 15, tzinfo=UTC)),
        ("2026-05-01t09:15:00.25z", WHEN),
        ("2026-05-01T11:15:00.250+02:00", WHEN),
    ],
)
def test_rfc_3339_is_read_as_utc(text: str, time: datetime) -> None:
    assert parse_time(text, "$.time") == time
    assert parse_time(text, "$.time").tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "2026-05-01T09:15:00",
        "2026-05-01",
        "20260501T091500Z",
        "2026-W18-5T09:15:00Z",
        "2026-02-30T09:15:00Z",
        "2026-05-01T09:15:00Z ",
        '2026-05-01T09:15:00Z"',
        "2026\\u002d05-01T09:15:00Z",
        "\ud800",
        "0001-01-01T00:00:00+14:00",
        "",
        "now",
        1777626900,
        None,
    ],
)
def test_what_is_no_moment_is_refused(text: object) -> None:
    with pytest.raises(BadRecord) as refused:
        parse_time(text, "$.scheduled_at")
    assert (refused.value.reason, refused.value.field) == ("time", "$.scheduled_at")
