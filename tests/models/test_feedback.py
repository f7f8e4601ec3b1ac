"""Labels are taken in as they are meant, or refused with a reason and a place."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from river import dummy

from models.feedback import Labels
from models.pipeline import Field, Label, Pipeline, Problem
from schemas.envelope import Headers
from schemas.errors import BadRecord
from schemas.feedback import Feedback
from schemas.values import Address

RECEIVED = datetime(2026, 5, 1, 13, 0, tzinfo=UTC)
ADDRESS = Address(topic="flights.feedback", partition=2, offset=17)


def admit(
    feedback: object, problem: Problem = "binary", headers: Headers | None = None, type: type | None = None
) -> Feedback:
    labels = Labels(
        Pipeline(
            name="flights",
            problem=problem,
            fields=[Field("distance")],
            label=Label(timeout="36h", type=type),
            models={"prior": dummy.PriorClassifier()},
            champion="prior",
        )
    )
    value = feedback if isinstance(feedback, bytes) else json.dumps(feedback).encode()
    return labels.admit(value, headers, ADDRESS, RECEIVED)


def test_a_label_without_a_time_became_known_when_kafka_took_it() -> None:
    assert admit({"id": "UA1545", "label": True}) == Feedback(id="UA1545", label=True, time=RECEIVED)


def test_a_label_says_itself_when_it_became_known() -> None:
    feedback = admit({"id": "UA1545", "label": True, "time": "2026-05-01T12:30:00Z"})
    assert feedback.time == datetime(2026, 5, 1, 12, 30, tzinfo=UTC)


def test_there_may_never_be_a_label() -> None:
    cancelled = Feedback(id="UA1545", unavailable=True, reason="cancelled", time=RECEIVED)
    assert admit({"id": "UA1545", "unavailable": True, "reason": "cancelled"}) == cancelled
    bare = Feedback(id="UA1545", unavailable=True, time=RECEIVED)
    assert admit({"id": "UA1545", "unavailable": True, "label": None}) == bare


def test_a_label_that_is_not_unavailable_is_a_label_like_any_other() -> None:
    """Reasons of labels are somebody else's fields."""
    given = {"id": "UA1545", "label": True, "unavailable": False, "reason": 7}
    assert admit(given) == Feedback(id="UA1545", label=True, time=RECEIVED)


@pytest.mark.parametrize(
    ("problem", "type", "given", "label"),
    [
        ("binary", None, True, True),
        ("binary", None, 0, False),
        ("multiclass", None, "late", "late"),
        ("multiclass", int, 3, 3),
        ("regression", None, 12.5, 12.5),
        ("regression", None, 12, 12.0),
    ],
)
def test_a_label_is_what_the_problem_asks_for(
    problem: Problem, type: type | None, given: object, label: object
) -> None:
    taken = admit({"id": "a", "label": given}, problem, type=type).label
    assert (taken, taken.__class__) == (label, label.__class__)


@pytest.mark.parametrize(
    ("problem", "type", "given"),
    [
        ("binary", None, "true"),
        ("binary", None, 2),
        ("binary", None, 1.0),
        ("binary", None, [True]),
        ("multiclass", None, 3),
        ("multiclass", None, ""),
        ("multiclass", None, "x" * 257),
        ("multiclass", int, True),
        ("multiclass", int, 2**63),
        ("regression", None, True),
        ("regression", None, "12"),
        ("regression", None, 10**400),
    ],
)
def test_a_label_that_does_not_fit_is_refused(problem: Problem, type: type | None, given: object) -> None:
    with pytest.raises(BadRecord) as refused:
        admit({"id": "a", "label": given}, problem, type=type)
    assert (refused.value.reason, refused.value.field) == ("label", "$.label")
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    ("feedback", "reason", "field"),
    [
        ({"label": True}, "id", "$.id"),
        ({"id": None, "label": True}, "id", "$.id"),
        ({"id": "", "label": True}, "id", "$.id"),
        ({"id": 1.5, "label": True}, "id", "$.id"),
        ({"id": "x" * 257, "label": True}, "id", "$.id"),
        ({"id": "a"}, "label", "$.label"),
        ({"id": "a", "label": None}, "label", "$.label"),
        ({"id": "a", "unavailable": False}, "label", "$.label"),
        ({"id": "a", "label": True, "unavailable": True}, "label", "$.label"),
        ({"id": "a", "unavailable": 1}, "type", "$.unavailable"),
        ({"id": "a", "label": True, "unavailable": "no"}, "type", "$.unavailable"),
        ({"id": "a", "unavailable": True, "reason": 7}, "type", "$.reason"),
        ({"id": "a", "unavailable": True, "reason": "x" * 201}, "too_large", "$.reason"),
        ({"unavailable": True}, "id", "$.id"),
        ({"id": "a", "label": True, "time": "noon"}, "time", "$.time"),
        ({"id": "a", "label": True, "time": "2026-05-03T00:00:00Z"}, "time", "$.time"),
        ({"id": "a", "label": float("nan")}, "not_finite", "$"),
        (b'{"id":"a","label":1e999}', "not_finite", "$"),
        (b"[]", "not_json", "$"),
        (b"{", "not_json", "$"),
        (b'{"id":"\xff","label":true}', "not_utf8", "$"),
        (b" " * 70000, "too_large", "$"),
        (b"\x00\x00\x00\x00\x01\x02avro", "schema_registry", "$"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_bad_feedback_is_refused_with_a_reason_and_a_place(feedback: Any, reason: str, field: str) -> None:
    with pytest.raises(BadRecord) as refused:
        admit(feedback)
    assert (refused.value.reason, refused.value.field) == (reason, field)


def test_an_integer_id_is_the_same_id_as_its_text() -> None:
    assert admit({"id": 1545, "label": True}).id == admit({"id": "1545", "label": True}).id


def test_a_cloud_event_s_id_names_the_message_and_not_the_event_that_the_label_is_about() -> None:
    headers = [("ce_specversion", b"1.0"), ("ce_id", b"7f"), ("ce_time", b"2026-05-01T12:00:00Z")]
    feedback = admit({"id": "UA1545", "label": True}, headers=headers)
    assert feedback == Feedback(id="UA1545", label=True, time=datetime(2026, 5, 1, 12, tzinfo=UTC))
    with pytest.raises(BadRecord, match="whose"):
        admit({"label": True}, headers=headers)
