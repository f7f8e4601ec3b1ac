"""Whatever becomes of labels, metrics are River's own on the same sequence, to the last bit."""

from __future__ import annotations

import pickle
import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import metrics

from models.changes import changes
from models.health import Monitor
from models.learning import Learning, fresh_from
from models.metrics import METRICS
from models.monitoring import Objective
from models.pipeline import Label, Pipeline, Problem
from schemas.examples import Example
from schemas.health import Health, ModelHealth
from schemas.predictions import Said
from tests.models.stories import START, every_problem, pipeline_for

WINDOW = 20

#: Metrics that are asked for by an objective, beside the usual ones: of River's own objects, and of ours.
MORE: dict[Problem, tuple[str, ...]] = {
    "binary": ("F1", "ROCAUC"),
    "multiclass": ("MacroF1", "CohenKappa"),
    # R2 fails in River when the only label is taken back.
    "regression": ("MSE", "MAPE", "SMAPE"),
}

probability = st.floats(0, 1) | st.sampled_from([0.0, 0.5, 1.0, 1e-16])
number = st.integers(-(10**9), 10**9).map(lambda whole: whole / 1000) | st.sampled_from([0.0, 0.1])
classes = st.sampled_from(["a", "b", "c"])
named = st.dictionaries(classes, probability, min_size=1)

LABELS: dict[Problem, st.SearchStrategy[Any]] = {"binary": st.booleans(), "multiclass": classes, "regression": number}
SCORES: dict[Problem, st.SearchStrategy[Any]] = {"binary": probability, "multiclass": named, "regression": number}


def pipeline_of(problem: Problem, default: Any = None, **changed: Any) -> Pipeline:
    objectives = [Objective(name, at_most=1) for name in MORE[problem]]
    label = Label(timeout="1h", default=default)
    changed = {"health_window": WINDOW, "health_every": 10**6, "objective": objectives} | changed
    pipeline = pipeline_for(problem, **changed)
    return Pipeline(**{name: getattr(pipeline, name) for name in Pipeline.__dataclass_fields__} | {"label": label})


class Unavailable:
    """Stands where a label would, if there will never be one."""

    def __repr__(self) -> str:
        return "unavailable"


UNAVAILABLE = Unavailable()


class Log:
    """A learning log of made-up scores, and River's objects that are told the same."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.names = (*METRICS[pipeline.problem], *MORE[pipeline.problem])
        self.records: list[Any] = changes(pipeline, Learning(pipeline, fresh_from(pipeline)))
        self.model = next(iter(pipeline.models))
        self.overall = self.fresh()
        self.last: list[tuple[Any, Any]] = []
        self.labels: dict[int, Any] = {}
        self.served: dict[int, Example] = {}

    def fresh(self) -> dict[str, Any]:
        return {name: getattr(metrics, name)() for name in self.names}

    def tell(self, of: dict[str, Any], how: str, label: Any, score: Any) -> None:
        """As River wants it: labels where it wants labels."""
        for metric in of.values():
            classified = isinstance(metric, metrics.base.ClassificationMetric) and metric.requires_labels
            best = max(score, key=score.__getitem__) if isinstance(score, dict) else score > 0.5
            getattr(metric, how)(label, best if classified else score)

    def outcome(self, number: int, label: Any, score: Any) -> None:
        """An event expires with no label; or a label comes for it, the first, another one, or a late one; or there is
        never to be one, or no longer.
        """
        served = self.served.setdefault(
            number,
            Example(
                id=str(number),
                partition=0,
                time=START + timedelta(seconds=number),
                status="expired",
                features={"size": number % 3},
                said=[Said(model=self.model, version=1, score=score)],
                position=0,
            ),
        )
        score = served.said[0].score
        is_known, before = number in self.labels, self.labels.get(number)
        if is_known and (label is None or before == label):
            return
        self.records.append(served if label is None else labelled(served, is_known, label, before))
        counted = self.counts(before) if is_known else None
        if counted is not None:
            self.tell(self.overall, "revert", counted, score)
        self.labels[number] = label
        counts = self.counts(label)
        if counts is not None:
            self.tell(self.overall, "update", counts, score)
            self.last.append((counts, score))

    def counts(self, label: Any) -> Any:
        """The label that an event counts with."""
        if label is UNAVAILABLE:
            return None
        return self.pipeline.label.default if label is None else label

    def rolling(self) -> dict[str, float]:
        fresh = self.fresh()
        for label, score in self.last[-WINDOW:]:
            self.tell(fresh, "update", label, score)
        return values(fresh)


def labelled(served: Example, is_known: bool, label: Any, before: Any) -> Example:
    replaces: Any = "expired" if before is None else "unavailable" if before is UNAVAILABLE else "known"
    return Example(
        id=served.id,
        partition=0,
        time=served.time,
        status="unavailable" if label is UNAVAILABLE else "corrected" if is_known else "known",
        label=None if label is UNAVAILABLE else label,
        previous=None if before is UNAVAILABLE else before,
        replaces=replaces if is_known else None,
        labelled=served.time + timedelta(minutes=1),
        features=served.features,
        said=served.said,
        position=0,
    )


def values(of: dict[str, Any]) -> dict[str, float]:
    return {name: metric.get() for name, metric in of.items()}


def judged(report: Health, log: Log) -> ModelHealth:
    return next(model for model in report.models if model.model == log.model)


@every_problem
@pytest.mark.parametrize("has_default", [False, True], ids=["no default", "default"])
@settings(deadline=None, max_examples=25)
@given(story=st.data())
def test_metrics_are_river_s_after_corrections_late_labels_expiries_and_unavailable_ones(
    problem: Problem, has_default: bool, story: st.DataObject
) -> None:
    default = {"binary": False, "multiclass": "a", "regression": 0.0}[problem] if has_default else None
    log = Log(pipeline_of(problem, default))
    outcome = st.tuples(st.integers(0, 30), LABELS[problem] | st.sampled_from([None, UNAVAILABLE]), SCORES[problem])
    for one in story.draw(st.lists(outcome, min_size=1, max_size=80)):
        log.outcome(*one)
    monitor = Monitor(log.pipeline)
    for offset, record in enumerate(log.records):
        monitor.fold(offset, record)
    if not monitor.news:
        return
    report = monitor.report()
    health = judged(report, log)
    negative = {name: value for name, value in values(log.overall).items() if isinstance(value, complex) or value < 0}
    # Rounding errors below zero are raised to zero; only kappa is meant to go there.
    for name, value in values(log.overall).items():
        if name not in negative or name == "CohenKappa":
            assert health.metrics[name] == value, name
    assert health.rolling == pytest.approx(log.rolling(), abs=0, rel=0)
    assert health.count == sum(log.counts(label) is not None for label in log.labels.values())
    assert_counts(log, report)


def assert_counts(log: Log, report: Health) -> None:
    """Over all time each record counts; in cohorts, what has become of each event."""
    records = [record for record in log.records if isinstance(record, Example)]
    statuses = Counter(record.status for record in records)
    told = report.labels
    assert statuses == Counter(
        {"known": told.known, "corrected": told.corrected, "expired": told.expired, "unavailable": told.unavailable}
    )
    replaced = Counter((record.status, record.replaces) for record in records)
    assert told.late == replaced["corrected", "expired"]
    assert told.withdrawn == replaced["unavailable", "known"]
    states = Counter(
        "expired" if label is None else "unavailable" if label is UNAVAILABLE else "known"
        for label in log.labels.values()
    )
    for name in ("known", "expired", "unavailable"):
        assert sum(getattr(cohort, name) for cohort in report.cohorts) == states[name]


@every_problem
def test_a_long_life_of_corrections_leaves_them_the_same_to_the_last_bit(problem: Problem) -> None:
    source = random.Random(1)
    log = Log(pipeline_of(problem))
    labels: dict[str, Callable[[], Any]] = {
        "binary": lambda: source.random() < 0.5,
        "multiclass": lambda: source.choice("abc"),
        "regression": lambda: source.gauss(10, 3),
    }
    scores: dict[str, Callable[[], Any]] = {
        "binary": source.random,
        "multiclass": lambda: {"a": source.random(), "b": source.random()},
        "regression": lambda: source.gauss(10, 3),
    }
    monitor = Monitor(log.pipeline)
    told = 0
    for _ in range(600):
        nothing = None if source.random() < 0.5 else UNAVAILABLE
        label = nothing if source.random() < 0.3 else labels[problem]()
        log.outcome(source.randrange(200), label, scores[problem]())
        for record in log.records[told:]:
            monitor.fold(told, record)
            told += 1
        if source.random() < 0.05 and monitor.news and log.last:
            health = judged(monitor.report(), log)
            assert health.metrics == values(log.overall)
            assert health.rolling == log.rolling()
    replaced = Counter(record.replaces for record in log.records if isinstance(record, Example))
    assert replaced["known"] > 50
    assert min(replaced["expired"], replaced["unavailable"]) > 10


@every_problem
@settings(deadline=None, max_examples=15)
@given(story=st.data())
def test_reports_are_the_same_however_the_log_is_cut(problem: Problem, story: st.DataObject) -> None:
    log = Log(pipeline_of(problem, groups=["size"], objective=Objective("Accuracy", at_least=0.5, over="10s")))
    if problem == "regression":
        log = Log(pipeline_of(problem, groups=["size"], objective=Objective("MAE", at_most=0.5, over="10s")))
    outcome = st.tuples(st.integers(0, 60), LABELS[problem] | st.sampled_from([None, UNAVAILABLE]), SCORES[problem])
    for one in story.draw(st.lists(outcome, min_size=1, max_size=60)):
        log.outcome(*one)
    straight, cut = Monitor(log.pipeline), Monitor(log.pipeline)
    for offset, record in enumerate(log.records):
        straight.fold(offset, record)
        cut.fold(offset, record)
        if story.draw(st.integers(0, 9)) == 0:
            state = pickle.loads(pickle.dumps(cut.state()))
            cut = Monitor(log.pipeline)
            cut.restore(state)
    assert cut.report() == straight.report()


@pytest.mark.parametrize(("label", "score"), [(1e300, -1e300), (1e200, 0.0), (-1e308, 1e308)])
def test_an_error_too_large_to_square_is_counted_as_a_large_one(label: float, score: float) -> None:
    log = Log(pipeline_of("regression", objective=Objective("MAPE", at_most=1)))
    log.records.append(labelled(blank(log, score), False, label, None))
    monitor = Monitor(log.pipeline)
    for offset, record in enumerate(log.records):
        monitor.fold(offset, record)
    health = judged(monitor.report(), log)
    assert health.metrics["MAE"] == 1e150
    assert health.metrics["RMSE"] == pytest.approx(1e150)


def blank(log: Log, score: Any) -> Example:
    said = [Said(model=log.model, version=1, score=score)]
    return Example(id="x", partition=0, time=START, status="expired", features={}, said=said, position=0)


every_default: Callable[..., Any] = pytest.mark.parametrize("default", [None, False])


@every_default
def test_expired_event_counts_with_the_declared_default_until_its_label_comes(default: bool | None) -> None:
    log = Log(pipeline_of("binary", default))
    served = blank(log, 0.8)
    monitor = Monitor(log.pipeline)
    for offset, record in enumerate([*log.records, served]):
        monitor.fold(offset, record)
    before = judged(monitor.report(), log)
    assert monitor.fold(100, labelled(served, True, True, None)) is None
    report = monitor.report()
    after = judged(report, log)
    assert before.count == int(default is not None)
    assert (after.count, after.metrics["Accuracy"]) == (1, 1.0)
    assert (report.labels.expired, report.labels.corrected, report.labels.late) == (1, 1, 1)
