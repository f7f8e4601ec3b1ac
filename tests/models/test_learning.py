"""A model is a fold over the log: the same records in the same order give the same answers to the last bit."""

from __future__ import annotations

import pickle
from typing import Any

import msgspec
import pytest
from river import base, linear_model

from models.changes import changes
from models.definitions import definition
from models.learning import Learning, fresh_from
from models.pipeline import Label, Pipeline, Problem
from schemas.errors import BadRecord, PipelineError
from schemas.examples import Control, Example, LogRecord
from schemas.predictions import Said
from tests.models.stories import (
    Story,
    begin,
    data,
    every_problem,
    labelled,
    models_for,
    pipeline_for,
    story_of,
)

COUNT = 200


class Fails(base.Classifier):
    """A classifier that cannot learn from its n-th example, nor answer to features it dislikes."""

    def __init__(self, at: int = 0, dislikes: str = "") -> None:
        self.at = at
        self.dislikes = dislikes
        self.learnt = 0

    def learn_one(self, x: dict[Any, Any], y: Any) -> None:
        self.learnt += 1
        if self.learnt == self.at:
            raise ZeroDivisionError("no way")

    def predict_proba_one(self, x: dict[Any, Any], **_: Any) -> dict[Any, float]:
        if self.dislikes in x:
            raise KeyError(self.dislikes)
        return {True: 0.25}


def fresh(pipeline: Pipeline) -> Learning:
    return Learning(pipeline, fresh_from(pipeline))


def fold(learning: Learning, log: list[tuple[int, LogRecord]]) -> Learning:
    for offset, record in log:
        learning.fold(offset, record)
    return learning


def answers(learning: Learning, problem: Problem) -> list[list[Said]]:
    """What all models say to features of all kinds, to the last bit."""
    return [learning.predict(features) for features, _ in data(problem, COUNT + 50)[::5]]


def names(learning: Learning) -> list[str]:
    return list(learning.members)


@every_problem
def test_log_folded_twice_gives_the_same_bits(problem: Problem) -> None:
    story = story_of(problem, COUNT)
    again = fold(fresh(pipeline_for(problem)), story.log)
    assert again.position == story.learning.position == story.log[-1][0] + 1
    assert answers(again, problem) == answers(story.learning, problem)


@every_problem
def test_every_prediction_is_found_again_in_the_fold_up_to_its_position(problem: Problem) -> None:
    story = story_of(problem, COUNT)
    learning = fresh(pipeline_for(problem))
    for offset, record in story.log:
        if isinstance(record, Example):
            assert record.position == learning.position
            assert learning.predict(record.features) == record.said
        learning.fold(offset, record)


@every_problem
def test_log_as_it_comes_from_json_gives_the_same_bits(problem: Problem) -> None:
    story = story_of(problem, COUNT)
    read = [(offset, msgspec.json.decode(msgspec.json.encode(record), type=LogRecord)) for offset, record in story.log]
    assert answers(fold(fresh(pipeline_for(problem)), read), problem) == answers(story.learning, problem)


@every_problem
@pytest.mark.parametrize("middle", [0, 3, 5, COUNT // 2])
def test_checkpoint_midway_gives_the_same_bits(problem: Problem, middle: int) -> None:
    story = story_of(problem, COUNT)
    first = fold(fresh(pipeline_for(problem)), story.log[:middle])
    second = fresh(pipeline_for(problem))
    second.restore(pickle.loads(pickle.dumps(first.state())))
    assert second.position == first.position
    assert second.versions == first.versions
    fold(second, story.log)
    assert answers(second, problem) == answers(story.learning, problem)
    assert changes(pipeline_for(problem), second) == []


@every_problem
def test_predicting_learns_nothing(problem: Problem) -> None:
    story = story_of(problem, 50)
    once = answers(story.learning, problem)
    assert answers(story.learning, problem) == once


def test_declared_models_stay_fresh_whatever_the_log_says() -> None:
    pipeline = pipeline_for("binary")
    story = begin(pipeline)
    for features, label in data("binary", 50):
        story.live(features, label)
    assert definition(pipeline.models["logistic"]) == definition(models_for("binary")["logistic"])
    unlearnt = pipeline.models["logistic"].predict_proba_one(features)
    assert unlearnt == models_for("binary")["logistic"].predict_proba_one(features)


def test_record_before_the_own_position_is_known() -> None:
    story = story_of("binary", 50)
    before = answers(story.learning, "binary")
    fold(story.learning, story.log[20:])
    assert answers(story.learning, "binary") == before


def test_expired_example_teaches_nothing_but_moves_the_position() -> None:
    story = story_of("binary", 50)
    before, position = answers(story.learning, "binary"), story.learning.position
    story.write(story.serve("expired", data("binary", 1)[0][0]))
    assert answers(story.learning, "binary") == before
    assert story.learning.position > position


def test_corrected_label_is_learnt_too() -> None:
    story = story_of("binary", 50)
    before = answers(story.learning, "binary")
    (features, label), *_ = data("binary", 1)
    story.write(labelled(story.serve("corrected", features), "corrected", label, not label))
    assert answers(story.learning, "binary") != before


def test_fresh_log_gets_every_model_and_baseline_and_the_champion_first() -> None:
    pipeline = pipeline_for("binary", champion="tree")
    learning = fresh(pipeline)
    controls = changes(pipeline, learning)
    assert [(one.action, one.model, one.version, one.baseline) for one in controls] == [
        ("added", "logistic", 1, False),
        ("added", "tree", 1, False),
        ("added", "prior", 1, True),
        ("added", "no-change", 1, True),
        ("promoted", "tree", 1, False),
    ]
    story = Story(pipeline, learning)
    story.write(*controls)
    assert names(learning) == ["tree@1", "logistic@1", "prior@1", "no-change@1"]
    assert changes(pipeline, learning) == []
    assert learning.predict(data("binary", 1)[0][0])[0].model == "tree"


def test_model_declared_anew_comes_back_fresh_as_its_next_version() -> None:
    story = story_of("binary", 50)
    pipeline = pipeline_for(
        "binary", models={**models_for("binary"), "logistic": linear_model.LogisticRegression(l2=0.1)}
    )
    learning = fresh(pipeline)
    learning.restore(story.learning.state())
    controls = changes(pipeline, learning)
    assert [(one.action, one.model, one.version) for one in controls] == [
        ("added", "logistic", 2),
        ("promoted", "logistic", 2),
        ("removed", "logistic", 1),
    ]
    Story(pipeline, learning, story.log).write(*controls)
    assert learning.champion is not None
    assert learning.champion.state == "logistic@2"
    assert learning.champion.model.predict_proba_one({"x": 1.0}) == {False: 0.5, True: 0.5}
    assert changes(pipeline, learning) == []


def test_model_that_is_no_longer_declared_goes_and_the_declared_champion_takes_over() -> None:
    story = story_of("binary", 50)
    models = models_for("binary")
    pipeline = pipeline_for("binary", models={"tree": models["tree"]})
    learning = fresh(pipeline)
    learning.restore(story.learning.state())
    controls = changes(pipeline, learning)
    assert [(one.action, one.model, one.version) for one in controls] == [
        ("promoted", "tree", 1),
        ("removed", "logistic", 1),
    ]
    Story(pipeline, learning, story.log).write(*controls)
    assert names(learning) == ["tree@1", "prior@1", "no-change@1"]


def test_champion_of_the_log_stays_in_charge_when_the_file_names_another() -> None:
    story = story_of("binary", 50)
    assert changes(pipeline_for("binary", champion="tree"), story.learning) == []


def test_version_of_a_removed_model_is_not_used_again() -> None:
    story = story_of("binary", 5)
    story.write(Control(action="removed", model="tree", version=1, reason="for the test"))
    assert [(one.action, one.model, one.version) for one in changes(story.pipeline, story.learning)] == [
        ("added", "tree", 2)
    ]


@pytest.mark.parametrize("action", ["removed", "quarantined"])
def test_model_that_is_taken_away_no_longer_answers(action: Any) -> None:
    story = story_of("binary", 5)
    story.write(Control(action=action, model="tree", version=1, reason="for the test"))
    assert "tree@1" not in names(story.learning)
    story.write(Control(action=action, model="logistic", version=1, reason="for the test"))
    assert story.learning.champion is None


@pytest.mark.parametrize("action", ["promoted", "rolled_back"])
def test_promotion_takes_effect_where_it_stands_in_the_log(action: Any) -> None:
    story = story_of("binary", 5)
    story.write(Control(action=action, model="tree", version=1, reason="for the test"))
    (features, label), *_ = data("binary", 1)
    assert story.live(features, label).said[0].model == "tree"
    assert fold(fresh(story.pipeline), story.log).champion is not None
    again = fold(fresh(story.pipeline), story.log)
    assert names(again) == names(story.learning)


def test_log_begun_with_another_model_is_refused_by_name() -> None:
    story = story_of("binary", 5)
    without = pipeline_for("binary", models={"tree": models_for("binary")["tree"]})
    otherwise = pipeline_for(
        "binary", models={**models_for("binary"), "logistic": linear_model.LogisticRegression(l2=0.1)}
    )
    with pytest.raises(PipelineError, match="model 'logistic' is not declared here"):
        fold(fresh(without), story.log)
    with pytest.raises(PipelineError, match="model 'logistic' is declared otherwise here"):
        fold(fresh(otherwise), story.log)


def test_model_that_cannot_learn_fails_at_one_position_on_every_worker_and_harms_no_other() -> None:
    def with_a_bad_one() -> Pipeline:
        return pipeline_for("binary", models={**models_for("binary"), "bad": Fails(at=20)})

    story = begin(with_a_bad_one())
    for features, label in data("binary", COUNT):
        story.live(features, label)
    answered = [
        number
        for number, (_, record) in enumerate(story.log)
        if isinstance(record, Example) and any(said.model == "bad" for said in record.said)
    ]
    first = next(number for number, (_, record) in enumerate(story.log) if isinstance(record, Example))
    assert answered == list(range(first, first + 20))
    assert "ZeroDivisionError" in (story.learning.members["bad@1"].failed or "")

    again = fold(fresh(with_a_bad_one()), story.log)
    assert answers(again, "binary") == answers(story.learning, "binary")
    good = fold(fresh(pipeline_for("binary")), story_of("binary", COUNT).log)
    assert answers(good, "binary") == answers(story.learning, "binary")

    restored = fresh(with_a_bad_one())
    restored.restore(pickle.loads(pickle.dumps(story.learning.state())))
    assert restored.members["bad@1"].failed == story.learning.members["bad@1"].failed


def test_shadow_that_cannot_answer_is_left_out_for_that_event_alone() -> None:
    models = {**models_for("binary"), "picky": Fails(dislikes="poison")}
    story = begin(pipeline_for("binary", models=models))
    assert "picky" in [said.model for said in story.learning.predict({"size": 1.0})]
    assert "picky" not in [said.model for said in story.learning.predict({"poison": 1.0})]
    assert "picky" in [said.model for said in story.learning.predict({"size": 1.0})]


def test_champion_that_cannot_answer_rejects_the_event_with_its_name() -> None:
    models = {"picky": Fails(at=1, dislikes="poison"), **models_for("binary")}
    story = begin(pipeline_for("binary", models=models))
    with pytest.raises(BadRecord, match="model picky@1 raised KeyError") as caught:
        story.learning.predict({"poison": 1.0})
    assert caught.value.reason == "prediction"
    story.live({"size": 1.0}, True)
    with pytest.raises(BadRecord, match="model picky@1 failed when it learnt"):
        story.learning.predict({"size": 1.0})


def test_champion_without_an_answer_yet_serves_none() -> None:
    story = begin(pipeline_for("multiclass"))
    assert story.learning.predict(data("multiclass", 1)[0][0])[0] == Said(model="bayes", version=1, score=None)


@pytest.mark.parametrize(("default", "learnt"), [(None, 0), (False, 1)])
def test_event_without_a_label_in_time_is_learnt_with_the_declared_one(default: bool | None, learnt: int) -> None:
    pipeline = pipeline_for("binary", models={"counts": Fails()}, label=Label(timeout="1h", default=default))
    story = begin(pipeline)
    story.write(msgspec.structs.replace(story.serve("a", {"size": 1.0}), status="expired", label=None))
    assert story.learning.members["counts@1"].model.learnt == learnt


def test_event_that_will_never_have_a_label_is_not_learnt_with_the_declared_one() -> None:
    pipeline = pipeline_for("binary", models={"counts": Fails()}, label=Label(timeout="1h", default=False))
    story = begin(pipeline)
    story.write(msgspec.structs.replace(story.serve("a", {"size": 1.0}), status="unavailable"))
    assert story.learning.members["counts@1"].model.learnt == 0
