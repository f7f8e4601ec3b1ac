"""What models cost is sampled, hardly adds to it, and who endangers the service is quarantined by a record of the log."""

from __future__ import annotations

from typing import Any

import pytest
from river import linear_model

from agents.costs import SAMPLE_S, WINDOW_S, Costs
from models.changes import changes
from models.learning import Learning, fresh_from
from models.pipeline import Field, Label, Pipeline
from schemas.examples import Control, Example
from tests.models.trial_logs import START

FEATURES: dict[str, Any] = {"size": 1.0}

LABEL = Label(timeout="1h")


class Slow(linear_model.LogisticRegression):
    """A model that takes two seconds of the test's clock to learn."""

    def learn_one(self, x: Any, y: Any, w: float = 1.0, **kwargs: Any) -> None:
        CLOCK.now += 2.0
        super().learn_one(x, y, w)


class Broken(linear_model.LogisticRegression):
    """A model that never has an answer."""

    def predict_proba_one(self, x: Any, **kwargs: Any) -> Any:
        raise ZeroDivisionError("no answer")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


CLOCK = Clock()


@pytest.fixture
def pipeline() -> Pipeline:
    CLOCK.now = 0.0
    models = {"good": linear_model.LogisticRegression(), "slow": Slow(), "broken": Broken()}
    return pipeline_of(models)


def pipeline_of(models: dict[str, Any]) -> Pipeline:
    return Pipeline(name="costs", problem="binary", fields=[Field("size")], label=LABEL, models=models, champion="good")


def learning_of(pipeline: Pipeline) -> tuple[Learning, list[Control]]:
    learning = Learning(pipeline, fresh_from(pipeline))
    controls = changes(pipeline, learning)
    for offset, control in enumerate(controls):
        learning.fold(offset, control)
    return learning, controls


def example(offset: int) -> tuple[int, Example]:
    return offset, Example(
        id=str(offset), partition=0, time=START, status="known", label=True, features=FEATURES, said=[], position=offset
    )


def test_costs_are_sampled_and_the_log_is_folded_once(pipeline: Pipeline) -> None:
    learning, controls = learning_of(pipeline)
    costs = Costs(pipeline, CLOCK)
    log = [example(len(controls) + place) for place in range(5)]
    costs.learn(learning, log)
    # Up to the first example; the rest is folded by whoever folds all.
    assert learning.position == len(controls) + 1
    for offset, record in log:
        learning.fold(offset, record)
    assert learning.position == len(controls) + 5
    costs.answer(learning, FEATURES, 100, 0.01)
    told = {cost.model: cost for cost in costs.report(learning)}
    assert told["slow"].learn_us == pytest.approx(2e6)
    assert told["good"].learn_us == 0.0
    assert told["good"].answer_us == 0.0
    assert told["broken"].answer_us is None
    assert told["good"].time_share is None


def test_no_second_sample_is_taken_before_it_is_time(pipeline: Pipeline) -> None:
    learning, controls = learning_of(pipeline)
    costs = Costs(pipeline, CLOCK)
    costs.learn(learning, [example(len(controls))])
    took = CLOCK.now
    costs.learn(learning, [example(len(controls) + 1)])
    # It has been folded, for the clock went on while the slow one learnt; right after it nothing is.
    assert CLOCK.now > took >= SAMPLE_S
    position = learning.position
    CLOCK.now = costs._learn_due - 0.1
    costs.learn(learning, [example(position)])
    assert learning.position == position


def test_who_gives_no_answer_is_quarantined_once_and_does_not_come_back_as_it_was(pipeline: Pipeline) -> None:
    learning, controls = learning_of(pipeline)
    costs = Costs(pipeline, CLOCK)
    for _ in range(300):
        learning.predict(FEATURES)
    costs.answer(learning, FEATURES, 300, 0.01)
    assert costs.quarantined(learning) == []
    CLOCK.now += WINDOW_S
    (control,) = costs.quarantined(learning)
    assert (control.action, control.model, control.version) == ("quarantined", "broken", 1)
    assert control.reason == "300 of 300 times it raised an error or gave no usable answer"
    CLOCK.now += WINDOW_S
    assert costs.quarantined(learning) == []

    learning.fold(len(controls), control)
    assert "broken@1" not in learning.members
    assert changes(pipeline, learning) == []
    restored = Learning(pipeline, fresh_from(pipeline))
    restored.restore(learning.state())
    assert changes(pipeline, restored) == []
    other = pipeline_of({**pipeline.models, "broken": linear_model.LogisticRegression()})
    assert [(each.action, each.model, each.version) for each in changes(other, learning)] == [("added", "broken", 2)]


def test_the_champion_and_baselines_never_are(pipeline: Pipeline) -> None:
    learning, _ = learning_of(pipeline)
    costs = Costs(pipeline, CLOCK)
    for member in learning.members.values():
        member.failed = "everything fails"
    CLOCK.now += WINDOW_S
    assert {control.model for control in costs.quarantined(learning)} == {"slow", "broken"}


def test_a_quarantined_model_that_is_declared_as_the_champion_comes_back_where_there_is_none(
    pipeline: Pipeline,
) -> None:
    learning, controls = learning_of(pipeline)
    gone = controls[0]
    for offset, action in enumerate(("quarantined",), len(controls)):
        record = Control(action=action, model="good", version=1, definition=gone.definition, reason="x")  # type: ignore[arg-type]
        learning.fold(offset, record)
    assert learning.champion is None
    assert [(each.action, each.model, each.version) for each in changes(pipeline, learning)] == [
        ("added", "good", 2),
        ("promoted", "good", 2),
    ]
