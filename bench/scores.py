"""The model of the bench and what is measured about it, for bare River and Headrace's leader alike.

Headrace's leader updates two metrics over all labels at every label, for the model and for both baselines, and
with every thousandth label reports them, together with the same metrics over the last thousand labels, computed
from those. :class:`Scores` does exactly that with nothing around it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Protocol

from river import dummy, linear_model, metrics, preprocessing

# Labels between two reports, and labels that the rolling metrics look back on: the defaults of a pipeline.
REPORT_EVERY_LABELS = 1000
WINDOW_LABELS = 1000

Probabilities = Mapping[bool, float]


class Model(Protocol):
    """What the bench uses of a River classifier; River's own types ask for more than its code does."""

    def predict_proba_one(self, features: Any, /) -> Any:
        """Give the probability of each label."""

    def learn_one(self, features: Any, label: Any, /) -> Any:
        """Learn one example."""


def model() -> Model:
    """Make the model that every contender serves: scaler and logistic regression, at River's defaults."""
    return preprocessing.StandardScaler() | linear_model.LogisticRegression()


def baselines() -> dict[str, Model]:
    """Make the two models that a model has to beat: the share of each label so far, and the last label."""
    return {"prior": dummy.PriorClassifier(), "no-change": dummy.NoChangeClassifier()}


class Scores:
    """The metrics of one model, kept up with every label."""

    def __init__(self) -> None:
        self._log_loss = metrics.LogLoss()
        self._accuracy = metrics.Accuracy()
        self._last: deque[tuple[bool, float]] = deque(maxlen=WINDOW_LABELS)

    def update(self, label: bool, predicted: Probabilities) -> None:
        """Count one label against the prediction made before it.

        A model that has seen nothing predicts an empty mapping; it is skipped, as in River's own evaluation.
        """
        if not predicted:
            return
        chance = predicted.get(True, 0.0)
        self._last.append((label, chance))
        self._log_loss.update(label, chance)
        self._accuracy.update(label, chance > 0.5)

    def values(self) -> dict[str, float]:
        """Report: every metric's value by its name, over all labels and over the last ones."""
        log_loss, accuracy = metrics.LogLoss(), metrics.Accuracy()
        for label, chance in self._last:
            log_loss.update(label, chance)
            accuracy.update(label, chance > 0.5)
        return {
            "log_loss": float(self._log_loss.get()),
            "accuracy": float(self._accuracy.get()),
            "log_loss_rolling": float(log_loss.get()),
            "accuracy_rolling": float(accuracy.get()),
        }
