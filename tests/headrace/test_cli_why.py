"""What `headrace why` says became of a label."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from headrace.cli.why import outcome_line
from headrace.registry import Explanation
from schemas.examples import Example
from schemas.predictions import Prediction
from schemas.values import Address

NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (None, "is waited for until 2026-05-01"),
        ({"status": "known", "label": True, "labelled": NOW}, "was True, known at 2026-05-01"),
        ({"status": "expired"}, "did not come in time"),
        ({"status": "unavailable", "labelled": NOW}, "is unavailable, as was said at 2026-05-01 00:00:00+00:00."),
        ({"status": "unavailable", "labelled": NOW, "reason": "cancelled"}, "+00:00: cancelled."),
    ],
)
def test_what_became_of_a_label_is_told(outcome: dict[str, Any] | None, told: str) -> None:
    prediction = Prediction(
        id="a", event=Address(topic="t", partition=0, offset=0), time=NOW, received=NOW, predicted=NOW, due=NOW,
        score=0.5, model="logistic", version=1, position=7,
    )  # fmt: skip
    example = None
    if outcome is not None:
        example = Example(id="a", partition=0, time=NOW, features={}, said=[], position=7, **outcome)
    assert told in outcome_line(Explanation(prediction, None, example, None))
