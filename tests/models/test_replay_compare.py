"""The replay compares what was served with what the fold says, to the last bit."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from agents.replay import DIFFERENCES_MAX, Difference, Report, compare
from models.learning import Learning, fresh_from
from models.pipeline import Problem
from schemas.codec import decode, encode
from schemas.examples import Control, Example
from schemas.features import Features
from schemas.predictions import Prediction, Said
from schemas.values import Address
from tests.models.stories import START, Story, every_problem, story_of

ADDRESS = Address(topic="story.events", partition=0, offset=0)


def served(example: Example) -> tuple[Features, Prediction]:
    """The records of an event, as they come from Kafka."""
    champion, *shadows = example.said
    features = Features(id=example.id, time=example.time, features=example.features, event=ADDRESS)
    prediction = Prediction(
        id=example.id,
        time=example.time,
        score=champion.score,
        model=champion.model,
        version=champion.version,
        position=example.position,
        shadows=shadows,
        due=example.time + timedelta(hours=1),
        event=ADDRESS,
        received=START,
        predicted=START,
    )
    return decode(Features, encode(features)), decode(Prediction, encode(prediction))


def replayed(story: Story, change: Any = lambda features, prediction: (features, prediction)) -> Report:
    """Fold the log of a story and compare each prediction on the way."""
    learning = Learning(story.pipeline, fresh_from(story.pipeline))
    report = Report()
    for offset, record in story.log:
        if isinstance(record, Example):
            report.add(compare(learning, *change(*served(record))))
        learning.fold(offset, record)
    return report


def changed(prediction: Prediction, **fields: Any) -> Prediction:
    return msgspec.structs.replace(prediction, **fields)


@every_problem
def test_what_was_served_is_confirmed_to_the_last_bit(problem: Problem) -> None:
    report = replayed(story_of(problem, 150))
    assert (report.compared, report.equal, report.differences) == (150, 150, [])
    assert report.agrees


@every_problem
def test_last_bit_of_a_score_makes_a_difference(problem: Problem) -> None:
    def nudge(features: Features, prediction: Prediction) -> tuple[Features, Prediction]:
        score = prediction.score
        if isinstance(score, dict):
            nudged: Any = {name: math.nextafter(value, 2.0) for name, value in score.items()}
        else:
            nudged = None if score is None else math.nextafter(score, math.inf)
        return features, changed(prediction, score=nudged)

    report = replayed(story_of(problem, 60), nudge)
    assert not report.agrees
    # A naive Bayes that has learnt nothing says nothing, which no nudge changes.
    assert report.equal <= 1
    assert {difference.reason for difference in report.differences} == {"other scores"}
    assert len(report.differences) == DIFFERENCES_MAX


def test_last_bit_of_a_feature_makes_a_difference() -> None:
    def nudge(features: Features, prediction: Prediction) -> tuple[Features, Prediction]:
        other = {name: float(value or 0.0) + 0.25 for name, value in features.features.items()}
        return msgspec.structs.replace(features, features=other), prediction

    assert not replayed(story_of("binary", 60), nudge).agrees


@pytest.mark.parametrize(
    "fields",
    [
        {"model": "tree"},
        {"version": 2},
        {"shadows": []},
        {"shadows": [Said(model="tree", version=1, score=0.123)]},
        {"score": None},
    ],
    ids=str,
)
def test_whatever_was_served_otherwise_makes_a_difference(fields: dict[str, Any]) -> None:
    report = replayed(story_of("binary", 30), lambda features, one: (features, changed(one, **fields)))
    # No shadow had an answer to the first event.
    assert report.equal == ("shadows" in fields and not fields["shadows"])


def test_who_served_is_compared_too() -> None:
    story = story_of("binary", 40)
    story.write(Control(action="shared", model="tree", version=1, reason="for the test", share=0.5))
    shares = story.learning.shares
    event = story.serve("later", {"size": 1.0})
    features = Features(id=event.id, time=event.time, features=event.features, event=ADDRESS)
    keys = [f"key-{number}".encode() for number in range(50)]
    assert {shares.place(event.said, key) for key in keys} == {0, 1}
    for key in keys:
        place = shares.place(event.said, key)
        found = {served: compare(story.learning, features, served_by(event, served), key) for served in (0, 1)}
        assert found[place] is None
        assert found[1 - place] is not None
        who = event.said[place].model
        assert found[1 - place].reason == f"{who}@1 has the share of the traffic"  # type: ignore[union-attr]


def served_by(event: Example, place: int) -> Prediction:
    own, others = event.said[place], [*event.said[:place], *event.said[place + 1 :]]
    made = served(event)[1]
    return changed(
        made,
        model=own.model,
        version=own.version,
        score=own.score,
        shadows=others,
        served=place,
        position=event.position,
    )


def test_position_at_which_no_record_ends_is_named() -> None:
    report = replayed(story_of("binary", 30), lambda features, one: (features, changed(one, position=one.position + 1)))
    assert report.equal == 0
    assert report.differences[0].reason.startswith("no record of the log ends at this position; the nearest is ")


def test_report_agrees_only_if_something_was_compared() -> None:
    report = Report()
    assert not report.agrees
    report.add(None)
    assert report.agrees
    report.add(Difference("a", 1, [], [], "other scores"))
    assert not report.agrees
    assert (report.compared, report.equal) == (2, 1)
