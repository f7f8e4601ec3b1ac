"""The digest of a model's declaration: equal where it is declared alike, different where it is not."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from river import compose, ensemble, linear_model, optim, preprocessing, tree

from models.definitions import definition


def scaled(features: dict[str, Any], factor: float = 1.0) -> dict[str, Any]:
    return {name: value * factor for name, value in features.items()}


DECLARATIONS: dict[str, Callable[[], Any]] = {
    "logistic": linear_model.LogisticRegression,
    "logistic-adam": lambda: linear_model.LogisticRegression(optimizer=optim.Adam(0.01)),
    "logistic-slow": lambda: linear_model.LogisticRegression(optimizer=optim.SGD(0.001)),
    "scaled": lambda: preprocessing.StandardScaler() | linear_model.LogisticRegression(),
    "tree": lambda: tree.HoeffdingAdaptiveTreeClassifier(seed=1),
    "tree-of-another-seed": lambda: tree.HoeffdingAdaptiveTreeClassifier(seed=2),
    "bagging": lambda: ensemble.BaggingClassifier(tree.HoeffdingTreeClassifier(), n_models=3, seed=1),
    "bagging-of-four": lambda: ensemble.BaggingClassifier(tree.HoeffdingTreeClassifier(), n_models=4, seed=1),
    "function": lambda: compose.FuncTransformer(scaled) | linear_model.LogisticRegression(),
    "partial": lambda: (
        compose.FuncTransformer(functools.partial(scaled, factor=2.0)) | linear_model.LogisticRegression()
    ),
    "partial-of-three": lambda: (
        compose.FuncTransformer(functools.partial(scaled, factor=3.0)) | linear_model.LogisticRegression()
    ),
}


@pytest.mark.parametrize("name", DECLARATIONS)
def test_model_declared_twice_has_one_definition(name: str) -> None:
    assert definition(DECLARATIONS[name]()) == definition(DECLARATIONS[name]())


def test_models_declared_differently_have_different_definitions() -> None:
    assert len({definition(declare()) for declare in DECLARATIONS.values()}) == len(DECLARATIONS)


def test_definition_does_not_depend_on_the_process() -> None:
    program = (
        "import functools, operator; from river import compose, ensemble, tree\n"
        "from models.definitions import definition\n"
        "def f(x, factor): return x\n"
        "print(definition(compose.FuncTransformer(functools.partial(f, factor=2)) | "
        "ensemble.BaggingClassifier(tree.HoeffdingTreeClassifier(nominal_attributes={'a', 'b', 'c'}), seed=1)))"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=Path(__file__).parents[2],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_learning_does_not_change_the_definition() -> None:
    model = DECLARATIONS["scaled"]()
    before = definition(model)
    for number in range(50):
        model.learn_one({"size": float(number)}, number % 2 == 0)
    assert definition(model) == before
