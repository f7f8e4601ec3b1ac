"""Parameters of River models by dotted name, to build a challenger that differs from what is declared."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from river.optim import schedulers

from schemas.values import FeatureValue

#: Numbers that River wants as an object which gives them.
_SCHEDULED = ("lr", "intercept_lr")


def adjusted(model: Any, parameters: Mapping[str, FeatureValue]) -> Any:
    """A fresh model like this one but for some parameters.

    Parameters
    ----------
    model
        Fresh; it is not changed.
    parameters
        Name to value, like ``LogisticRegression.l2``: the steps of a pipeline by their names, then the parameter.

    Raises
    ------
    ValueError
        If the model has no such parameter.
    """
    if not parameters:
        return copy.deepcopy(model)
    for name in parameters:
        _known(model, name)
    return model.clone(_merged(model._get_params(), _nested(parameters)))


def altered(model: Any, parameters: Mapping[str, FeatureValue]) -> Any:
    """A copy of a model with all it has learnt, and other parameters from now on.

    Raises
    ------
    ValueError
        If the model has no such parameter, or it can't be changed any more.
    """
    copied = copy.deepcopy(model)
    for name in parameters:
        _known(model, name)
    if parameters:
        copied.mutate(_nested(parameters))
    return copied


def declared_value(model: Any, name: str) -> Any:
    """What a parameter is as declared; of one that River has made an object of, that object.

    Raises
    ------
    ValueError
        If the model has no such parameter.
    """
    _known(model, name)
    return dict(_flat(model._get_params())).get(name)


def seed_of(model: Any) -> int:
    """The first seed among its parameters; 0 if there is none."""
    found = [
        value
        for name, value in _flat(model._get_params())
        if name.rpartition(".")[2] == "seed" and isinstance(value, int) and not isinstance(value, bool)
    ]
    return found[0] if found else 0


def _flat(parameters: Any, prefix: str = "") -> list[tuple[str, Any]]:
    """All parameters by dotted name; of an object that is one itself, those within."""
    if isinstance(parameters, tuple) and len(parameters) == 2 and isinstance(parameters[1], dict):
        parameters = parameters[1]
    if not isinstance(parameters, dict):
        return [(prefix, parameters)]
    return [
        found for name, value in parameters.items() for found in _flat(value, f"{prefix}.{name}" if prefix else name)
    ]


def _known(model: Any, name: str) -> None:
    names = [known for known, _ in _flat(model._get_params())]
    if name not in names and not any(known.startswith(f"{name}.") for known in names if name.endswith(_SCHEDULED)):
        raise ValueError(f"{name!r} is no parameter; there are {', '.join(names)}")


def _merged(declared: Any, nested: dict[str, Any]) -> dict[str, Any]:
    """The nested parameters, with what is declared where River takes all or nothing: an object inside a model."""
    merged: dict[str, Any] = {}
    for name, value in nested.items():
        within = declared.get(name)
        if isinstance(value, dict) and isinstance(within, tuple):
            kind, rest = within
            merged[name] = kind, {**rest, **_merged(rest, value)}
        elif isinstance(value, dict):
            merged[name] = _merged(within, value)
        else:
            merged[name] = value
    return merged


def _nested(parameters: Mapping[str, FeatureValue]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for name, value in parameters.items():
        *parts, last = name.split(".")
        place = nested
        for part in parts:
            place = place.setdefault(part, {})
        is_rate = last in _SCHEDULED and isinstance(value, (int, float))
        place[last] = schedulers.Constant(float(value)) if is_rate and value is not None else value
    return nested
