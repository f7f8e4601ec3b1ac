"""A search among alternatives to what is declared: which there are, and how they are built."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from river import base, compose

from models.definitions import definition
from models.parameters import adjusted, declared_value
from models.policies import Search
from schemas.values import FeatureValue

#: Candidates of one search at most: all of them learn side by side in one process.
CANDIDATES_MAX = 64


class Alternative(msgspec.Struct, frozen=True, kw_only=True):
    """One candidate.

    Parameters
    ----------
    model
        Name of what is declared.
    parameters
        What differs from that, by dotted name.
    features
        All that it is given; empty: everything.
    """

    model: str
    parameters: dict[str, FeatureValue] = {}
    features: list[str] = []

    @property
    def name(self) -> str:
        """Its name among the candidates, like ``logistic(LogisticRegression.l2=0.1)[wind, distance]``."""
        parameters = ", ".join(f"{name}={value}" for name, value in self.parameters.items())
        features = ", ".join(self.features)
        return self.model + (f"({parameters})" if parameters else "") + (f"[{features}]" if features else "")


class Only(base.MiniBatchTransformer):
    """Lets only some features through, in a fixed order; River's ``Select`` has another one in each process.

    Parameters
    ----------
    names
        Of the features. One that an event lacks is left out.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names

    def transform_one(self, x: dict[Any, Any]) -> dict[Any, Any]:
        """The features of one event."""
        return {name: x[name] for name in self.names if name in x}

    def transform_many(self, X: Any) -> Any:  # noqa: N803 - River's name
        """The columns of a frame."""
        return X[[name for name in self.names if name in X.columns]]


def alternatives(search: Search, model: str, declared: Mapping[str, Any]) -> list[Alternative]:
    """The candidates for a model, it itself as declared the first.

    Parameters
    ----------
    model
        Name of the model that is retrained.
    declared
        Every declared model by name, those of the search too.

    Raises
    ------
    ValueError
        If a model has no such parameter.
    """
    return [
        Alternative(model=name, parameters=parameters, features=features)
        for name in dict.fromkeys([model, *search.models])
        for parameters in _grid(declared[name], search.alternatives.get(name, {}))
        for features in [[], *map(list, search.features)]
    ]


def _grid(model: Any, values: Mapping[str, Sequence[FeatureValue]]) -> Iterator[dict[str, FeatureValue]]:
    """Every combination; a parameter that has its declared value is left out."""
    axes = []
    for name, tried in values.items():
        declared = declared_value(model, name)
        others = [value for value in tried if type(value) is str or value != declared]
        axes.append([(), *(((name, value),) for value in dict.fromkeys(others))])
    seen = set()
    for chosen in itertools.product(*axes):
        parameters = dict(itertools.chain.from_iterable(chosen))
        digest = definition(adjusted(model, parameters))
        if digest not in seen:
            seen.add(digest)
            yield parameters


def built(model: Any, parameters: Mapping[str, FeatureValue], features: Sequence[str]) -> Any:
    """A fresh model like this one, with other parameters, that is given only some features.

    Raises
    ------
    ValueError
        If the model has no such parameter.
    """
    fresh = adjusted(model, parameters)
    if not features:
        return fresh
    steps = list(fresh.steps.items()) if isinstance(fresh, compose.Pipeline) else [fresh]
    return compose.Pipeline(Only(tuple(features)), *steps)
