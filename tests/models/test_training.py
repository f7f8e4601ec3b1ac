"""Training: a fold of the log that gives the same bits as learning live, and refuses what must not be used."""

from __future__ import annotations

import math
import pickle
from typing import Any

import msgspec
import pytest
from river import base, linear_model, preprocessing

from models.learning import Learning, fresh_from
from models.parameters import adjusted, altered, seed_of
from models.pipeline import Label, Pipeline, Problem
from models.training import JUDGED_MIN, Training, Unfit
from schemas.codec import encode
from schemas.examples import Control, Trained
from schemas.values import FeatureValue
from tests.models.stories import Story, begin, data, every_problem, models_for, pipeline_for, story_of

COUNT = 400


class Poisoned(base.Classifier):
    """Answers NaN once it has learnt so many examples."""

    def __init__(self, after: int) -> None:
        self.after = after
        self.learnt = 0

    def learn_one(self, x: dict[Any, Any], y: Any) -> None:
        self.learnt += 1

    def predict_proba_one(self, x: dict[Any, Any], **_: Any) -> dict[Any, float]:
        score = math.nan if self.learnt > self.after else 0.5
        return {True: score, False: 1 - score}


class Contrary(base.Classifier):
    """Is sure of the opposite of what it has seen most."""

    def __init__(self) -> None:
        self.trues = 0
        self.count = 0

    def learn_one(self, x: dict[Any, Any], y: Any) -> None:
        self.trues += bool(y)
        self.count += 1

    def predict_proba_one(self, x: dict[Any, Any], **_: Any) -> dict[Any, float]:
        return {True: 0.02, False: 0.98} if 2 * self.trues > self.count else {True: 0.98, False: 0.02}


class Refuses(base.Classifier):
    """Cannot learn at all."""

    def learn_one(self, x: dict[Any, Any], y: Any) -> None:
        raise ZeroDivisionError("no way")

    def predict_proba_one(self, x: dict[Any, Any], **_: Any) -> dict[Any, float]:
        return {}


def values(story: Story) -> list[tuple[int, bytes]]:
    """The log as it lies on Kafka."""
    return [(offset, encode(record)) for offset, record in story.log]


def end_of(story: Story) -> int:
    return story.log[-1][0] + 1


def first_model(pipeline: Pipeline) -> Any:
    return models_for(pipeline.problem)[pipeline.champion]


@every_problem
def test_model_trained_on_the_whole_log_is_the_one_that_learnt_live(problem: Problem) -> None:
    story = story_of(problem, COUNT)
    training = Training(story.pipeline, first_model(story.pipeline), 0, end_of(story))
    training.learn(values(story))
    trained = training.result()
    live = story.learning.champion
    assert live is not None
    assert trained.examples == COUNT
    method = "predict_one" if problem == "regression" else "predict_proba_one"
    for features, _ in data(problem, COUNT + 50)[::7]:
        assert getattr(trained.model, method)(features) == getattr(live.model, method)(features)


@every_problem
@pytest.mark.parametrize("middle", [0, 10, COUNT // 2, COUNT - 1])
def test_training_resumed_from_a_checkpoint_gives_the_same_bits(problem: Problem, middle: int) -> None:
    story = story_of(problem, COUNT)
    whole = Training(story.pipeline, first_model(story.pipeline), 0, end_of(story))
    whole.learn(values(story))
    first = Training(story.pipeline, first_model(story.pipeline), 0, end_of(story))
    first.learn(values(story)[:middle])
    second = Training(story.pipeline, first_model(story.pipeline), 0, end_of(story))
    second.restore(pickle.loads(pickle.dumps(first.state())))
    # What it knows already comes again: it begins at a piece, not at a record.
    second.learn(values(story))
    assert second.result().digest == whole.result().digest
    assert second.result().evidence == whole.result().evidence
    assert second.examples == whole.examples


def test_another_range_has_another_digest() -> None:
    story = story_of("binary", COUNT)
    digests = set()
    for first in (0, 200):
        training = Training(story.pipeline, first_model(story.pipeline), first, end_of(story))
        training.learn((offset, value) for offset, value in values(story) if offset >= first)
        digests.add(training.result().digest)
    assert len(digests) == 2


def test_candidate_is_judged_on_the_last_part_of_its_range_before_it_learns_it() -> None:
    story = story_of("binary", COUNT)
    training = Training(story.pipeline, first_model(story.pipeline), 0, end_of(story))
    training.learn(values(story))
    evidence = training.result().evidence
    assert JUDGED_MIN < evidence["judged"] == pytest.approx(COUNT / 5, abs=2)
    assert evidence["loss"] < evidence["prior"]


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (Poisoned(after=COUNT // 2), "nan, which is no probability, after"),
        (Contrary(), "it diverges: on the last"),
        (Refuses(), "it can't learn the example at 10: ZeroDivisionError"),
    ],
    ids=["poisoned", "diverging", "raising"],
)
def test_candidate_that_must_not_be_used_fails_with_a_reason(model: Any, why: str) -> None:
    story = story_of("binary", COUNT)
    training = Training(story.pipeline, model, 0, end_of(story))
    with pytest.raises(Unfit, match=why):
        training.learn(values(story))
        training.result()


def test_range_without_a_label_fails() -> None:
    story = begin(pipeline_for("binary"))
    training = Training(story.pipeline, first_model(story.pipeline), 0, end_of(story))
    training.learn(values(story))
    with pytest.raises(Unfit, match="no example with a label"):
        training.result()


def test_what_is_unavailable_is_not_learnt_with_the_declared_default() -> None:
    pipeline = pipeline_for("binary", label=Label(timeout="1h", default=False))
    story = begin(pipeline)
    for number, status in enumerate(("expired", "unavailable", "expired")):
        story.write(msgspec.structs.replace(story.serve(str(number), {"size": 1.0}), status=status))
    training = Training(pipeline, first_model(pipeline), 0, end_of(story))
    training.learn(values(story))
    assert training.examples == 2


LOGISTIC = preprocessing.StandardScaler() | linear_model.LogisticRegression()


def test_parameter_by_dotted_name_changes_a_copy_and_nothing_else() -> None:
    changed = adjusted(LOGISTIC, {"LogisticRegression.l2": 0.1, "LogisticRegression.optimizer.lr": 0.5})
    assert changed["LogisticRegression"].l2 == 0.1
    assert changed["LogisticRegression"].optimizer.learning_rate == 0.5
    assert LOGISTIC["LogisticRegression"].l2 == 0.0
    assert changed["LogisticRegression"].intercept_lr.learning_rate == 0.01


def test_parameter_that_is_none_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"'l2' is no parameter; there are .*LogisticRegression\.l2"):
        adjusted(LOGISTIC, {"l2": 0.1})


def test_seed_is_found_wherever_it_stands() -> None:
    assert seed_of(models_for("binary")["tree"]) == 1
    assert seed_of(LOGISTIC) == 0


def test_warm_challenger_begins_with_what_the_champion_has_learnt_where_its_record_stands() -> None:
    story = story_of("binary", COUNT)
    parameters: dict[str, FeatureValue] = {"LogisticRegression.optimizer.lr": 0.5}
    trained = Trained(
        retrain="one", method="warm", first=0, end=0, examples=0, parent="logistic@1", parameters=parameters
    )
    story.write(Control(action="added", model="logistic", version=2, reason="for the test", trained=trained))
    (features, label), *_ = data("binary", 1)
    champion, challenger = story.learning.members["logistic@1"], story.learning.members["logistic@2"]
    assert champion.answer(features) == challenger.answer(features)
    story.live(features, not label)
    assert champion.answer(features) != challenger.answer(features)
    assert champion.model["LogisticRegression"].optimizer.learning_rate == 0.01

    again = Learning(story.pipeline, fresh_from(story.pipeline))
    for offset, record in story.log:
        again.fold(offset, record)
    assert again.members["logistic@2"].answer(features) == challenger.answer(features)


def test_parameter_changed_on_the_way_keeps_what_was_learnt() -> None:
    story = story_of("binary", 50)
    live = story.learning.members["logistic@1"].model
    (features, _), *_ = data("binary", 1)
    changed = altered(live, {"LogisticRegression.l2": 0.3})
    assert changed.predict_proba_one(features) == live.predict_proba_one(features)
    assert changed["LogisticRegression"].l2 == 0.3
    assert live["LogisticRegression"].l2 == 0.0
