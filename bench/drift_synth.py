"""Drift as River's generators of streams have it, under a champion that learnt the first concept and is then frozen.

Concepts follow each other at once (abrupt), or mixed for a while by ``ConceptDriftStream`` (gradual). Hyperplane turns
(incremental), Friedman changes by its own generator.

Source: River 0.26, ``river.datasets.synth``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from itertools import chain, islice
from typing import Any, NamedTuple

import numpy as np
from river import linear_model, optim, preprocessing, tree
from river.datasets import synth

from bench.drift_planted import SPAN
from bench.drift_worlds import Values, World

#: Events of the first concept that the champion learns.
LEARNT = 8000

Rows = Iterator[tuple[dict[Any, Any], Any]]


class Synth(NamedTuple):
    """One change of a generator."""

    kind: str
    shape: str
    size: str


class Generator(NamedTuple):
    """A generator, and how it can change.

    Parameters
    ----------
    concept
        Stream of the concept with this name, from a seed.
    first, others
        Names of the first concept, and of those that follow it, by how far they are from it.
    model
        What the champion is.
    problem
        Of the pipeline.
    """

    concept: Callable[[Any, int], Any]
    first: Any
    others: dict[str, Any]
    model: Callable[[], Any]
    problem: str = "binary"


def _logistic() -> Any:
    return preprocessing.StandardScaler() | linear_model.LogisticRegression(optim.SGD(0.02))


def _tree() -> Any:
    return tree.HoeffdingTreeClassifier(leaf_prediction="mc")


def _linear() -> Any:
    return preprocessing.StandardScaler() | linear_model.LinearRegression(optim.SGD(0.005))


def _sea(variant: int, seed: int) -> Any:
    return synth.SEA(variant=variant, noise=0.1, seed=seed)


def _agrawal(function: int, seed: int) -> Any:
    return synth.Agrawal(classification_function=function, perturbation=0.1, seed=seed)


def _sine(function: int, seed: int) -> Any:
    return synth.Sine(classification_function=function, has_noise=True, seed=seed)


def _stagger(function: int, seed: int) -> Any:
    return synth.STAGGER(classification_function=function, seed=seed)


def _rbf(model: int, seed: int) -> Any:
    return synth.RandomRBF(seed_model=model, seed_sample=seed, n_features=5, n_centroids=20)


def _three(model: int, seed: int) -> Any:
    return synth.RandomRBF(seed_model=model, seed_sample=seed, n_classes=3, n_features=5, n_centroids=20)


def _friedman(_: int, seed: int) -> Any:
    return synth.Friedman(seed=seed)


def _hyperplane(turning: float, seed: int) -> Any:
    return synth.Hyperplane(seed=seed, n_features=6, n_drift_features=6, mag_change=turning)


GENERATORS: dict[str, Generator] = {
    "SEA": Generator(_sea, 2, {"7 to 8": 0, "7 to 9": 1, "7 to 9.5": 3}, _logistic),
    "Agrawal": Generator(_agrawal, 0, {"1 to 2": 1}, _tree),
    "Sine": Generator(_sine, 0, {"1 to 3": 2}, _tree),
    "STAGGER": Generator(_stagger, 0, {"1 to 2": 1, "1 to 3": 2}, _tree),
    "RandomRBF": Generator(_rbf, 1, {"other centres": 2}, _tree),
    "RandomRBF, 3 classes": Generator(_three, 1, {"other centres": 2}, _tree, "multiclass"),
    "Friedman": Generator(_friedman, 0, {"global": 1}, _linear, "regression"),
    "Hyperplane": Generator(_hyperplane, 0.0, {"0.0005": 5e-4, "0.002": 2e-3, "0.01": 1e-2}, _logistic),
}


def changes() -> Iterator[Synth]:
    """All of them."""
    for kind, generator in GENERATORS.items():
        for shape in ("incremental",) if kind == "Hyperplane" else ("abrupt", "gradual"):
            for size in generator.others:
                yield Synth(kind, shape, size)


def world(kind: str, change: Synth | None, seed: int, before: int, after: int) -> World:
    """A world in which a generator changes; ``None``: it does not."""
    generator = GENERATORS[kind]
    # Hyperplanes of different seeds are different ones.
    model = _champion(kind, seed if kind == "Hyperplane" else 1)
    rows = list(islice(_rows(generator, change, seed if kind == "Hyperplane" else seed + 1000, before), before + after))
    columns = {str(name): np.array([x[name] for x, _ in rows]) for name in rows[0][0]}
    columns = {name: values.astype(_type(values)) for name, values in columns.items()}
    labels = np.array([_label(generator.problem, y) for _, y in rows])
    return World(columns, _scores(model, generator.problem, [x for x, _ in rows]), labels, problem=generator.problem)


@cache
def _champion(kind: str, seed: int) -> Any:
    generator = GENERATORS[kind]
    model = generator.model()
    for x, y in islice(generator.concept(generator.first, seed), LEARNT):
        model.learn_one(x, _label(generator.problem, y))
    return model


def _rows(generator: Generator, change: Synth | None, seed: int, before: int) -> Rows:
    first = generator.concept(generator.first, seed)
    if change is None:
        return iter(first)
    abrupt = change.shape == "abrupt"
    if change.kind == "Friedman":
        own = synth.FriedmanDrift("gra" if abrupt else "gsg", (before, 10**9), 1 if abrupt else SPAN, seed=seed)
        return iter(own)
    # Another seed for other events; a Hyperplane turns from where it stood.
    other = generator.concept(generator.others[change.size], seed + (change.kind != "Hyperplane"))
    if change.shape != "gradual":
        return chain(islice(first, before), other)
    # The stream mixes by a sigmoid, which is never nothing: it begins with the change.
    still = generator.concept(generator.first, seed + 2)
    mixed = synth.ConceptDriftStream(still, other, position=SPAN // 2, width=SPAN // 2, seed=seed)
    return chain(islice(first, before), mixed)


def _label(problem: str, label: Any) -> Any:
    return {"binary": bool, "multiclass": str, "regression": float}[problem](label)


def _type(values: Values) -> type:
    """Few whole numbers are categories."""
    return np.int64 if values.dtype.kind in "iub" and len(np.unique(values)) <= 20 else float


def _scores(model: Any, problem: str, rows: list[dict[Any, Any]]) -> Values:
    if problem == "regression":
        return np.array([model.predict_one(x) for x in rows])
    said = [model.predict_proba_one(x) for x in rows]
    if problem == "binary":
        return np.array([one.get(True, 0.0) for one in said])
    scores = np.empty(len(said), object)
    scores[:] = said
    return scores
