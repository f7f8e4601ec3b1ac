"""River's metrics for each problem, fed with the scores that were served."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from river import metrics

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
        self._overall = _fresh(problem)
        self._last: deque[tuple[LabelValue, tuple[Any, Any]]] = deque(maxlen=window)
        self._bind()

    def _bind(self) -> None:
        """Look up once what every label needs."""
        self._updates = _updates(self._overall)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_updates"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._bind()

    def update(self, label: LabelValue, score: Score) -> None:
        """A label has come for what was served."""
        self.count += 1
        answers = _as_answer(self._problem, score, self._label_type)
        self._last.append((label, answers))
        for update, kind in self._updates:
            update(label, answers[kind])

    def revert(self, label: LabelValue, score: Score) -> None:
        """The label was wrong: take back what it added to the metrics over all labels."""
        self.count -= 1
        answers = _as_answer(self._problem, score, self._label_type)
        for metric in self._overall.values():
            metric.revert(label, answers[_kind(metric)])

    def overall(self) -> dict[str, float]:
        """Name to value over all labels."""
        return _values(self._overall)

    def rolling(self) -> dict[str, float]:
        """Name to value over the last labels.

        Computed from these labels alone, which costs about one update per label where reports come once per
        window. Taking back the oldest at each label costs more, and one huge error would leave its rounding
        error in the window for ever.
        """
        rolling = _fresh(self._problem)
        updates = _updates(rolling)
        for label, answers in self._last:
            for update, kind in updates:
                update(label, answers[kind])
        return _values(rolling)


def _fresh(problem: Problem) -> dict[str, Any]:
    return {name: getattr(metrics, name)() for name in METRICS[problem]}


def _updates(of: dict[str, Any]) -> list[tuple[Callable[[Any, Any], None], int]]:
    """What each metric is told of a label, and which of the two answers it wants."""
    return [(metric.update, _kind(metric)) for metric in of.values()]


def _values(of: dict[str, Any]) -> dict[str, float]:
    # None of them is ever negative; but taking back a wrong label may leave a mean a rounding error below
    # zero, and its square root is then complex.
    return {name: max(0.0, complex(metric.get()).real) for name, metric in of.items()}


def _kind(metric: Any) -> int:
    """Which of the two answers a metric wants: 0 the probabilities or the value, 1 the label."""
    return int(isinstance(metric, metrics.base.ClassificationMetric) and bool(metric.requires_labels))
