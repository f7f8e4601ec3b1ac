"""Which River models and metrics fit which problem, and what is wrong with those that do not."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from river import base, compose, metrics

from models.baselines import BASELINES
from models.names import nearest
from models.pipeline import Pipeline

_NAME = re.compile(r"[a-z0-9_-]{1,64}")

#: What the last step of a model must be for each problem.
_KINDS: dict[str, tuple[type, str]] = {
    "binary": (base.Classifier, "a River classifier, like linear_model.LogisticRegression()"),
    "multiclass": (
        base.Classifier,
        "a River classifier of several classes, like tree.HoeffdingTreeClassifier()",
    ),
    "regression": (base.Regressor, "a River regressor, like linear_model.LinearRegression()"),
}

#: The metrics that can be computed for each problem.
_METRICS: dict[str, tuple[type, ...]] = {
    "binary": (metrics.base.BinaryMetric, metrics.base.MultiClassMetric),
    "multiclass": (metrics.base.MultiClassMetric,),
    "regression": (metrics.base.RegressionMetric,),
}

#: Metrics that are a table and not a number.
_TABLES = ("ClassificationReport", "ConfusionMatrix")


def model_mistakes(pipeline: Pipeline) -> Iterator[str]:
    """What is wrong with the models of a pipeline, as declarations."""
    models = pipeline.models
    if not isinstance(models, Mapping):
        yield f"models: {models!r:.80} is no dict of names to River models"
        return
    if not models:
        yield "models: there are none; declare one, like {'logistic': linear_model.LogisticRegression()}"
    yield from named_mistakes(pipeline.problem, "models", models)


def named_mistakes(problem: str, argument: str, models: Mapping[Any, Any]) -> Iterator[str]:
    """What is wrong with models and their names, wherever they are declared."""
    seen: dict[int, object] = {}
    for name, model in models.items():
        where = f"{argument}[{name!r:.80}]"
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            yield f"{where}: the name is not accepted; 1 to 64 lower case letters, digits, '-' and '_' are"
        elif name in BASELINES:
            yield f"{where}: the name is that of a baseline, which runs beside every pipeline; choose another"
        if id(model) in seen:
            yield f"{where}: it is the same object as {argument}[{seen[id(model)]!r:.80}]; declare one of its own"
        seen[id(model)] = name
        for found in _estimator_mistakes(problem, model):
            yield f"{where}: {found}"


def one_by_one(model: Any) -> list[str]:
    """The classes in a model that can't learn many examples at a time; none if River's ``learn_many`` works."""
    if isinstance(model, compose.Pipeline):
        return [name for step in model.steps.values() for name in one_by_one(step)]
    if isinstance(model, compose.TransformerUnion):
        return [name for step in model.transformers.values() for name in one_by_one(step)]
    wanted = ("learn_many", "transform_many") if isinstance(model, base.Transformer) else ("learn_many",)
    return [] if all(callable(getattr(model, verb, None)) for verb in wanted) else [type(model).__name__]


def _estimator_mistakes(problem: str, model: object) -> Iterator[str]:
    if problem not in _KINDS:
        return
    kind, accepted = _KINDS[problem]
    if isinstance(model, type):
        yield f"{model.__name__} is a class, not a model; write {model.__name__}(...)"
        return
    last = model
    while isinstance(last, compose.Pipeline) and last.steps:
        last = list(last.steps.values())[-1]
    if not isinstance(last, kind):
        found = f"{type(last).__name__} is {_kind_of(last)}"
        yield f"{found}; for problem {problem!r} {accepted} is accepted"
        return
    if isinstance(last, base.Classifier):
        yield from _classifier_mistakes(problem, last)
    for name in _unseeded("", model):
        yield f"{name} has no seed, so no replay can repeat it; set seed=1 or another"


def _classifier_mistakes(problem: str, classifier: base.Classifier) -> Iterator[str]:
    name = type(classifier).__name__
    if problem == "multiclass" and not classifier._multiclass:
        yield f"{name} knows two classes only; wrap it: multiclass.OneVsRestClassifier({name}(...))"
    if type(classifier).predict_proba_one is base.Classifier.predict_proba_one:
        yield f"{name} gives no probabilities (predict_proba_one), which scores are made of; take another"


def _kind_of(value: object) -> str:
    kinds = {
        base.Classifier: "a classifier",
        base.Regressor: "a regressor",
        base.Transformer: "a transformer",
        base.SupervisedTransformer: "a transformer",
        base.Clusterer: "a clusterer",
        base.Estimator: "a River estimator of another kind",
    }
    return next((words for kind, words in kinds.items() if isinstance(value, kind)), "no River estimator")


def _unseeded(name: str, value: Any) -> Iterator[str]:
    """The names of all classes that were given a seed of None, in a model or anywhere inside it.

    River gives the parameters of what is inside as a pair of class and parameters, those of the steps of a
    pipeline as a dict under the step's name.
    """
    if isinstance(value, base.Base):
        yield from _unseeded(type(value).__name__, value._get_params())
    elif isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], type):
        yield from _unseeded(value[0].__name__, value[1])
    elif isinstance(value, Mapping):
        if value.get("seed", 0) is None:
            yield name
        for key, inner in value.items():
            yield from _unseeded(str(key), inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _unseeded(name, inner)


def metric_mistakes(problem: str, name: object, others: Sequence[str] = ()) -> Iterator[str]:
    """What is wrong with the metric of an objective; ``others``: what is accepted beside River's."""
    if problem not in _METRICS:
        return
    fitting = [*fitting_metrics(problem), *others]
    if name in fitting:
        return
    known = isinstance(name, str) and inspect.isclass(getattr(metrics, name, None))
    found = f"does not fit problem {problem!r}" if known else "is no metric of River"
    yield f"objective: metric {name!r:.80} {found}; accepted are {', '.join(fitting)}{nearest(name, fitting)}"


def fitting_metrics(problem: str) -> list[str]:
    """The names of River's metrics for a problem that need no arguments."""
    return [
        name
        for name, metric in inspect.getmembers(metrics, inspect.isclass)
        if issubclass(metric, _METRICS[problem])
        and name not in _TABLES
        # It takes a probability for each class; LogLoss is the same for two.
        and not (problem == "binary" and name == "CrossEntropy")
        and not inspect.isabstract(metric)
        and all(parameter.default is not parameter.empty for parameter in inspect.signature(metric).parameters.values())
    ]
