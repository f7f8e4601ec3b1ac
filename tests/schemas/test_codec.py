"""Records to bytes and back, with errors that have an address."""

from __future__ import annotations

from typing import get_args

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka_event

from schemas.codec import cloud_event_headers, decode, decoder, encode
from schemas.errors import BadRecord
from schemas.examples import Control, LogRecord
from schemas.feedback import Feedback
from schemas.predictions import Said
from schemas.records import RECORDS, record_type


def test_a_record_is_plain_json() -> None:
    assert encode(Feedback(id="a", label=True)) == b'{"id":"a","label":true}'


def test_a_topic_with_several_kinds_of_record_tells_them_apart() -> None:
    control = Control(action="removed", model="tree", version=2, reason="asked for")
    assert decode("examples", encode(control)) == control
    assert {entry.type for entry in RECORDS if entry.noun == "examples"} == set(get_args(LogRecord))


def test_the_decoder_of_a_topic_is_made_once() -> None:
    assert decoder("examples") is decoder("examples")


def test_there_is_no_decoder_for_a_topic_without_records() -> None:
    with pytest.raises(KeyError, match="events"):
        decoder("events")


@pytest.mark.parametrize(
    ("value", "reason", "field"),
    [
        (b'{"label":true}', "absent", "$"),
        (b'{"id":5,"label":true}', "type", "$.id"),
        (b'{"id":"a","label":true,"time":"2026-05-01T12:00:00"}', "type", "$.time"),
        (b'{"id":"a","label":true', "not_json", "$"),
        (b"", "not_json", "$"),
        (b'{"id":"\xff","label":true}', "not_utf8", "$"),
    ],
)
def test_bytes_that_are_no_such_record_get_a_reason_and_a_place(value: bytes, reason: str, field: str) -> None:
    with pytest.raises(BadRecord) as refused:
        decode(Feedback, value)
    assert (refused.value.reason, refused.value.field) == (reason, field)


def test_a_number_that_is_not_finite_is_never_written_as_one() -> None:
    assert b"NaN" not in encode(Said(model="a", version=1, score=float("nan")))


def test_the_headers_are_a_cloud_event_to_its_own_library() -> None:
    feedback = record_type(Feedback)
    headers = dict([*cloud_event_headers("flights", feedback), ("ce_id", b"UA1545")])
    event = from_kafka_event(KafkaMessage(headers, None, encode(Feedback(id="UA1545", label=True))))
    assert event.get_id() == "UA1545"
    assert event.get_type() == "headrace.feedback.v1"
    assert event.get_source() == "/headrace/flights"
    assert event.get_specversion() == "1.0"
    assert event.get_data() == {"id": "UA1545", "label": True}


def test_headers_can_be_asked_for_by_the_record_s_name() -> None:
    feedback = record_type(Feedback)
    assert cloud_event_headers("flights", feedback.name) == cloud_event_headers("flights", feedback)
