"""The gate: an event becomes features, or a reject with a reason and a place; nothing is guessed."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import linear_model

from models.features import Preparation, prepared
from models.pipeline import Field, Label, Pipeline
from schemas.codec import decode, encode
from schemas.errors import BadRecord
from schemas.features import Features
from schemas.values import Address

RECEIVED = datetime(2026, 5, 1, 9, 0, tzinfo=UTC)
ADDRESS = Address(topic="flights.events", partition=2, offset=4711)
EVENT = {
    "flight_id": "UA1545",
    "scheduled_at": "2026-05-01T09:15:00Z",
    "carrier": "UA",
    "distance": 1416.5,
    "stops": 0,
    "weekend": True,
    "wind": None,
}

FIELDS = (
    Field("carrier", str, category=True, categories_max=2),
    Field("distance", float, minimum=0, maximum=20000),
    Field("stops", int, minimum=0),
    Field("weekend", bool),
    Field("wind", float, optional=True),
)

declared = functools.partial(
    Pipeline,
    name="flights",
    problem="binary",
    fields=FIELDS,
    id="flight_id",
    key="carrier",
    time="scheduled_at",
    label=Label(timeout="36h"),
    models={"logistic": linear_model.LogisticRegression()},
    champion="logistic",
)


def admit(event: object, preparation: Preparation | None = None, **changes: Any) -> Features:
    value = event if isinstance(event, bytes) else json.dumps(event).encode()
    return (preparation or Preparation(declared(**changes))).admit(value, None, ADDRESS, RECEIVED)


def refusal(event: object, preparation: Preparation | None = None, **changes: Any) -> BadRecord:
    with pytest.raises(BadRecord) as refused:
        admit(event, preparation, **changes)
    return refused.value


def without(name: str) -> dict[str, Any]:
    return {field: value for field, value in EVENT.items() if field != name}


def test_an_event_becomes_features_in_the_order_of_declaration() -> None:
    features = admit(dict(reversed(EVENT.items())))
    assert features == Features(
        id="UA1545",
        time=datetime(2026, 5, 1, 9, 15, tzinfo=UTC),
        features={"distance": 1416.5, "stops": 0, "weekend": True},
        event=ADDRESS,
    )
    assert list(features.features) == ["distance", "stops", "weekend"]


def test_id_key_and_time_are_no_features_unless_the_preparation_says_so() -> None:
    assert set(admit(EVENT).features).isdisjoint({"flight_id", "scheduled_at", "carrier"})
    assert set(admit(EVENT, prepare=[dict]).features) == set(EVENT)


def test_a_preparation_function_is_given_every_declared_field_an_absent_one_as_none() -> None:
    seen: list[dict[str, Any]] = []

    def look(event: dict[str, Any]) -> dict[str, Any]:
        seen.append(dict(event))
        return event

    admit({**without("wind"), "undeclared": 1}, prepare=[look])
    assert seen == [EVENT]


def test_names_that_python_does_not_allow_are_fields_all_the_same() -> None:
    fields = [
        Field("dep-delay"),
        Field("class", str),
        Field("__init__", int),
        Field("_x", bool, optional=True),
    ]
    event = {"flight_id": "a", "scheduled_at": 0, "dep-delay": 1.5, "class": "first", "__init__": 3}
    assert admit(event, fields=fields, key=None).features == {
        "dep-delay": 1.5,
        "class": "first",
        "__init__": 3,
    }


@pytest.mark.parametrize("field", ["carrier", "distance", "stops", "weekend"])
@pytest.mark.parametrize("present", [False, True])
def test_a_needed_field_that_is_absent_or_null_is_a_reject(field: str, present: bool) -> None:
    refused = refusal({**EVENT, field: None} if present else without(field))
    assert (refused.reason, refused.field) == ("absent", f"$.{field}")


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("distance", "1416", "type"),
        ("distance", True, "type"),
        ("distance", [1.0], "type"),
        ("distance", -0.001, "range"),
        ("distance", 20000.5, "range"),
        ("distance", float("nan"), "not_finite"),
        ("distance", float("-inf"), "not_finite"),
        ("distance", 10**400, "not_finite"),
        ("stops", 1.0, "type"),
        ("stops", "1", "type"),
        ("stops", False, "type"),
        ("stops", -1, "range"),
        ("stops", 2**63, "range"),
        ("stops", 10**400, "not_finite"),
        ("weekend", 1, "type"),
        ("weekend", "true", "type"),
        ("carrier", 5, "type"),
        ("carrier", "x" * 257, "too_large"),
        ("carrier", "\ud800", "not_utf8"),
        ("wind", "calm", "type"),
        ("flight_id", "", "id"),
        ("flight_id", None, "id"),
        ("flight_id", 1.5, "id"),
        ("flight_id", "x" * 257, "id"),
        ("scheduled_at", None, "time"),
        ("scheduled_at", True, "time"),
        ("scheduled_at", "2026-05-01T09:15:00", "time"),
        ("scheduled_at", 1777626900000, "time"),
        ("scheduled_at", "2026-05-02T09:00:00.000001Z", "time"),
    ],
)
def test_a_wrong_field_is_a_reject_with_its_reason_and_path(field: str, value: object, reason: str) -> None:
    refused = refusal({**EVENT, field: value})
    assert (refused.reason, refused.field) == (reason, f"$.{field}")


@pytest.mark.parametrize(("field", "reason"), [("flight_id", "id"), ("scheduled_at", "time")])
def test_an_absent_id_or_time_is_a_reject_of_its_own(field: str, reason: str) -> None:
    refused = refusal(without(field))
    assert (refused.reason, refused.field) == (reason, f"$.{field}")


def test_a_declared_id_and_time_are_held_to_the_declaration() -> None:
    fields = [*FIELDS, Field("flight_id", int), Field("scheduled_at", float)]
    assert refusal(EVENT, fields=fields).reason == "id"
    assert refusal({**EVENT, "flight_id": 7}, fields=fields).reason == "time"
    assert admit({**EVENT, "flight_id": 7, "scheduled_at": 0.5}, fields=fields).id == "7"


def test_the_sentence_shows_the_value_and_what_is_accepted() -> None:
    assert refusal({**EVENT, "distance": -3}).detail == "-3 is less than the minimum 0"
    assert "expected a float or an int, got '1416' (a str)" in refusal({**EVENT, "distance": "1416"}).detail


def test_a_long_value_is_shown_short() -> None:
    assert len(str(refusal({**EVENT, "distance": "9" * 10000}))) < 300


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "not_json"),
        (b"null", "not_json"),
        (b"[]", "not_json"),
        (b'"text"', "not_json"),
        (b"{", "not_json"),
        (b"{} {}", "not_json"),
        (b"{'distance': 1}", "not_json"),
        (b"\xef\xbb\xbf{}", "not_json"),
        (b"[" * 60000, "not_json"),
        (b"\xff\xfe{\x00", "not_utf8"),
        (b'{"carrier":"\xe9"}', "not_utf8"),
        (json.dumps(EVENT).encode()[:-1] + b',"undeclared":"\xe9"}', "not_utf8"),
        (json.dumps({**EVENT, "undeclared": float("nan")}).encode(), "not_finite"),
        (b"\x00\x00\x00\x00\x01\x02avro", "schema_registry"),
        (b" " * 70000, "too_large"),
    ],
)
def test_bytes_that_are_no_event_are_a_reject(value: bytes, reason: str) -> None:
    assert refusal(value).reason == reason


def test_a_record_without_a_value_is_a_reject() -> None:
    with pytest.raises(BadRecord, match="not_json"):
        Preparation(declared()).admit(None, None, ADDRESS, RECEIVED)


def test_unknown_fields_are_ignored_or_a_reject_as_declared() -> None:
    event = {**EVENT, "gate": "C12"}
    assert admit(event) == admit(EVENT)
    refused = refusal(event, unknown_fields="reject")
    assert (refused.reason, refused.field) == ("unknown_field", "$.gate")
    assert admit(EVENT, unknown_fields="reject") == admit(EVENT)


def test_a_category_field_takes_so_many_values_and_no_more() -> None:
    preparation = Preparation(declared())
    for carrier in ("UA", "B6", "UA"):
        admit({**EVENT, "carrier": carrier}, preparation)
    refused = refusal({**EVENT, "carrier": "DL"}, preparation)
    assert (refused.reason, refused.field) == ("categories", "$.carrier")
    assert admit({**EVENT, "carrier": "B6"}, preparation)


def test_an_integer_is_a_legal_float_and_becomes_one() -> None:
    features = admit({**EVENT, "distance": 1416}).features
    assert type(features["distance"]) is float


@pytest.mark.parametrize(("value", "id"), [("UA1545", "UA1545"), (1545, "1545"), ("航班", "航班")])
def test_an_id_is_a_text_or_an_integer(value: object, id: str) -> None:
    assert admit({**EVENT, "flight_id": value}).id == id


@pytest.mark.parametrize("value", ["2026-05-01T11:15:00+02:00", 1777626900, 1777626900.0])
def test_a_time_is_rfc_3339_or_seconds_since_1970(value: object) -> None:
    assert admit({**EVENT, "scheduled_at": value}).time == datetime(2026, 5, 1, 9, 15, tzinfo=UTC)


def test_a_time_just_not_too_far_ahead_is_taken() -> None:
    assert admit({**EVENT, "scheduled_at": "2026-05-02T09:00:00Z"}).time - RECEIVED == timedelta(days=1)


def test_without_declared_id_and_time_a_cloud_event_s_are_used() -> None:
    headers = [("ce_specversion", b"1.0"), ("ce_id", b"7f"), ("ce_time", b"2026-04-30T00:00:00Z")]
    preparation = Preparation(declared(id=None, key=None, time=None))
    features = preparation.admit(json.dumps(EVENT).encode(), headers, ADDRESS, RECEIVED)
    assert (features.id, features.time) == ("7f", datetime(2026, 4, 30, tzinfo=UTC))


def test_a_cloud_event_s_id_and_time_are_checked_too() -> None:
    preparation = Preparation(declared(id=None, key=None, time=None))
    value = json.dumps(EVENT).encode()
    long_id = [("ce_specversion", b"1.0"), ("ce_id", b"x" * 257)]
    ahead = [("ce_specversion", b"1.0"), ("ce_id", b"7f"), ("ce_time", b"2027-01-01T00:00:00Z")]
    for headers, reason in ((long_id, "id"), (ahead, "time")):
        with pytest.raises(BadRecord, match=reason):
            preparation.admit(value, headers, ADDRESS, RECEIVED)


def test_with_neither_the_address_names_the_event_and_kafka_dates_it() -> None:
    features = admit(EVENT, id=None, key=None, time=None)
    assert (features.id, features.time) == ("flights.events-2-4711", RECEIVED)


def test_an_event_without_a_single_feature_is_a_reject() -> None:
    assert refusal({**EVENT, "wind": None}, fields=[Field("wind", optional=True)], key=None).reason == "absent"


def test_preparation_functions_run_in_order_each_on_what_the_one_before_returned() -> None:
    functions = [
        lambda event: {"twice": event["distance"] * 2},
        lambda features: {"half": features["twice"] / 4},
    ]
    assert admit(EVENT, prepare=functions).features == {"half": 708.25}


def boom(event: dict[str, Any]) -> dict[str, Any]:
    return {"share": event["distance"] / event["stops"]}


def test_an_error_in_a_preparation_function_is_a_reject_that_names_it() -> None:
    refused = refusal(EVENT, prepare=[boom])
    assert refused.reason == "prepare"
    assert refused.detail == "boom raised ZeroDivisionError: float division by zero"


@pytest.mark.parametrize(
    "result",
    [
        None,
        [],
        {},
        {1: 2.0},
        {None: 2.0},
        {"x": math.nan},
        {"x": math.inf},
        {"x": numpy.float64("nan")},
        {"x": 2**63},
        {"x": -(2**63) - 1},
        {"x": [1.0]},
        {"x": {"y": 1.0}},
        {"x": 1j},
        {"x": b"bytes"},
        {"x": datetime(2026, 5, 1, tzinfo=UTC)},
        {"x": numpy.array([1.0])},
        {"x": numpy.datetime64("2026-05-01")},
        {"x": "\ud800"},
        {"\ud800": 1.0},
    ],
    ids=repr,
)
@pytest.mark.parametrize("first", [True, False])
def test_what_is_no_feature_does_not_come_through(result: Any, first: bool) -> None:
    if isinstance(result, dict) and result and not first:
        result = {"y": 1.0, **result}
    refused = refusal(EVENT, prepare=[lambda event: result])
    assert refused.reason == "prepare"
    assert "<lambda> returned" in refused.detail


def test_a_wrong_type_in_the_middle_of_the_chain_names_the_function() -> None:
    def middle(event: dict[str, Any]) -> Any:
        return None

    assert "middle returned NoneType" in refusal(EVENT, prepare=[middle, lambda event: event]).detail


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (numpy.float64(1.5), 1.5),
        (numpy.float32(0.1), float(numpy.float32(0.1))),
        (numpy.int64(3), 3),
        (numpy.bool_(True), True),
        (numpy.str_("UA"), "UA"),
    ],
    ids=repr,
)
def test_numpy_s_scalars_become_python_s_with_the_same_value(value: Any, plain: object) -> None:
    result = admit(EVENT, prepare=[lambda event: {"x": value, "y": 1.0}]).features["x"]
    assert result == plain
    assert type(result) is type(plain)


VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=[]), max_size=10)
    | st.floats(width=32).map(numpy.float32)
    | st.integers(-(2**63), 2**63 - 1).map(numpy.int64)
)


@settings(deadline=None)
@given(result=st.dictionaries(st.text(st.characters(exclude_categories=[]), max_size=5), VALUES, max_size=5))
def test_features_learnt_from_json_are_the_very_features_that_were_served(result: dict[str, Any]) -> None:
    try:
        features = prepared((lambda event: result,), {})
    except BadRecord:
        return
    record = Features(id="a", time=RECEIVED, features=features, event=ADDRESS)
    read = decode(Features, encode(record)).features
    assert list(map(repr, read.items())) == list(map(repr, features.items()))  # tells 1 from 1.0, 0.0 from -0.0


JSON: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
)


@settings(deadline=None)
@given(changes=st.dictionaries(st.sampled_from(sorted(EVENT)), JSON, max_size=3))
def test_whatever_stands_in_the_fields_it_is_admitted_or_a_reject_with_a_place(
    changes: dict[str, object],
) -> None:
    try:
        features = admit({**EVENT, **changes}).features
    except BadRecord as refused:
        assert refused.field.removeprefix("$.") in changes
    else:
        assert all(type(value) in (float, int, bool) for value in features.values())


@settings(deadline=None)
@given(value=st.binary(max_size=30) | st.binary(max_size=20).map(lambda tail: b'{"a":' + tail))
def test_no_bytes_whatsoever_raise_anything_else(value: bytes) -> None:
    with pytest.raises(BadRecord):
        admit(value)


@pytest.mark.parametrize("pure", [functools.partial(dict), dict])
def test_a_function_without_a_name_of_its_own_may_prepare(pure: Callable[..., dict[str, Any]]) -> None:
    assert admit(EVENT, prepare=[pure]).features == EVENT
