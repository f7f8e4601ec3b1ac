"""Take events out of what they come in: bare JSON, CloudEvents 1.0, a schema registry's prefix.

::

    bare        the value is the JSON object
    binary      the value is the JSON object, the event's attributes are headers ``ce_id``, ``ce_time``, ...
    structured  the value is an object that holds the attributes and, in ``data``, the JSON object

Source: CloudEvents 1.0.2, its JSON event format and its Kafka protocol binding.
"""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import Any

import msgspec

from schemas.errors import BadRecord
from schemas.values import Time

Headers = list[tuple[str, bytes]]


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """What came in, out of its envelope.

    Parameters
    ----------
    data
        The JSON of the event itself.
    id, time
        The CloudEvents attributes; absent without such an envelope.
    """

    data: bytes
    id: str | None = None
    time: datetime | None = None


def open_envelope(value: bytes | None, headers: Headers | None) -> Envelope:
    """Take a Kafka record's value out of what it is wrapped in.

    Raises
    ------
    BadRecord
        If there is no value, the envelope is broken, or the value is Avro or Protobuf.
    """
    if not value:
        raise BadRecord("not_json", "the record has no value; a JSON object is expected")
    if value[0] == 0:
        value = _after_registry_prefix(value)
    if headers:
        attributes = {name.lower(): content for name, content in headers}
        content_type = _text(attributes, "content-type") or ""
        if content_type.startswith("application/cloudevents"):
            if not content_type.startswith("application/cloudevents+json"):
                raise BadRecord(
                    "not_json", f"{content_type} is not read; send application/cloudevents+json or bare JSON"
                )
            return _structured(value, declared=True)
        if "ce_specversion" in attributes or "ce_id" in attributes:
            return _binary(value, attributes)
    # A search costs a twentieth of a parse, and nearly no bare event holds this text.
    if b'"specversion"' in value:
        return _structured(value, declared=False)
    return Envelope(value)


def _after_registry_prefix(value: bytes) -> bytes:
    """The JSON behind Confluent's magic byte 0 and four bytes of schema id."""
    content = value[5:]
    if content.lstrip()[:1] == b"{":
        return content
    raise BadRecord(
        "schema_registry",
        f"the value has a schema registry's prefix (schema {int.from_bytes(value[1:5], 'big')}) and no JSON "
        "behind it, so it is Avro or Protobuf; send plain JSON, or use the registry's JSON Schema serializer",
    )


def _text(attributes: dict[str, bytes], name: str) -> str | None:
    content = attributes.get(name)
    if content is None:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise BadRecord("not_utf8", str(error), f"header {name}") from None


def _binary(value: bytes, attributes: dict[str, bytes]) -> Envelope:
    version = _text(attributes, "ce_specversion")
    if version is None:
        raise BadRecord("absent", "the CloudEvent has no ce_specversion header", "header ce_specversion")
    _check_version(version, "header ce_specversion")
    id = _text(attributes, "ce_id")
    if not id:
        raise BadRecord("id", "the CloudEvent has no ce_id header, or an empty one", "header ce_id")
    time = _text(attributes, "ce_time")
    return Envelope(value, id, None if time is None else parse_time(time, "header ce_time"))


class _CloudEvent(msgspec.Struct):
    specversion: Any = None
    id: Any = None
    time: Any = None
    data: msgspec.Raw = msgspec.Raw()
    data_base64: Any = None


_decode_cloud_event = msgspec.json.Decoder(_CloudEvent).decode


def _structured(value: bytes, *, declared: bool) -> Envelope:
    """Open an object that is (``declared``) or may be a CloudEvent."""
    try:
        event = _decode_cloud_event(value)
    except UnicodeDecodeError as error:
        raise BadRecord("not_utf8", str(error)) from None
    except (msgspec.DecodeError, RecursionError) as error:
        if not declared:
            return Envelope(value)  # whoever reads the event finds what is wrong with it
        raise BadRecord("not_json", f"no CloudEvent: {error}") from None
    if event.specversion is None:
        if not declared:
            return Envelope(value)
        raise BadRecord("absent", "the CloudEvent has no specversion", "$.specversion")
    _check_version(event.specversion, "$.specversion")
    if not isinstance(event.id, str) or not event.id:
        raise BadRecord("id", f"a CloudEvent's id is a non-empty text, got {event.id!r:.80}", "$.id")
    time = None if event.time is None else parse_time(event.time, "$.time")
    return Envelope(_data(event), event.id, time)


def _data(event: _CloudEvent) -> bytes:
    data = bytes(event.data)
    if event.data_base64 is None:
        if not data:
            raise BadRecord("absent", "the CloudEvent has no data", "$.data")
        return data
    if data:
        raise BadRecord("type", "the CloudEvent has data and data_base64; one is allowed", "$.data_base64")
    try:
        return base64.b64decode(event.data_base64, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise BadRecord("type", f"data_base64 is no Base64 text: {error}", "$.data_base64") from None


def _check_version(version: object, field: str) -> None:
    if version != "1.0":
        raise BadRecord("type", f"CloudEvents specversion 1.0 is read, got {version!r:.80}", field)


# Decoding the text as JSON takes an eighth of the time that msgspec.convert takes for it.
_decode_time = msgspec.json.Decoder(Time).decode

_TIME_EXAMPLE = "'2026-05-01T12:00:00Z'"


def parse_time(text: object, field: str) -> datetime:
    """RFC 3339 text as a time in UTC.

    Raises
    ------
    BadRecord
        If it is no such text, or has no zone: to take one for granted would be a guess.
    """
    if type(text) is not str:
        raise BadRecord("time", f"expected RFC 3339 text like '2026-05-01T12:00:00Z', got {text!r:.80}", field)
    try:
        time = _decode_time(f'"{text}"')
        if "\\" not in text:  # which JSON would take for an escape
            return time if time.tzinfo is UTC else time.astimezone(UTC)
    except (msgspec.DecodeError, UnicodeEncodeError):
        pass
    except OverflowError:
        raise BadRecord("time", f"{text!r:.80} is outside the years 1 to 9999 in UTC", field) from None
    raise BadRecord("time", f"{text!r:.80} is no RFC 3339 time with a zone, like '2026-05-01T12:00:00Z'", field)
