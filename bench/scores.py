"""The model of the bench and what is measured about it, for bare River and Headrace's leader alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from river import dummy, linear_model, metrics, preprocessing, utils

WINDOW_EXAMPLES = 1000

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


def metric_list() -> dict[str, Any]:
    """Make the metrics kept of each model: log loss and accuracy, overall and over the last thousand."""
    kinds: dict[str, Any] = {"log_loss": metrics.LogLoss, "accuracy": metrics.Accuracy}
    overall = {name: make() for name, make in kinds.items()}
    rolling = {f"{name}_rolling": utils.Rolling(make(), window_size=WINDOW_EXAMPLES) for name, make in kinds.items()}
    return overall | rolling


class Scores:
    """The metrics of one model, kept up with every label."""

    def __init__(self) -> None:
        self._metrics = metric_list()
        self._of_probability = [self._metrics["log_loss"], self._metrics["log_loss_rolling"]]
        self._of_label = [self._metrics["accuracy"], self._metrics["accuracy_rolling"]]

    def update(self, label: bool, predicted: Probabilities) -> None:
        """Count one label against the prediction made before it.

        A model that has seen nothing predicts an empty mapping; River's own evaluation skips it, and so does
        this.
        """
        if not predicted:
            return
        for metric in self._of_probability:
            metric.update(label, predicted)
        likeliest = max(predicted, key=predicted.__getitem__)
        for metric in self._of_label:
            metric.update(label, likeliest)

    def values(self) -> dict[str, float]:
        """Give every metric's value by its name."""
        return {name: float(metric.get()) for name, metric in self._metrics.items()}
