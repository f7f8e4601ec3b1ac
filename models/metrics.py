"""River's metrics for each problem, fed with the scores that were served."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from river import metrics

from models.losses import ADDITIVE, losses
from models.pipeline import Problem
from models.tails import Numbers, Tail
from schemas.values import LabelValue, Score

#: What ``health`` reports for each problem.
METRICS: dict[Problem, tuple[str, ...]] = {
    "binary": ("LogLoss", "Accuracy"),
    "multiclass": ("CrossEntropy", "Accuracy"),
    "regression": ("MAE", "RMSE"),
}

#: What an objective may be about beside River's metrics.
OTHER_METRICS = ("coverage", "latency_p50_ms", "latency_p99_ms")


class Metrics:
    """The metrics of one model, over all labels and over the last ``window``.

    A metric that is a mean of losses is computed here, with the operations of River's own object in their order, so
    that it has the same value to the last bit at a fraction of the cost. All others are left to River's objects.

    Parameters
    ----------
    problem, label_type
        Of the pipeline.
    window
        Labels in the rolling metrics.
    more
        Names of metrics beside those of :data:`METRICS`.
    """

    def __init__(self, problem: Problem, label_type: type, window: int, more: Sequence[str] = ()) -> None:
        self.count = 0
        self._problem = problem
        self._label_type = label_type
        self.names = tuple(dict.fromkeys((*METRICS[problem], *more)))
        additive = ADDITIVE[problem]
        self.of = tuple(dict.fromkeys(additive[name].of for name in self.names if name in additive))
        self._means = dict.fromkeys(self.of, (0.0, 0.0))
        self._tail = Tail(window, len(self.of))
        self._rolling: dict[str, float] | None = None
        self._others = self._fresh()
        self._last: deque[tuple[LabelValue, Score]] = deque(maxlen=window if self._others else 0)

    def _fresh(self) -> dict[str, Any]:
        """River's own objects, for the metrics that are no means."""
        return {name: getattr(metrics, name)() for name in self.names if name not in ADDITIVE[self._problem]}

    def update(self, label: LabelValue, score: Score) -> None:
        """A label has come for what was served."""
        self.extend([label], [score])

    def revert(self, label: LabelValue, score: Score) -> None:
        """The label was wrong: take back what it added to the metrics over all labels."""
        self.extend([label], [score], np.array([-1.0]))

    def extend(
        self, labels: Sequence[LabelValue], scores: Sequence[Score], weights: Numbers | None = None
    ) -> dict[str, Numbers]:
        """Labels have come, or some of them are taken back.

        Parameters
        ----------
        labels, scores
            What was true and what was served.
        weights
            1 for a label that has come, -1 for one that is taken back; none: all have come.

        Returns
        -------
        The losses, as :func:`models.losses.losses` gives them.
        """
        self._rolling = None
        values = losses(self._problem, self.of, labels, scores)
        signs = None if weights is None else weights.tolist()
        for of, mean in self._means.items():
            fold = _share if of == "Accuracy" else _mean
            self._means[of] = fold(mean, values[of].tolist(), signs)
        come = slice(None) if weights is None else weights > 0
        self._tail.add(np.column_stack([values[of] for of in self.of])[come])
        self.count += len(labels) if signs is None else round(sum(signs))
        if self._others:
            self._tell(zip(labels, scores, signs or [1.0] * len(labels), strict=True))
        return values

    def _tell(self, rows: Iterable[tuple[LabelValue, Score, float]]) -> None:
        for label, score, weight in rows:
            self._update(self._others, label, score, "update" if weight > 0 else "revert")
            if weight > 0:
                self._last.append((label, score))

    def _update(self, of: dict[str, Any], label: LabelValue, score: Score, how: str = "update") -> None:
        answers = _as_answer(self._problem, score, self._label_type)
        for metric in of.values():
            # A metric may be undefined for a label, like a logarithm of one below zero; it is then without it.
            try:
                getattr(metric, how)(label, answers[_kind(metric)])
            except (ArithmeticError, ValueError):
                continue

    def overall(self) -> dict[str, float]:
        """Name to value over all labels."""
        return self._values(self._means, self._others)

    def rolling(self) -> dict[str, float]:
        """Name to value over the last labels.

        Computed from these labels alone, which costs about one update per label where reports come once per
        window. Taking back the oldest at each label costs more, and one huge error would leave its rounding
        error in the window for ever.
        """
        if self._rolling is not None:
            return self._rolling
        others = self._fresh()
        for label, score in self._last:
            self._update(others, label, score)
        means = {
            of: (_share if of == "Accuracy" else _mean)((0.0, 0.0), column.tolist(), None)
            for of, column in zip(self.of, self._tail.rows.T, strict=True)
        }
        self._rolling = self._values(means, others)
        return self._rolling

    def _values(self, means: dict[str, tuple[float, float]], others: dict[str, Any]) -> dict[str, float]:
        values = {}
        for name in self.names:
            if name in others:
                value = _finite(others[name])
                if value is None:
                    continue
                values[name] = value
                continue
            metric = ADDITIVE[self._problem][name]
            count, total = means[metric.of]
            mean = total if metric.of != "Accuracy" else total / count if count else 0.0
            # No loss is ever negative; but taking back a wrong label may leave a mean a rounding error below
            # zero, which has no square root.
            values[name] = metric.finish(max(0.0, mean))
        return values


def _mean(state: tuple[float, float], values: list[float], signs: list[float] | None) -> tuple[float, float]:
    """Count and mean after these values: the operations of ``river.stats.Mean``, in their order."""
    count, mean = state
    if signs is None:
        ends = np.arange(count + 1.0, count + len(values) + 1.0)
        for value, share in zip(values, (1.0 / ends).tolist(), strict=True):
            mean += share * (value - mean)
        return count + len(values), mean
    for value, sign in zip(values, signs, strict=True):
        count += sign
        if sign > 0:
            mean += (1.0 / count) * (value - mean)
        elif count > 0:
            mean -= (1.0 / count) * (value - mean)
        else:
            mean = 0.0
    return count, mean


def _share(state: tuple[float, float], values: list[float], signs: list[float] | None) -> tuple[float, float]:
    """Count and number of right answers; sums of whole numbers are exact in any order."""
    count, right = state
    if signs is None:
        return count + len(values), right + sum(values)
    return count + sum(signs), right + sum(value * sign for value, sign in zip(values, signs, strict=True))


def _finite(metric: Any) -> float | None:
    """The value of one of River's objects; ``None`` where it has none yet."""
    try:
        value = complex(metric.get()).real
    except (ArithmeticError, ValueError):
        return None
    return value if np.isfinite(value) else None


def _as_answer(problem: Problem, score: Score, label_type: type) -> tuple[Any, Any]:
    """The score as River's metrics want it: as probabilities or value, and as a label or value."""
    if problem == "regression":
        return score, score
    if isinstance(score, dict):
        probabilities = {label_type(label): value for label, value in score.items()}
        return probabilities, max(probabilities, key=probabilities.__getitem__)
    return score, score > 0.5


def _kind(metric: Any) -> int:
    """Which of the two answers a metric wants: 0 the probabilities or the value, 1 the label."""
    return int(isinstance(metric, metrics.base.ClassificationMetric) and bool(metric.requires_labels))


def gains_more(problem: Problem, name: str) -> bool:
    """Whether more of a metric is better."""
    metric = ADDITIVE[problem].get(name)
    return metric.is_gain if metric is not None else bool(getattr(metrics, name)().bigger_is_better)
