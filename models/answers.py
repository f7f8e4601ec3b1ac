"""What a River model's answer becomes: one finite score, or none yet."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from models.pipeline import Problem
from schemas.errors import BadRecord
from schemas.values import LabelValue, Score

#: From features to a score; ``None`` while the model has not learnt anything it could answer from.
Answer = Callable[[dict[str, Any]], Score | None]


def _refuse(name: str, value: float, wanted: str) -> BadRecord:
    return BadRecord("prediction", f"model {name!r} answered {value!r}, which is no {wanted}")


def _binary(name: str, model: Any) -> Answer:
    predict = model.predict_proba_one

    def answer(features: dict[str, Any]) -> Score | None:
        probabilities = predict(features)
        if not probabilities:
            return None
        score = float(probabilities.get(True, 0.0))
        if not 0.0 <= score <= 1.0:  # false for NaN too
            raise _refuse(name, score, "probability")
        return score

    return answer


def _multiclass(name: str, model: Any) -> Answer:
    predict = model.predict_proba_one

    def answer(features: dict[str, Any]) -> Score | None:
        score = {str(label): float(probability) for label, probability in predict(features).items()}
        for probability in score.values():
            if not 0.0 <= probability <= 1.0:
                raise _refuse(name, probability, "probability")
        return score or None

    return answer


def _regression(name: str, model: Any) -> Answer:
    predict = model.predict_one

    def answer(features: dict[str, Any]) -> Score | None:
        value = predict(features)
        if value is None:
            return None
        score = float(value)
        if not math.isfinite(score):
            raise _refuse(name, score, "finite number")
        return score

    return answer


def answering(problem: Problem, name: str, model: Any) -> Answer:
    """The function that asks a model.

    The returned function raises :class:`~schemas.errors.BadRecord` with the model's name for an answer that is
    no probability, or no finite number.
    """
    return {"binary": _binary, "multiclass": _multiclass, "regression": _regression}[problem](name, model)


def label_from(problem: Problem, score: Score | None, label_type: type) -> LabelValue | None:
    """The most likely class; ``None`` for regression and where there is no score."""
    if score is None or problem == "regression":
        return None
    if isinstance(score, dict):
        best = max(score, key=score.__getitem__)
        return int(best) if label_type is int else best
    return score > 0.5
