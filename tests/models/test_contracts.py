"""The contracts find what breaks a replay or a checkpoint before the first event does."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest
from river import base, compose, ensemble, forest, linear_model, naive_bayes, neighbors, preprocessing, tree

from models.contracts import contracts
from models.pipeline import Field, Label, Pipeline, Problem

FIELDS = (
    Field("carrier", str, category=True),
    Field("distance", float, minimum=0, maximum=5000),
    Field("stops", int, minimum=1, maximum=3),
    Field("wind", optional=True),
)
NUMBERS = ("distance", "stops", "wind")


def numbers(event: dict[str, Any]) -> dict[str, Any]:
    return {name: event[name] for name in NUMBERS if event[name] is not None}


def problems(model: Any, problem: Problem = "binary", **changes: Any) -> dict[str, str]:
    declaration: dict[str, Any] = {
        "name": "flights",
        "problem": problem,
        "fields": FIELDS,
        "id": "flight_id",
        "time": "scheduled_at",
        "label": Label(timeout="36h"),
        "prepare": [numbers],
        "models": {"m": model},
        "champion": "m",
    }
    results = contracts(Pipeline(**{**declaration, **changes}))
    return {result.name: result.problem for result in results if result.problem is not None}


def bayes() -> Any:
    return naive_bayes.GaussianNB()


class Hoarder(base.Classifier):
    """Keeps every example."""

    def __init__(self) -> None:
        self.kept: list[dict[str, Any]] = []

    def learn_one(self, x: dict[Any, Any], y: Any) -> None:
        self.kept.append(dict(x))

    def predict_proba_one(self, x: dict[Any, Any], **kwargs: Any) -> dict[Any, float]:
        return {True: 0.5, False: 0.5}


class Meddler(Hoarder):
    """Writes into what it is given."""

    def learn_one(self, x: dict[Any, Any], y: Any) -> None:
        x["seen"] = True


class Forgetful(Hoarder):
    """Loses its state when it is stored."""

    def learn_one(self, x: dict[Any, Any], y: Any) -> None:
        self.kept = [x]

    def __getstate__(self) -> dict[str, Any]:
        return {"kept": []}

    def predict_proba_one(self, x: dict[Any, Any], **kwargs: Any) -> dict[Any, float]:
        return {True: 0.25 + len(self.kept) / 2}


class Choosy(Hoarder):
    """Cannot do without a feature that may be missing."""

    def learn_one(self, x: dict[Any, Any], y: Any) -> None:
        x["wind"] + 1


class Unsure(Hoarder):
    """Answers what is no number."""

    def learn_one(self, x: dict[Any, Any], y: Any) -> None:
        """Learn nothing."""

    def predict_proba_one(self, x: dict[Any, Any], **kwargs: Any) -> dict[Any, float]:
        return {True: float("nan")}


@pytest.mark.parametrize(
    "model",
    [
        preprocessing.StandardScaler() | linear_model.LogisticRegression(),
        tree.HoeffdingAdaptiveTreeClassifier(seed=1),
        forest.ARFClassifier(n_models=2, seed=1),
        ensemble.BaggingClassifier(linear_model.LogisticRegression(), n_models=2, seed=1),
        bayes(),
        preprocessing.StandardScaler() | neighbors.KNNClassifier(),
    ],
    ids=lambda model: type(model).__name__,
)
def test_models_of_river_hold_to_the_contracts(model: Any) -> None:
    assert problems(model) == {}


@pytest.mark.parametrize(
    ("problem", "model", "label_type"),
    [
        ("multiclass", bayes(), str),
        ("multiclass", tree.HoeffdingTreeClassifier(), int),
        ("regression", preprocessing.StandardScaler() | linear_model.LinearRegression(), float),
    ],
)
def test_the_other_problems_have_the_same_contracts(problem: Problem, model: Any, label_type: type) -> None:
    assert problems(model, problem, label=Label("1h", type=label_type)) == {}


@pytest.mark.parametrize(
    ("model", "check"),
    [
        (tree.HoeffdingAdaptiveTreeClassifier(), "m:replays-bit-for-bit"),
        (forest.ARFClassifier(n_models=2), "m:replays-bit-for-bit"),
        (compose.FuncTransformer(lambda x: x) | bayes(), "m:survives-a-checkpoint"),
        (Hoarder(), "m:is-bounded"),
        (Meddler(), "m:leaves-inputs-alone"),
        (Forgetful(), "m:survives-a-checkpoint"),
        (Choosy(), "m:learns"),
        (Unsure(), "m:learns"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, base.Base) else str(value),
)
def test_a_model_that_breaks_a_contract_breaks_that_one_alone(model: Any, check: str) -> None:
    assert list(problems(model)) == [check]


def test_a_model_that_has_learnt_already_is_no_beginning() -> None:
    model = linear_model.LogisticRegression()
    model.learn_one({"distance": 1.0}, True)
    assert "m:is-fresh" in problems(model)


def test_a_model_that_is_given_text_it_cannot_learn_is_told_which_features_are_text() -> None:
    found = problems(linear_model.LogisticRegression(), prepare=[lambda event: {"carrier": event["carrier"]}])
    assert list(found) == ["m:learns"]
    assert found["m:learns"].endswith("carrier are text: encode or discard them")


def test_a_model_that_is_given_none_is_told_which_features_may_be_none() -> None:
    found = problems(linear_model.LogisticRegression(), prepare=[lambda event: {"wind": event["wind"]}])
    assert found["m:learns"].endswith("wind may be None: leave them out instead")


def test_a_preparation_that_raises_on_a_legal_event_is_told_with_that_event() -> None:
    found = problems(bayes(), prepare=[lambda event: {"share": 1 / event["distance"]}])
    assert "<lambda> raised ZeroDivisionError" in found["prepare:accepts-legal-events"]
    assert '"distance": 0' in found["prepare:accepts-legal-events"]


def test_a_text_of_a_form_of_its_own_is_tried_as_the_declaration_shows_it() -> None:
    fields = [Field("row", str, samples=["12A", "3C"])]
    prepare = [lambda event: {"row": int(event["row"][:-1])}]
    assert problems(bayes(), fields=fields, prepare=prepare) == {}
    undeclared = problems(bayes(), fields=[Field("row", str)], prepare=prepare)
    assert "prepare:accepts-legal-events" in undeclared


@pytest.mark.parametrize("impure", [itertools.count().__next__, random.Random(1).random])
def test_a_preparation_that_depends_on_more_than_its_event_is_told(impure: Any) -> None:
    found = problems(bayes(), prepare=[lambda event: {"x": impure()}])
    assert "prepare:repeats" in found


def test_the_same_declaration_gives_the_same_results() -> None:
    assert problems(Hoarder()) == problems(Hoarder())
