"""The metrics of health are River's own on what was served, for every problem and model, baselines included."""

from __future__ import annotations

import pickle
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import base, evaluate, metrics

from models.health import Monitor
from models.learning import declared
from models.metrics import METRICS, Metrics
from models.pipeline import Problem
from schemas.examples import Control, Example
from schemas.health import Health, ModelHealth
from tests.models.stories import Story, begin, data, every_problem, labelled, models_for, pipeline_for, story_of

COUNT = 300


def folded(story: Story, monitor: Monitor | None = None) -> tuple[Monitor, list[Health]]:
    monitor = monitor or Monitor(story.pipeline)
    reports = [monitor.fold(offset, record) for offset, record in story.log]
    return monitor, [report for report in reports if report is not None]


def of(report: Health, model: str) -> ModelHealth:
    return next(one for one in report.models if one.model == model)


def river_says(problem: Problem, model: Any, metric: Any) -> float:
    """River's own evaluation.

    At exactly one half, River answers whichever class came first; what is served then is false.
    """
    if problem == "binary" and isinstance(metric, metrics.Accuracy):
        for features, label in data(problem, COUNT):
            if probabilities := model.predict_proba_one(features):
                metric.update(label, probabilities.get(True, 0.0) > 0.5)
            model.learn_one(features, label)
        return float(metric.get())
    return float(evaluate.progressive_val_score(data(problem, COUNT), model, metric).get())


@every_problem
def test_every_metric_of_every_model_is_what_river_computes_itself(problem: Problem) -> None:
    monitor, _ = folded(story_of(problem, COUNT))
    report = monitor.report()
    assert len(report.models) == 4
    for model in declared(pipeline_for(problem)):
        for name in METRICS[problem]:
            fresh = declared(pipeline_for(problem))[model]
            expected = river_says(problem, fresh, getattr(metrics, name)())
            assert of(report, model).metrics[name] == expected, (model, name)


@every_problem
def test_rolling_metrics_are_those_of_the_last_labels_alone(problem: Problem) -> None:
    story = story_of(problem, COUNT, health_window=40)
    monitor, _ = folded(story)
    last = [record for _, record in story.log if isinstance(record, Example)][-40:]
    for health in monitor.report().models:
        alone = Metrics(problem, story.pipeline.label_type, 40)
        for example in last:
            score = next((said.score for said in example.said if said.model == health.model), None)
            assert score is not None
            assert example.label is not None
            alone.update(example.label, score)
        assert health.rolling == alone.overall()


@every_problem
def test_report_comes_after_as_many_labels_as_declared(problem: Problem) -> None:
    story = story_of(problem, 120, health_every=50)
    monitor, reports = folded(story)
    assert [report.labels.known for report in reports] == [50, 100]
    assert [report.position for report in reports] == [
        1 + [offset for offset, record in story.log if isinstance(record, Example)][known - 1] for known in (50, 100)
    ]
    assert monitor.news
    monitor.report()
    assert not monitor.news


@every_problem
def test_record_that_was_folded_before_counts_once(problem: Problem) -> None:
    story = story_of(problem, 60)
    once, _ = folded(story)
    twice, reports = folded(story, folded(story)[0])
    assert reports == []
    assert twice.report() == once.report()


@every_problem
def test_correction_takes_back_what_the_wrong_label_added(problem: Problem) -> None:
    story = story_of(problem, COUNT)
    wrong = story_of(problem, COUNT)
    labels = [label for _, label in data(problem, COUNT)]
    for number, (offset, record) in enumerate(list(story.log)):
        if isinstance(record, Example) and number % 7 == 0:
            assert record.label is not None
            other = next(label for label in labels if label != record.label)
            wrong.log[number] = (offset, labelled(record, "known", other))
            wrong.log.append((2 * len(wrong.log), labelled(record, "corrected", record.label, other)))
    right_report, wrong_report = folded(story)[0].report(), folded(wrong)[0].report()
    corrected = len(wrong.log) - len(story.log)
    assert wrong_report.labels.corrected == corrected > 20
    for right, health in zip(right_report.models, wrong_report.models, strict=True):
        assert health.count == right.count
        assert health.metrics == pytest.approx(right.metrics, rel=1e-6)


@every_problem
def test_label_after_expiry_counts_as_a_label_of_its_own(problem: Problem) -> None:
    story = story_of(problem, 10)
    before = folded(story)[0].report()
    (features, label), *_ = data(problem, 1)
    served = story.serve("late", features)
    story.write(served, labelled(served, "corrected", label))
    report = folded(story)[0].report()
    assert (report.labels.known, report.labels.expired, report.labels.corrected) == (10, 1, 1)
    assert report.labels.coverage == pytest.approx(10 / 11)
    assert [health.count - 1 for health in report.models] == [health.count for health in before.models]


class Silent(base.Regressor):
    """A regressor that never has an answer."""

    def learn_one(self, x: dict[Any, Any], y: float) -> None:
        """Nothing to learn."""

    def predict_one(self, x: dict[Any, Any]) -> Any:
        return None


def test_model_without_a_score_is_not_judged() -> None:
    models = {**models_for("regression"), "silent": Silent()}
    report = folded(story_of("regression", 60, models=models))[0].report()
    assert (of(report, "silent").count, of(report, "linear").count) == (0, 60)


def test_silent_champion_serves_none_and_is_not_judged() -> None:
    story = begin(pipeline_for("multiclass"))
    (features, label), *_ = data("multiclass", 1)
    served = story.live(features, label)
    assert served.said[0].score is None
    assert of(folded(story)[0].report(), "bayes").count == 0


def test_delays_and_time_are_those_of_the_examples() -> None:
    story = story_of("binary", 100)
    (features, label), *_ = data("binary", 1)
    for minutes in (90, 100):
        late = labelled(story.serve(f"late-{minutes}", features), "known", label)
        story.write(msgspec.structs.replace(late, labelled=late.time + timedelta(minutes=minutes)))
    report = folded(story)[0].report()
    assert (report.labels.delay_p50_s, report.labels.delay_p90_s) == (60.0, 60.0)
    assert report.time == late.time


def test_champion_and_baselines_are_marked_and_removed_models_are_gone() -> None:
    story = story_of("binary", 10)
    added = next(record for _, record in story.log if isinstance(record, Control) and record.model == "tree")
    report = folded(story)[0].report()
    assert [one.model for one in report.models if one.champion] == ["logistic"]
    assert [one.model for one in report.models if one.baseline] == ["prior", "no-change"]
    for action in ("promoted", "removed"):
        model = "tree" if action == "promoted" else "logistic"
        story.write(Control(action=action, model=model, version=1, definition=added.definition, reason=""))
    report = folded(story)[0].report()
    assert [one.model for one in report.models if one.champion] == ["tree"]
    assert [one.model for one in report.models] == ["tree", "prior", "no-change"]


@every_problem
def test_state_that_was_pickled_midway_goes_on_to_the_same_report(problem: Problem) -> None:
    story = story_of(problem, COUNT)
    straight, _ = folded(story)
    first = Monitor(story.pipeline)
    for offset, record in story.log[: COUNT // 2]:
        first.fold(offset, record)
    again = Monitor(story.pipeline)
    again.restore(pickle.loads(pickle.dumps(first.state())))
    folded(story, again)
    assert again.report() == straight.report()


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9)), min_size=1, max_size=30), st.integers(1, 5))
def test_regression_metrics_are_finite_whatever_is_taken_back(pairs: list[tuple[float, float]], window: int) -> None:
    judged = Metrics("regression", float, window)
    judged.update(0.0, 0.0)
    for label, score in pairs:
        judged.update(label, score)
    for label, score in pairs:
        judged.revert(label, score)
        for value in (*judged.overall().values(), *judged.rolling().values()):
            assert type(value) is float
            assert 0.0 <= value < 1e10


def test_one_huge_error_does_not_stay_in_the_window_for_ever() -> None:
    judged = Metrics("regression", float, 3)
    for label in (0.1, 1e12, 0.1, 0.1, 0.1):
        judged.update(label, 0.0)
    assert judged.rolling()["RMSE"] == pytest.approx(0.1)
