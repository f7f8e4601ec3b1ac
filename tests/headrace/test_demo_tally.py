"""The demo's account of a run: what it counts, once each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from headrace.demo.tally import Tally, quantile
from schemas.examples import Control, Example
from schemas.predictions import Prediction, Said
from schemas.values import Address

NOON = datetime(2013, 1, 1, 12, tzinfo=UTC)


def prediction(id: str, position: int = 0) -> Prediction:
    return Prediction(
        id=id,
        time=NOON,
        score=0.2,
        label=False,
        model="logistic",
        version=1,
        position=position,
        due=NOON + timedelta(hours=36),
        event=Address(topic="flights.events", partition=0, offset=0),
        received=NOON,
        predicted=NOON,
    )


def example(id: str, label: bool | None, **said: float | None) -> Example:
    return Example(
        id=id,
        partition=0,
        time=NOON,
        status="expired" if label is None else "known",
        label=label,
        features={},
        said=[Said(model=model, version=1, score=score) for model, score in said.items()],
        position=0,
    )


def appended(milliseconds: int) -> int:
    return int(NOON.timestamp() * 1000) + milliseconds


@pytest.fixture
def tally() -> Tally:
    """Two flights were sent, one has landed, then a third flight."""
    tally = Tally()
    for id in ("a", "b"):
        tally.sent_event(id, NOON)
    tally.sent_label("a", NOON + timedelta(hours=1))
    tally.sent_event("c", NOON + timedelta(hours=2))
    return tally


def test_counts_what_was_sent_and_is_under_way(tally: Tally) -> None:
    assert (tally.events, tally.labels, tally.unanswered, tally.unlearnt) == (3, 1, 3, 1)
    assert tally.moment == NOON + timedelta(hours=2)


def test_each_event_is_answered_once(tally: Tally) -> None:
    for id in ("a", "b", "a", "never sent"):
        tally.prediction(prediction(id), appended(10))
    assert (tally.answered, tally.unanswered, tally.repeated) == (2, 1, 2)


def test_each_label_is_learnt_once(tally: Tally) -> None:
    for offset in (3, 4):
        tally.logged(offset, example("a", True, logistic=0.5))
    assert (tally.learnt, tally.unlearnt, tally.repeated) == (1, 0, 1)


def test_an_answered_event_waits_until_its_label_came_or_is_given_up(tally: Tally) -> None:
    for id in ("a", "b", "c"):
        tally.prediction(prediction(id), appended(10))
    assert tally.waiting == 3
    tally.logged(0, example("a", True))
    tally.logged(1, example("b", None))
    assert (tally.waiting, tally.learnt, tally.expired) == (1, 1, 1)


def test_latency_is_from_event_to_prediction(tally: Tally) -> None:
    for id, milliseconds in (("a", 10), ("b", 30), ("c", 20)):
        tally.prediction(prediction(id), appended(milliseconds))
    assert quantile(tally.latencies_ms, 0.5) == pytest.approx(20, abs=0.1)
    assert quantile(tally.latencies_ms, 0.99) == pytest.approx(30, abs=0.1)


def test_a_state_is_behind_by_the_labels_sent_before_the_event_that_it_had_not_learnt(tally: Tally) -> None:
    # `c` went out after one label; a state at position 5 has learnt it where it lies at 4.
    tally.logged(4, example("a", True))
    tally.prediction(prediction("c", position=5), appended(1))
    tally.prediction(prediction("b", position=4), appended(1))
    tally.settle()
    assert list(tally.behind) == [0, 0]

    other = Tally()
    other.sent_label("a", NOON)
    other.sent_event("c", NOON)
    other.logged(4, example("a", True))
    other.prediction(prediction("c", position=4), appended(1))
    other.settle()
    assert list(other.behind) == [1]


def test_a_state_is_placed_only_once_the_log_has_been_read_as_far(tally: Tally) -> None:
    tally.prediction(prediction("c", position=5), appended(1))
    tally.settle()
    assert not tally.behind
    tally.logged(4, example("a", True))
    tally.settle()
    assert list(tally.behind) == [0]


def test_a_declared_model_says_that_the_worker_serves(tally: Tally) -> None:
    assert not tally.serving
    tally.logged(0, Control(action="added", model="logistic", version=1, reason="declared"))
    assert tally.serving and tally.learnt == 0


def test_quantile_of_nothing_is_none() -> None:
    assert quantile(Tally().behind, 0.5) is None
