"""What clients send: ids, keys, partitions, and what they refuse to send."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from river import linear_model

from headrace import Field, Label, Pipeline
from headrace.messages import Message, Messages, Sent
from schemas.codec import encode
from schemas.envelope import open_envelope
from schemas.errors import BadRecord, UserError
from schemas.predictions import Prediction
from schemas.rejects import Reject, to_headers
from schemas.values import Address, LabelValue

ADDRESS = Address(topic="trips.events", partition=2, offset=7)
NOW = datetime(2026, 5, 1, tzinfo=UTC)


def trips(**changes: Any) -> Pipeline:
    return Pipeline(
        **{
            "name": "trips",
            "problem": "binary",
            "fields": [Field("distance")],
            "id": "trip",
            "label": Label(timeout="1h"),
            "models": {"logistic": linear_model.LogisticRegression()},
            "champion": "logistic",
            **changes,
        }
    )


def event(**fields: Any) -> dict[str, Any]:
    return {"trip": "t1", "distance": 3.5, **fields}


def key_and_id(message: Message) -> tuple[bytes, str]:
    return message.key, message.id


def test_id_is_the_key_where_no_other_is_declared() -> None:
    message = Messages(trips()).event(event())
    assert key_and_id(message) == (b"t1", "t1")
    assert message.topic == "trips.events"
    assert json.loads(message.value) == event()
    assert message.headers == []


def test_number_as_id_is_its_decimal_text() -> None:
    assert key_and_id(Messages(trips()).event(event(trip=17))) == (b"17", "17")
    assert key_and_id(Messages(trips()).label(17, True)) == (b"17", "17")


def test_key_field_is_the_key_of_events() -> None:
    message = Messages(trips(key="driver")).event(event(driver="d9"))
    assert key_and_id(message) == (b"d9", "t1")


def test_label_needs_the_key_where_it_is_not_the_id() -> None:
    messages = Messages(trips(key="driver"))
    with pytest.raises(UserError, match="'driver'"):
        messages.label("t1", True)
    assert key_and_id(messages.label("t1", True, key="d9")) == (b"d9", "t1")


def test_event_and_label_have_the_same_key() -> None:
    messages = Messages("trips", id="trip")
    assert messages.event(event()).key == messages.label("t1", True).key


def test_pipeline_without_id_field_gets_cloud_event_ids_that_its_workers_read() -> None:
    messages = Messages(trips(id=None))
    first, second = messages.event(event()), messages.event(event())
    assert first.id != second.id
    assert first.key == first.id.encode()
    assert open_envelope(first.value, first.headers).id == first.id


def test_label_says_what_was_true_and_when() -> None:
    message = Messages(trips()).label("t1", True, time=NOW)
    assert json.loads(message.value) == {"id": "t1", "label": True, "time": "2026-05-01T00:00:00Z"}
    assert message.topic == "trips.feedback"


def test_label_without_time_leaves_it_to_kafka() -> None:
    assert json.loads(Messages(trips()).label("t1", 1).value) == {"id": "t1", "label": True}


def test_label_may_be_said_to_be_unavailable() -> None:
    message = Messages(trips(key="driver")).unavailable("t1", "cancelled", "d9", NOW)
    told = {"id": "t1", "unavailable": True, "reason": "cancelled", "time": "2026-05-01T00:00:00Z"}
    assert json.loads(message.value) == told
    assert (message.topic, *key_and_id(message)) == ("trips.feedback", b"d9", "t1")
    with pytest.raises(UserError, match="'driver'"):
        Messages(trips(key="driver")).unavailable("t1")


def test_long_reason_is_not_sent() -> None:
    with pytest.raises(BadRecord, match=r"at most 200 .*\$\.reason"):
        Messages(trips()).unavailable("t1", "x" * 201)


@pytest.mark.parametrize("label", ["true", 0.5, 2])
def test_label_that_does_not_fit_the_problem_is_not_sent(label: LabelValue) -> None:
    with pytest.raises(BadRecord, match="expected a bool"):
        Messages(trips()).label("t1", label)


def test_label_with_a_time_without_zone_is_not_sent() -> None:
    with pytest.raises(BadRecord, match="no zone"):
        Messages(trips()).label("t1", True, time=datetime(2026, 5, 1))


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        ({"distance": 1.0}, "$.trip"),
        (event(trip=""), "$.trip"),
        (event(trip=None), "$.trip"),
        (event(distance=math.nan), "$.distance"),
        (event(inner={"list": [1.0, math.inf]}), "$.inner.list[1]"),
        (event(distance=object()), "$"),
    ],
)
def test_event_that_would_not_arrive_as_it_is_is_not_sent(bad: dict[str, Any], field: str) -> None:
    with pytest.raises(BadRecord) as caught:
        Messages(trips()).event(bad)
    assert caught.value.field == field


def test_id_and_key_are_given_once() -> None:
    with pytest.raises(UserError, match="declaration"):
        Messages(trips(), id="trip")


@pytest.mark.parametrize("name", ["Trips", "a b", "-x", ""])
def test_name_that_no_pipeline_can_have_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="neither a pipeline file"):
        Messages(name)


def prediction(address: Address) -> bytes:
    return encode(
        Prediction(
            id="t1",
            time=NOW,
            score=0.25,
            model="logistic",
            version=1,
            position=3,
            due=NOW,
            event=address,
            received=NOW,
            predicted=NOW,
        )
    )


def test_answer_is_the_prediction_of_the_very_record_that_was_sent() -> None:
    messages, sent = Messages(trips()), Sent("t1", ADDRESS)
    other = Address(topic="trips.events", partition=2, offset=6)
    assert messages.answer(sent, "trips.predictions", prediction(other), None) is None
    found = messages.answer(sent, "trips.predictions", prediction(ADDRESS), None)
    assert found is not None
    assert found.score == 0.25


def test_rejection_of_the_record_is_raised_and_that_of_others_is_not() -> None:
    messages, sent = Messages(trips()), Sent("t1", ADDRESS)
    other = Address(topic="trips.events", partition=2, offset=6)
    for address in (other, ADDRESS):
        reject = Reject(source=address, reason="range", field="$.distance", detail="-1", stage="features")
        if address == other:
            assert messages.answer(sent, "trips.rejects", b"{", to_headers(reject)) is None
        else:
            with pytest.raises(BadRecord, match="range: -1"):
                messages.answer(sent, "trips.rejects", b"{", to_headers(reject))
