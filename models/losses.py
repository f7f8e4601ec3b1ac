"""The loss of every single prediction, to the last bit as River computes it: what metrics are means of."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.pipeline import Problem
from models.tails import Numbers

#: Between these River keeps probabilities before it takes their logarithm.
LEAST, MOST = 1e-15, 1 - 1e-15

#: Larger errors count as this one, so that their squares and sums stay finite; River fails on them.
ERROR_MAX = 1e150

#: For intervals, probabilities count as being this far from 0 and 1: a bounded loss has a bounded mean.
PROBABILITY_LEAST = 0.02

#: The same as bounds of a log loss.
LOG_LOSS_BOUNDS = (-math.log(1 - PROBABILITY_LEAST), -math.log(PROBABILITY_LEAST))


@dataclass(frozen=True, slots=True)
class Additive:
    """A metric of River that is a mean over predictions.

    Parameters
    ----------
    of
        The loss that it is a mean of.
    finish
        From that mean to River's value.
    is_gain
        More is better.
    """

    of: str
    finish: Callable[[float], float] = float
    is_gain: bool = False


def _root(mean: float) -> float:
    return float(mean**0.5)


def _percent(mean: float) -> float:
    return 100 * mean


#: All others of River's metrics are no mean, and are left to River's own objects.
ADDITIVE: dict[Problem, dict[str, Additive]] = {
    "binary": {"LogLoss": Additive("LogLoss"), "Accuracy": Additive("Accuracy", is_gain=True)},
    "multiclass": {"CrossEntropy": Additive("CrossEntropy"), "Accuracy": Additive("Accuracy", is_gain=True)},
    "regression": {
        "MAE": Additive("MAE"),
        "MSE": Additive("MSE"),
        "RMSE": Additive("MSE", _root),
        "MAPE": Additive("MAPE", _percent),
        "SMAPE": Additive("SMAPE", _percent),
    },
}


def losses(problem: Problem, of: Sequence[str], labels: Sequence[Any], scores: Sequence[Any]) -> dict[str, Numbers]:
    """The losses of many predictions.

    Parameters
    ----------
    of
        Which losses of :data:`ADDITIVE`.
    labels, scores
        What was true and what was said, one for each prediction.

    Returns
    -------
    By name, one number for each prediction. For ``multiclass`` also ``unnamed``: 1 where the true class was not
    among those that the model named, which River's ``CrossEntropy`` counts as no loss at all.
    """
    if problem == "binary":
        return _binary(np.array(labels, bool), np.array(scores, float))
    if problem == "multiclass":
        return _multiclass(labels, scores)
    return {name: _REGRESSION[name](np.array(labels, float), np.array(scores, float)) for name in of}


def _binary(labels: npt.NDArray[np.bool_], scores: Numbers) -> dict[str, Numbers]:
    clamped = np.maximum(np.minimum(scores, MOST), LEAST)
    # The logarithm of numpy may differ from that of Python, and of River, in the last bit.
    logarithms = map(math.log, np.where(labels, clamped, 1 - clamped).tolist())
    return {
        "LogLoss": -np.fromiter(logarithms, float, len(scores)),
        "Accuracy": ((scores > 0.5) == labels).astype(float),
    }


def _multiclass(labels: Sequence[Any], scores: Sequence[dict[str, float]]) -> dict[str, Numbers]:
    entropy, right, unnamed = np.zeros(len(scores)), np.zeros(len(scores)), np.zeros(len(scores))
    for place, (label, score) in enumerate(zip(map(str, labels), scores, strict=True)):
        probability = score.get(label)
        if probability is None:
            unnamed[place] = 1.0
        else:
            entropy[place] = -math.log(max(min(probability, MOST), LEAST))
        right[place] = max(score, key=score.__getitem__) == label
    return {"CrossEntropy": entropy, "Accuracy": right, "unnamed": unnamed}


def _error(labels: Numbers, scores: Numbers) -> Numbers:
    with np.errstate(over="ignore"):
        return np.clip(labels - scores, -ERROR_MAX, ERROR_MAX)


def _squared(labels: Numbers, scores: Numbers) -> Numbers:
    # River squares with ``**``, which may differ from a product in the last bit.
    return np.array([error**2 for error in _error(labels, scores).tolist()], float)


def _relative(labels: Numbers, scores: Numbers) -> Numbers:
    return _ratio(np.abs(_error(labels, scores)), np.abs(labels))


def _symmetric(labels: Numbers, scores: Numbers) -> Numbers:
    with np.errstate(over="ignore"):
        return _ratio(2.0 * np.abs(_error(labels, scores)), np.abs(labels) + np.abs(scores))


def _ratio(above: Numbers, below: Numbers) -> Numbers:
    with np.errstate(over="ignore"):
        ratio = np.divide(above, below, out=np.zeros_like(above), where=below != 0)
    return np.minimum(ratio, ERROR_MAX)


_REGRESSION: dict[str, Callable[[Numbers, Numbers], Numbers]] = {
    "MAE": lambda labels, scores: np.abs(_error(labels, scores)),
    "MSE": _squared,
    "MAPE": _relative,
    "SMAPE": _symmetric,
}


def bounded(of: str, values: dict[str, Numbers], scale: float | None) -> Numbers | None:
    """A loss clipped and brought to 0 .. 1, which intervals are made of.

    Parameters
    ----------
    of
        Which loss.
    values
        What :func:`losses` gave.
    scale
        For ``regression``, the absolute error from which on all errors count alike; ``None``: not known yet.

    Returns
    -------
    ``None`` for a loss that no interval is made of.
    """
    bounds = bounds_of(of, scale)
    if bounds is None:
        return None
    low, high = bounds
    clipped = (np.clip(values[of], low, high) - low) / (high - low)
    return np.maximum(clipped, values["unnamed"]) if of == "CrossEntropy" else clipped


def bounds_of(of: str, scale: float | None) -> tuple[float, float] | None:
    """Between what a loss is clipped for intervals; ``None`` for a loss that no interval is made of."""
    if of == "Accuracy":
        return 0.0, 1.0
    if of in ("LogLoss", "CrossEntropy"):
        return LOG_LOSS_BOUNDS
    if scale is None or of not in ("MAE", "MSE"):
        return None
    return 0.0, scale if of == "MAE" else scale**2
