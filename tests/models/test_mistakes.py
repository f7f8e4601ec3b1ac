"""Every mistake in a declaration is told, each with the value, what is accepted and the nearest name."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from river import (
    anomaly,
    cluster,
    compose,
    ensemble,
    linear_model,
    multiclass,
    optim,
    preprocessing,
    tree,
)

from models.mistakes import mistakes
from models.monitoring import Objective
from models.names import is_legal_name
from models.pipeline import Field, Label, Pipeline
from streams import topology

RIGHT = Pipeline(
    name="flights",
    problem="binary",
    fields=[Field("carrier", str, category=True), Field("distance", float, minimum=0)],
    id="flight_id",
    time="scheduled_at",
    label=Label(timeout="36h"),
    models={
        "logistic": preprocessing.OneHotEncoder() | linear_model.LogisticRegression(),
        "tree": tree.HoeffdingAdaptiveTreeClassifier(seed=1),
    },
    champion="logistic",
    objective=Objective("LogLoss", better_than="prior", by=0.02),
)

SHARED = linear_model.LogisticRegression()


def found(**changes: Any) -> list[str]:
    return mistakes(dataclasses.replace(RIGHT, **changes))


def test_a_right_declaration_has_no_mistakes() -> None:
    assert found() == []
    assert (
        found(
            objective=[Objective("coverage", at_least=0.9, over="7d"), Objective("latency_p99_ms", at_most=50)],
            groups=["carrier"],
            label=Label(timeout="36h", default=False),
        )
        == []
    )


def test_a_prepared_feature_may_be_a_group() -> None:
    assert found(prepare=[dict], groups=["season"]) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": "Flights"}, "name: 'Flights' cannot begin the names of topics"),
        ({"name": 7}, "name: 7 cannot begin the names of topics"),
        ({"problem": "binry"}, "problem: 'binry' is not one of 'binary', 'multiclass', 'regression'; did you mean"),
        ({"unknown_fields": "drop"}, "unknown_fields: 'drop' is not one of 'ignore', 'reject'"),
        ({"fields": []}, "fields: there are none"),
        ({"fields": "distance"}, "fields: 'distance' is no list of Field(...)"),
        ({"fields": ["distance"]}, "fields[0]: 'distance' is no Field; write Field('distance', float)"),
        ({"fields": [Field("")]}, "fields[0]: the name '' is no non-empty text"),
        ({"fields": [Field("x"), Field("x")]}, "fields[1] 'x': the name is declared twice"),
        (
            {"fields": [Field("x", complex)]},
            "fields[0] 'x': type complex is not accepted; float, int, bool and str are",
        ),
        ({"fields": [Field("x", category=True)]}, "fields[0] 'x': a category is a str, not float"),
        ({"fields": [Field("x", str, minimum=0)]}, "fields[0] 'x': minimum bound numbers, and this is a str"),
        ({"fields": [Field("x", minimum=float("nan"))]}, "fields[0] 'x': minimum nan is no finite number"),
        ({"fields": [Field("x", minimum=2, maximum=1)]}, "fields[0] 'x': minimum 2 is greater than maximum 1"),
        ({"fields": [Field("x", str, length_max=0)]}, "fields[0] 'x': length_max: 0 is no whole number of 1 or more"),
        ({"fields": [Field("x", samples="abc")]}, "fields[0] 'x': samples 'abc' is no list of values"),
        ({"fields": [Field("flight_id", str)]}, "fields: id, key and time are no features"),
        ({"id": "distanse"}, "id: 'distanse' is not among the fields; did you mean 'distance'?"),
        ({"key": "carier"}, "key: 'carier' is not among the fields; did you mean 'carrier'?"),
        ({"time": 5}, "time: 5 is no name of a field"),
        ({"id": "distance"}, "id: field 'distance' is a float; str or int is accepted"),
        (
            {"fields": [Field("x"), Field("at", bool)], "time": "at"},
            "time: field 'at' is a bool; str or int or float is accepted",
        ),
        ({"fields": [Field("x"), Field("n", int, optional=True)], "id": "n"}, "id: field 'n' is optional"),
        ({"label": "36h"}, "label: '36h' is no Label; write Label(timeout='36h')"),
        ({"label": Label()}, "label: timeout is missing"),
        ({"label": Label(timeout="36 hours")}, "label: timeout: '36 hours' is no duration"),
        (
            {"label": Label(timeout=timedelta(-1))},
            "label: timeout: datetime.timedelta(days=-1) is not longer than nothing",
        ),
        ({"label": Label(timeout="9" * 30 + "w")}, "label: timeout: "),
        ({"label": Label(timeout="2h", remember="1h")}, "label: remember '1h' is shorter than timeout '2h'"),
        ({"label": Label(timeout="2h", type=str)}, "label: type str does not fit problem 'binary'; bool is accepted"),
        ({"future_max": "soon"}, "future_max: 'soon' is no duration"),
        ({"future_max": 5}, "future_max: 5 is no duration; write text like '36h'"),
        ({"prepare": [len, "x"]}, "prepare[1]: 'x' is no function"),
        ({"prepare": len}, "prepare: <built-in function len> is no list of functions"),
        ({"models": [SHARED]}, "models: [LogisticRegression"),
        ({"models": {}}, "models: there are none"),
        ({"champion": "Tree"}, "champion: 'Tree' is not one of 'logistic', 'tree'; did you mean 'tree'?"),
        ({"champion": None}, "champion: None is not one of 'logistic', 'tree'"),
        ({"objective": "LogLoss"}, "objective: 'LogLoss' is no Objective"),
        (
            {"objective": Objective("LogLos", "prior")},
            "objective: metric 'LogLos' is no metric of River; accepted are Accuracy, ",
        ),
        ({"objective": Objective("MAE", "prior")}, "objective: metric 'MAE' does not fit problem 'binary'"),
        (
            {"objective": Objective("ConfusionMatrix", at_most=1)},
            "objective: metric 'ConfusionMatrix' does not fit problem 'binary'",
        ),
        (
            {"objective": Objective("LogLoss", "piror")},
            "objective: better_than: 'piror' is not one of 'prior', 'no-change'",
        ),
        ({"objective": Objective("LogLoss", "prior", by=-0.1)}, "objective: by -0.1 is no number of 0 or more"),
        (
            {"objective": Objective("LogLoss")},
            "objective: 'LogLoss' has no bound; say what must hold, with better_than=",
        ),
        ({"objective": Objective("LogLoss", at_most="low")}, "objective: at_most 'low' is no finite number"),  # type: ignore[arg-type]
        ({"objective": Objective("LogLoss", at_least=float("nan"))}, "objective: at_least nan is no finite number"),
        (
            {"objective": Objective("Accuracy", at_least=0.9, at_most=0.8)},
            "objective: at_least 0.9 is greater than at_most 0.8",
        ),
        (
            {"objective": Objective("latency_p99_ms", better_than="prior")},
            "objective: better_than cannot be had for 'latency_p99_ms'",
        ),
        ({"objective": Objective("coverage", at_least=0.9, over="a week")}, "objective: over: 'a week' is no duration"),
        (
            {"objective": Objective("ROCAUC", at_least=0.7, over="7d")},
            "objective: 'ROCAUC' cannot be had over event time",
        ),
        ({"objective": Objective("CrossEntropy", at_most=1)}, "objective: metric 'CrossEntropy' does not fit"),
        ({"objective": Objective("latency_p95_ms", at_most=1)}, "objective: metric 'latency_p95_ms' is no metric"),
        ({"groups": "carrier"}, "groups: 'carrier' is no list of features; write groups=['carrier']"),
        ({"groups": ["carier"]}, "groups[0]: 'carier' is not among the fields; did you mean 'carrier'?"),
        ({"groups": ["carrier", "carrier"]}, "groups[1]: 'carrier' is named twice"),
        ({"groups": ["flight_id"]}, "groups[0]: 'flight_id' is the id, which is no feature"),
        ({"groups": [f"g{n}" for n in range(9)], "prepare": [dict]}, "groups: 9 are more than 8"),
        ({"groups": [7]}, "groups[0]: 7 is no name of a feature"),
        ({"label": Label(timeout="36h", default="no")}, "label: default does not fit problem 'binary'"),
        ({"partitions": 0}, "partitions: 0 is no whole number of 1 or more"),
        ({"profile_events": -1}, "profile_events: -1 is no whole number of 0 or more"),
        ({"health_window": 10.5}, "health_window: 10.5 is no whole number of 1 or more"),
        ({"event_bytes_max": True}, "event_bytes_max: True is no whole number of 1 or more"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_a_mistake_is_told_alone_with_a_way_out(changes: dict[str, Any], sentence: str) -> None:
    (mistake,) = found(**changes)
    assert mistake.startswith(sentence)


@pytest.mark.parametrize(
    ("problem", "model", "sentence"),
    [
        ("binary", linear_model.LinearRegression(), "LinearRegression is a regressor; for problem 'binary'"),
        ("binary", SHARED | preprocessing.StandardScaler(), "StandardScaler is a transformer"),
        ("binary", cluster.KMeans(seed=1), "KMeans is a clusterer"),
        ("binary", anomaly.HalfSpaceTrees(seed=1), "HalfSpaceTrees is a River estimator of another kind"),
        ("binary", "logistic", "str is no River estimator"),
        (
            "binary",
            linear_model.LogisticRegression,
            "LogisticRegression is a class, not a model; write LogisticRegression(...)",
        ),
        ("binary", tree.HoeffdingAdaptiveTreeClassifier(), "HoeffdingAdaptiveTreeClassifier has no seed"),
        (
            "binary",
            ensemble.BaggingClassifier(tree.HoeffdingAdaptiveTreeClassifier(), seed=1),
            "HoeffdingAdaptiveTreeClassifier has no seed",
        ),
        ("binary", linear_model.LogisticRegression(initializer=optim.initializers.Normal()), "Normal has no seed"),
        (
            "multiclass",
            preprocessing.StandardScaler() | linear_model.LogisticRegression(),
            "LogisticRegression knows two classes only; wrap it: multiclass.OneVsRestClassifier(",
        ),
        ("multiclass", linear_model.LinearRegression(), "LinearRegression is a regressor; for problem 'multiclass'"),
        (
            "regression",
            tree.HoeffdingTreeClassifier(),
            "HoeffdingTreeClassifier is a classifier; for problem 'regression'",
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_model_that_does_not_fit_is_told_with_what_would(problem: str, model: Any, sentence: str) -> None:
    (mistake,) = found(problem=problem, models={"m": model}, champion="m", objective=None)
    assert mistake.startswith(f"models['m']: {sentence}")


@pytest.mark.parametrize(
    ("problem", "model"),
    [
        ("binary", compose.Pipeline(preprocessing.StandardScaler(), tree.HoeffdingTreeClassifier())),
        ("multiclass", tree.HoeffdingTreeClassifier()),
        ("multiclass", multiclass.OneVsRestClassifier(linear_model.LogisticRegression())),
        ("regression", preprocessing.TargetStandardScaler(linear_model.LinearRegression())),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_model_that_fits_is_accepted(problem: str, model: Any) -> None:
    assert found(problem=problem, models={"m": model}, champion="m", objective=None) == []


@pytest.mark.parametrize(
    ("models", "sentences"),
    [
        ({"Logistic": SHARED}, ["models['Logistic']: the name is not accepted"]),
        ({"prior": SHARED}, ["models['prior']: the name is that of a baseline"]),
        ({"a": SHARED, "b": SHARED}, ["models['b']: it is the same object as models['a']"]),
    ],
)
def test_a_name_that_is_taken_or_illegal_is_told(models: dict[str, Any], sentences: Sequence[str]) -> None:
    told = found(models=models, champion=next(iter(models)))
    assert [mistake.startswith(sentence) for mistake, sentence in zip(told, sentences, strict=True)] == [True]


def test_all_mistakes_are_told_at_once() -> None:
    told = found(name="", problem="x", fields=[3], label=None, models={"prior": 5}, champion="y", partitions=-1)
    assert [mistake.partition(":")[0] for mistake in told] == [
        "name",
        "problem",
        "fields[0]",
        "label",
        "models['prior']",
        "champion",
        "partitions",
    ]


def test_an_undeclared_id_that_is_like_no_field_is_accepted() -> None:
    assert found(id="number", key="airport", time="at") == []


@pytest.mark.parametrize("name", ["a", "flights", "a" * 64, "a-b_c9", "", "-a", "a-", "A", "a.b", "é", "a" * 65])
def test_a_name_that_is_legal_here_is_legal_for_topics(name: str) -> None:
    assert is_legal_name(name) == topology.is_legal_name(name)
