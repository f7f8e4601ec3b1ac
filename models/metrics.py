"""River's metrics for each problem, fed with the scores that were served."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from river import metrics, utils

from models.pipeline import Problem
from schemas.values import LabelValue, Score

#: What ``health`` reports for each problem.
METRICS: dict[Problem, tuple[str, ...]] = {
    "binary": ("LogLoss", "Accuracy"),
    "multiclass": ("CrossEntropy", "Accuracy"),
    "regression": ("MAE", "RMSE"),
}


def _as_answer(problem: Problem, score: Score, label_type: type) -> tuple[Any, Any]:
    """The score as River's metrics want it: as probabilities or value, and as a label or value."""
    if problem == "regression":
        return score, score
    if isinstance(score, dict):
        probabilities = {label_type(label): value for label, value in score.items()}
        return probabilities, max(probabilities, key=probabilities.__getitem__)
    return score, score > 0.5


class Metrics:
    """The metrics of one model, over all labels and over the last ``window``.

    Parameters
    ----------
    problem, label_type
        Of the pipeline.
    window
        Labels in the rolling metrics.
    """

    def __init__(self, problem: Problem, label_type: type, window: int) -> None:
        self.count = 0
        self._problem = problem
        self._label_type = label_type
        self._overall = {name: getattr(metrics, name)() for name in METRICS[problem]}
        self._rolling = {
            name: utils.Rolling(getattr(metrics, name), window_size=window) for name in METRICS[problem]
        }

    def update(self, label: LabelValue, score: Score) -> None:
        """A label has come for what was served."""
        self.count += 1
        answers = _as_answer(self._problem, score, self._label_type)
        for overall, rolling, kind in self._updates:
            overall(label, answers[kind])
            rolling(label, answers[kind])

    def revert(self, label: LabelValue, score: Score) -> None:
        """The label was wrong: take back what it added to the metrics over all labels."""
        self.count -= 1
        answers = _as_answer(self._problem, score, self._label_type)
        for metric in self._overall.values():
            metric.revert(label, answers[_kind(metric)])

    @property
    def _updates(self) -> list[tuple[Callable[[Any, Any], None], Callable[[Any, Any], None], int]]:
        return [
            (metric.update, self._rolling[name].update, _kind(metric))
            for name, metric in self._overall.items()
        ]

    def overall(self) -> dict[str, float]:
        """Name to value over all labels."""
        return {name: float(metric.get()) for name, metric in self._overall.items()}

    def rolling(self) -> dict[str, float]:
        """Name to value over the last labels."""
        return {name: float(metric.get()) for name, metric in self._rolling.items()}


def _kind(metric: Any) -> int:
    """Which of the two answers a metric wants: 0 the probabilities or the value, 1 the label."""
    return int(isinstance(metric, metrics.base.ClassificationMetric) and bool(metric.requires_labels))
