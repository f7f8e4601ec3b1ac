"""The metrics of health are River's own on what was served, for every problem and model, baselines included."""

from __future__ import annotations

import pickle
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import evaluate, metrics

from models.health import Monitor
from models.learning import declared
from models.metrics import METRICS, Metrics
from models.pipeline import Problem
from schemas.examples import Control, Example
from schemas.health import Health, ModelHealth

COUNT = 300


def folded(story: Any, monitor: Monitor | None = None) -> tuple[Monitor, list[Health]]:
    monitor = monitor or Monitor(story.pipeline)
    reports = [monitor.fold(offset, record) for offset, record in story.log]
    return monitor, [report for report in reports if report is not None]


def of(report: Health, model: str) -> ModelHealth:
    return next(one for one in report.models if one.model == model)


def test_every_metric_of_every_model_is_what_river_computes_itself(library: Any, problem: Problem) -> None:
    monitor, _ = folded(library.story(problem, COUNT))
    report = monitor.report()
    assert len(report.models) == 4
    for model in declared(library.pipeline_for(problem)):
        for name in METRICS[problem]:
            fresh = declared(library.pipeline_for(problem))[model]
            data = library.data(problem, COUNT)
            expected = evaluate.progressive_val_score(data, fresh, getattr(metrics, name)()).get()
            assert of(report, model).metrics[name] == expected, (model, name)


def test_rolling_metrics_are_those_of_the_last_labels_alone(library: Any, problem: Problem) -> None:
    story = library.story(problem, COUNT, health_window=40)
    monitor, _ = folded(story)
    last = [record for _, record in story.log if isinstance(record, Example)][-40:]
    for health in monitor.report().models:
        alone = Metrics(problem, story.pipeline.label_type, 40)
        for example in last:
            score = next((said.score for said in example.said if said.model == health.model), None)
            assert score is not None
            alone.update(example.label, score)
        assert health.rolling == alone.overall()


def test_report_comes_after_as_many_labels_as_declared(library: Any, problem: Problem) -> None:
    story = library.story(problem, 120, health_every=50)
    monitor, reports = folded(story)
    assert [report.labels.known for report in reports] == [50, 100]
    assert [report.position for report in reports] == [
        1 + [offset for offset, record in story.log if isinstance(record, Example)][known - 1]
        for known in (50, 100)
    ]
    assert monitor.news
    monitor.report()
    assert not monitor.news


def test_record_that_was_folded_before_counts_once(library: Any, problem: Problem) -> None:
    story = library.story(problem, 60)
    once, _ = folded(story)
    twice, reports = folded(story, folded(story)[0])
    assert reports == []
    assert twice.report() == once.report()


def test_correction_takes_back_what_the_wrong_label_added(library: Any, problem: Problem) -> None:
    story = library.story(problem, COUNT)
    wrong = library.story(problem, COUNT)
    labels = [label for _, label in library.data(problem, COUNT)]
    for number, (offset, record) in enumerate(list(story.log)):
        if isinstance(record, Example) and number % 7 == 0:
            other = next(label for label in labels if label != record.label)
            wrong.log[number] = (offset, library.labelled(record, "known", other))
            wrong.log.append((2 * len(wrong.log), library.labelled(record, "corrected", record.label, other)))
    right_report, wrong_report = folded(story)[0].report(), folded(wrong)[0].report()
    corrected = len(wrong.log) - len(story.log)
    assert wrong_report.labels.corrected == corrected > 20
    for right, health in zip(right_report.models, wrong_report.models, strict=True):
        assert health.count == right.count
        assert health.metrics == pytest.approx(right.metrics, rel=1e-6)


def test_label_after_expiry_counts_as_a_label_of_its_own(library: Any, problem: Problem) -> None:
    story = library.story(problem, 10)
    (features, label), *_ = library.data(problem, 1)
    served = story.serve("late", features)
    story.write(served, library.labelled(served, "corrected", label))
    report = folded(story)[0].report()
    assert (report.labels.known, report.labels.expired, report.labels.corrected) == (10, 1, 1)
    assert report.labels.coverage == pytest.approx(10 / 11)
    assert {health.count for health in report.models} >= {11}


def test_model_without_a_score_is_not_judged(library: Any) -> None:
    class Silent(library.models_for("regression")["linear"].__class__):  # type: ignore[misc]
        def predict_one(self, x: dict[str, Any]) -> Any:
            return None

    models = {**library.models_for("regression")}
    silent = library.models_for("regression")["linear"]
    silent.__class__ = Silent
    story = library.story("regression", 60, models={**models, "silent": silent})
    health = of(folded(story)[0].report(), "silent")
    assert (health.count, health.metrics["MAE"]) == (0, 0.0)


def test_silent_champion_serves_none_and_is_not_judged(library: Any) -> None:
    story = library.begin(library.pipeline_for("multiclass"))
    (features, label), *_ = library.data("multiclass", 1)
    served = story.live(features, label)
    assert served.said[0].score is None
    assert of(folded(story)[0].report(), "bayes").count == 0


def test_delays_are_those_of_the_last_labels(library: Any) -> None:
    story = library.story("binary", 100)
    for place, minutes in ((-1, 100), (-2, 90)):
        offset, example = story.log[place]
        late = {name: getattr(example, name) for name in Example.__struct_fields__}
        late["labelled"] = example.time + timedelta(minutes=minutes)
        story.log[place] = (offset, Example(**late))
    report = folded(story)[0].report()
    assert (report.labels.delay_p50_s, report.labels.delay_p90_s) == (60.0, 60.0)
    assert report.time == max(record.time for _, record in story.log if isinstance(record, Example))


def test_champion_and_baselines_are_marked_and_removed_models_are_gone(library: Any) -> None:
    story = library.story("binary", 10)
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


def test_state_that_was_pickled_midway_goes_on_to_the_same_report(library: Any, problem: Problem) -> None:
    story = library.story(problem, COUNT)
    straight, _ = folded(story)
    first = Monitor(story.pipeline)
    for offset, record in story.log[: COUNT // 2]:
        first.fold(offset, record)
    again = Monitor(story.pipeline)
    again.restore(pickle.loads(pickle.dumps(first.state())))
    folded(story, again)
    assert again.report() == straight.report()


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9)), min_size=1, max_size=30), st.integers(1, 5)
)
def test_regression_metrics_are_finite_whatever_is_taken_back(
    pairs: list[tuple[float, float]], window: int
) -> None:
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
