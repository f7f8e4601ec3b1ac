"""Learning in mini-batches: the same bits from the same log, and a clear refusal where a model can't."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from river import compose, linear_model, preprocessing, tree

from models.contracts import contracts
from models.estimators import one_by_one
from models.minibatches import learn
from models.mistakes import mistakes
from models.pipeline import Field, Label, Pipeline
from models.policies import Retraining, Search
from models.search import built
from models.training import Training, Unfit
from schemas.codec import encode
from schemas.values import FeatureValue, LabelValue
from tests.models.stories import Story, pipeline_for, story_of

COUNT, BATCH = 800, 100

RATE = {"LogisticRegression.optimizer.lr": 1.0}


def fresh() -> Any:
    return preprocessing.StandardScaler() | linear_model.LogisticRegression()


def values(story: Story) -> list[tuple[int, bytes]]:
    return [(offset, encode(record)) for offset, record in story.log]


def training(story: Story, batch: int = BATCH) -> Training:
    return Training(story.pipeline, built(fresh(), RATE, []), 0, story.log[-1][0] + 1, batch)


def test_batches_are_cut_by_count_alone_however_the_log_is_read() -> None:
    story = story_of("binary", COUNT + 37)
    digests = set()
    for piece in (1, 7, 1000):
        one = training(story)
        for start in range(0, len(values(story)), piece):
            one.learn(values(story)[start : start + piece])
        digests.add(one.result().digest)
        assert one.examples == COUNT + 37
    assert len(digests) == 1


@pytest.mark.parametrize("middle", [50, 431])
def test_training_in_batches_resumed_from_a_checkpoint_gives_the_same_bits(middle: int) -> None:
    story = story_of("binary", COUNT)
    whole, first, second = training(story), training(story), training(story)
    whole.learn(values(story))
    first.learn(values(story)[:middle])
    second.restore(pickle.loads(pickle.dumps(first.state())))
    second.learn(values(story))
    assert second.result().digest == whole.result().digest


def test_it_is_another_fold_than_one_by_one_and_learns_too() -> None:
    story = story_of("binary", COUNT)
    one, many = training(story, 0), training(story)
    for each in (one, many):
        each.learn(values(story))
    assert one.result().digest != many.result().digest
    assert many.result().evidence["loss"] < many.result().evidence["prior"]


def test_examples_with_other_features_are_learnt_apart_and_never_as_gaps() -> None:
    rows: list[tuple[dict[str, FeatureValue], LabelValue]] = [
        ({"a": float(number % 5), "b": float(number % 7)} if number % 3 else {"a": float(number % 5)}, number % 2 == 0)
        for number in range(90)
    ]
    model = fresh()
    learn(model, rows)
    assert 0 < model.predict_proba_one({"a": 1.0, "b": 2.0})[True] < 1
    assert model["StandardScaler"].counts == {"a": 90, "b": 60}


def test_feature_that_is_none_is_refused() -> None:
    story = story_of("binary", 10)
    one = Training(story.pipeline, fresh(), 0, 100, 1)
    with pytest.raises(Unfit, match=r"1 examples at a time: ValueError.*a may be None"):
        one.take([(0, {"a": None}, True)])


def test_steps_without_learn_many_are_named_wherever_they_stand() -> None:
    union = compose.TransformerUnion(preprocessing.StandardScaler(), preprocessing.MinMaxScaler())
    assert one_by_one(union | tree.HoeffdingTreeClassifier()) == ["MinMaxScaler", "HoeffdingTreeClassifier"]
    assert one_by_one(fresh()) == []
    assert one_by_one(built(fresh(), {}, ["a"])) == []
    assert one_by_one(linear_model.ALMAClassifier()) == ["ALMAClassifier"]


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ({"batch": 100}, "'tree' can't learn in batches: HoeffdingAdaptiveTreeClassifier has no learn_many"),
        ({"batch": -1}, "batch -1 is no whole number"),
        (
            {
                "batch": 100,
                "models": ["logistic"],
                "search": Search(models={"other": tree.HoeffdingTreeClassifier()}),
            },
            "'other' can't learn in batches",
        ),
    ],
)
def test_mistake_is_told_with_a_way_out(declared: dict[str, Any], told: str) -> None:
    (found,) = mistakes(pipeline_for("binary", retraining=Retraining(**declared)))
    assert told in found


def test_check_tries_to_learn_in_batches() -> None:
    pipeline = Pipeline(
        name="checked",
        problem="binary",
        fields=[Field("size"), Field("word", str)],
        label=Label(timeout="1h"),
        models={"logistic": compose.Discard("word") | fresh()},
        champion="logistic",
        retraining=Retraining(batch=100),
    )
    assert one_by_one(pipeline.models["logistic"]) == ["Discard"]
    numbers = Pipeline(**(vars(pipeline) | {"models": {"logistic": compose.Select("size") | fresh()}}))
    assert mistakes(numbers) == []
    results = {result.name: result for result in contracts(numbers)}
    assert results["logistic:learns-in-batches"].passed
