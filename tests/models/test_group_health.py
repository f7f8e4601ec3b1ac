"""Each value of a declared group has rolling metrics of its own, by count and by event time, with sample sizes."""

from __future__ import annotations

import pickle
import random
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy
import pytest
from river import metrics as river

from models.changes import changes
from models.evidence import Columns, interval_of, intervals_of
from models.groups import GROUP_VALUES_MAX
from models.health import Monitor
from models.learning import Learning, fresh_from
from models.losses import ADDITIVE
from models.monitoring import Objective
from models.pipeline import Label, Pipeline, Problem
from schemas.examples import Example, LogRecord, Profile
from schemas.health import GroupHealth, Health, ModelHealth
from schemas.predictions import Said
from schemas.values import FeatureValue, LabelValue, Score
from tests.models.stories import START, every_problem, pipeline_for

WINDOW = 100
COUNT = 700
OVER_S = 420.0
METRIC = {"binary": "LogLoss", "multiclass": "CrossEntropy", "regression": "MAE"}


def declared(problem: Problem = "binary") -> Pipeline:
    over = Objective(METRIC[problem], at_most=9.0, over=f"{OVER_S:.0f}s")
    made = pipeline_for(
        problem, partitions=1, health_every=10**6, health_window=WINDOW, groups=["size"], objective=over
    )
    fields = {name: getattr(made, name) for name in Pipeline.__dataclass_fields__}
    return Pipeline(**fields | {"label": Label(timeout="1h")})


def outcome(problem: Problem, chance: random.Random) -> tuple[LabelValue, Score]:
    if problem == "regression":
        return chance.gauss(0, 2), chance.gauss(0, 1)
    sure = chance.uniform(0.1, 0.9)
    if problem == "binary":
        return chance.random() < sure, sure
    return chance.choice(["a", "b", "c"]), {"a": sure, "b": (1 - sure) / 2, "c": (1 - sure) / 2}


class Story:
    """An event a second, some of a label corrected later; ``size`` grows with time."""

    def __init__(self, problem: Problem, sizes: int = 3) -> None:
        self.pipeline = declared(problem)
        self.records: list[LogRecord] = list(changes(self.pipeline, Learning(self.pipeline, fresh_from(self.pipeline))))
        self.labels: list[tuple[int, FeatureValue, LabelValue, Score]] = []
        chance, said = random.Random(7), list[Example]()
        for second in range(COUNT):
            label, score = outcome(problem, chance)
            size = float(chance.randrange(sizes) + second // 400)
            said.append(self._known(second, size, label, score))
            if second % 9 == 8:
                place = chance.randrange(len(said))
                said[place] = self._corrected(said[place], outcome(problem, chance)[0], second)
            if second % 10 == 9:
                self._profile(second)

    def _known(self, second: int, size: float, label: LabelValue, score: Score) -> Example:
        example = Example(
            id=str(second),
            partition=0,
            time=at(second),
            status="known",
            label=label,
            labelled=at(second),
            features={"size": size},
            said=[Said(model=model, version=1, score=score) for model in (self.pipeline.champion, "prior")],
            position=0,
        )
        self._take(second, example)
        return example

    def _corrected(self, before: Example, label: LabelValue, now: int) -> Example:
        given: dict[str, Any] = {name: getattr(before, name) for name in before.__struct_fields__}
        changed = {"status": "corrected", "label": label, "previous": before.label, "labelled": at(now)}
        corrected = Example(**given | changed)
        self._take(int(before.id), corrected)
        return corrected

    def _take(self, second: int, example: Example) -> None:
        assert example.label is not None
        assert example.said[0].score is not None
        self.records.append(example)
        self.labels.append((second, example.features["size"], example.label, example.said[0].score))

    def _profile(self, until: int) -> None:
        times: dict[str, Any] = {"start": at(until - 9), "until": at(until), "received": at(until)}
        self.records.append(Profile(partition=0, first=until - 9, end=until + 1, events=10, fields={}, **times))

    def report(self, *, cut: int = 0) -> Health:
        """After all of it; with ``cut`` the state goes through a checkpoint every so many records."""
        monitor = Monitor(self.pipeline)
        for offset, record in enumerate(self.records):
            monitor.fold(offset, record)
            if cut and offset % cut == 0:
                state = pickle.loads(pickle.dumps(monitor.state()))
                monitor = Monitor(self.pipeline)
                monitor.restore(state)
        return monitor.report()


def at(second: int) -> datetime:
    return START + timedelta(seconds=second)


def champion(models: list[ModelHealth]) -> ModelHealth:
    (found,) = (model for model in models if model.champion)
    return found


def on_champion(health: Health) -> Iterator[tuple[GroupHealth, ModelHealth]]:
    for group in health.groups:
        yield group, champion(group.models)


@every_problem
def test_rolling_metrics_of_a_group_are_those_of_its_labels_among_the_last(problem: Problem) -> None:
    story = Story(problem)
    name = METRIC[problem]

    for group, model in on_champion(story.report()):
        last = [(label, score) for _, size, label, score in story.labels[-WINDOW:] if size == group.value]
        alone = getattr(river, name)()
        for label, score in last:
            alone.update(label, score)
        assert model.rolling_count == len(last)
        if last:
            assert model.rolling[name] == pytest.approx(alone.get())
        else:
            assert model.rolling == {}
        assert model.count > len(last)


@every_problem
def test_groups_add_up_to_the_whole_in_every_window(problem: Problem) -> None:
    health = Story(problem).report()
    whole, name = champion(health.models), METRIC[problem]
    parts = [model for _, model in on_champion(health)]

    assert sum(part.rolling_count or 0 for part in parts) == whole.rolling_count == WINDOW
    total = sum((part.rolling_count or 0) * part.rolling.get(name, 0.0) for part in parts)
    assert total / WINDOW == pytest.approx(whole.rolling[name])

    (window,) = whole.windows
    assert window.over_s == OVER_S
    assert 0 < window.count < COUNT
    found = [part.windows[0] for part in parts]
    assert sum(one.count for one in found) == window.count
    total = sum(one.count * one.metrics.get(name, 0.0) for one in found)
    assert total / window.count == pytest.approx(window.metrics[name])


def test_intervals_of_the_champion_have_the_size_of_what_they_are_about() -> None:
    for _, model in on_champion(Story("binary").report()):
        (window,) = model.windows
        for count, intervals in (
            (model.count, model.intervals),
            (model.rolling_count, model.rolling_intervals),
            (window.count, window.intervals),
        ):
            assert count is not None
            assert set(intervals) == ({"LogLoss", "Accuracy"} if count else set())
            for interval in intervals.values():
                # A label that was corrected is counted in none.
                assert 0 < interval.count <= count
                assert interval.low < interval.value < interval.high


def test_intervals_are_wider_the_fewer_labels_they_rest_on() -> None:
    whole = champion(Story("binary").report().models)
    (window,) = whole.windows

    widths = [one["Accuracy"].high - one["Accuracy"].low for one in (whole.intervals, window.intervals)]
    widths.append(whole.rolling_intervals["Accuracy"].high - whole.rolling_intervals["Accuracy"].low)

    assert widths == sorted(widths)


def test_values_beyond_the_bound_roll_together() -> None:
    health = Story("binary", sizes=GROUP_VALUES_MAX + 9).report()

    assert len(health.groups) == GROUP_VALUES_MAX + 1
    assert Counter(group.other for group in health.groups)[True] == 1
    assert sum(model.rolling_count or 0 for _, model in on_champion(health)) == WINDOW


@pytest.mark.parametrize("cut", [13, 250])
def test_reports_are_the_same_however_often_the_state_was_put_away(cut: int) -> None:
    assert Story("binary").report(cut=cut) == Story("binary").report()


def test_many_intervals_at_once_are_those_of_each() -> None:
    columns = Columns(("LogLoss", "Accuracy"), ("LogLoss", "Accuracy"))
    chance = random.Random(3)
    rows = [[n, n / 2, n / 3, n, n / 4, n / 30 + 0.01, n / 3, chance.random() * n] for n in (0.0, 1.0, 9.0, 1e3, 1e6)]
    table = numpy.array(rows)
    for metric in ADDITIVE["binary"].values():
        together = intervals_of(table, columns, metric, None)
        for one, row in zip(together, table, strict=True):
            alone = interval_of(row, columns, metric, None)
            if alone is None or one is None:
                assert one is alone
                continue
            assert (one.value, one.low, one.high) == pytest.approx((alone.value, alone.low, alone.high))
            assert one.count == alone.count
