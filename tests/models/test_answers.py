"""What a model's answer becomes, for every problem: a finite score, none yet, or a reject with its name."""

from __future__ import annotations

import math
from typing import Any

import pytest
from river import base, dummy, linear_model, naive_bayes, stats, tree

from models.answers import answering, label_from
from models.pipeline import Problem
from schemas.errors import BadRecord


class Answers(base.Classifier):
    """A classifier that answers what it is told."""

    def __init__(self, probabilities: dict[Any, float]) -> None:
        self.probabilities = probabilities

    def learn_one(self, x: dict[Any, Any], y: Any) -> None:
        """Nothing to learn."""

    def predict_proba_one(self, x: dict[Any, Any], **_: Any) -> dict[Any, float]:
        return self.probabilities


class Values(base.Regressor):
    """A regressor that answers what it is told."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def learn_one(self, x: dict[Any, Any], y: Any) -> None:
        """Nothing to learn."""

    def predict_one(self, x: dict[Any, Any]) -> Any:
        return self.value


#: River's class has no types.
GAUSSIAN_BAYES: Any = naive_bayes.GaussianNB

LABELS: dict[Problem, list[Any]] = {
    "binary": [True, False, True],
    "multiclass": ["red", "green", "blue"],
    "regression": [1.5, -2.0, 4.0],
}
MODELS: list[tuple[Problem, Any]] = [
    ("binary", linear_model.LogisticRegression()),
    ("binary", tree.HoeffdingTreeClassifier()),
    ("binary", GAUSSIAN_BAYES()),
    ("binary", dummy.PriorClassifier()),
    ("multiclass", tree.HoeffdingTreeClassifier()),
    ("multiclass", GAUSSIAN_BAYES()),
    ("multiclass", dummy.NoChangeClassifier()),
    ("regression", linear_model.LinearRegression()),
    ("regression", tree.HoeffdingTreeRegressor()),
    ("regression", dummy.StatisticRegressor(stats.Mean())),
]


def _name(value: object) -> str:
    return value if isinstance(value, str) else type(value).__name__


@pytest.mark.parametrize(("problem", "model"), MODELS, ids=_name)
def test_score_is_none_or_finite_before_and_after_learning(problem: Problem, model: Any) -> None:
    model = model.clone()
    answer = answering(problem, "model", model)
    label_type = type(LABELS[problem][0])
    for number in range(60):
        score = answer({"size": float(number % 3)})
        scores = [*score.values()] if isinstance(score, dict) else [] if score is None else [score]
        assert all(type(one) is float and math.isfinite(one) for one in scores)
        label = label_from(problem, score, label_type)
        assert (label is None) == (score is None or problem == "regression")
        assert label is None or type(label) is label_type
        model.learn_one({"size": float(number % 3)}, LABELS[problem][number % 3])
    assert answer({"size": 1.0}) is not None


@pytest.mark.parametrize("bad", [math.nan, math.inf, -0.1, 1.5])
@pytest.mark.parametrize("problem", ["binary", "multiclass"])
def test_what_is_no_probability_is_refused_with_the_name_of_the_model(problem: Problem, bad: float) -> None:
    with pytest.raises(BadRecord, match=r"model 'tree@1' answered .* no probability") as caught:
        answering(problem, "tree@1", Answers({True: bad}))({})
    assert caught.value.reason == "prediction"


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_no_finite_number_is_refused_with_the_name_of_the_model(bad: float) -> None:
    with pytest.raises(BadRecord, match=r"model 'line@2' answered .* no finite number") as caught:
        answering("regression", "line@2", Values(bad))({})
    assert caught.value.reason == "prediction"


def test_model_that_has_learnt_nothing_has_no_score() -> None:
    assert answering("binary", "model", Answers({}))({}) is None
    assert answering("multiclass", "model", Answers({}))({}) is None
    assert answering("regression", "model", Values(None))({}) is None


def test_classifier_that_has_only_seen_false_says_zero() -> None:
    assert answering("binary", "model", Answers({False: 1.0}))({}) == 0.0


def test_classes_are_text_in_a_score_and_typed_in_a_label() -> None:
    score = answering("multiclass", "model", Answers({3: 0.2, 7: 0.8}))({})
    assert score == {"3": 0.2, "7": 0.8}
    assert label_from("multiclass", score, int) == 7
    assert label_from("multiclass", {"red": 0.4, "blue": 0.6}, str) == "blue"


def test_label_is_the_more_likely_one() -> None:
    assert [label_from("binary", score, bool) for score in (0.0, 0.5, 0.51, 1.0)] == [False, False, True, True]
