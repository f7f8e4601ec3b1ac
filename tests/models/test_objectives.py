"""Objectives are judged on labels that have all but come; early ones can not flatter."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pytest

from models.bins import PROBABILITIES, PROBABILITY_BINS
from models.changes import changes
from models.groups import GROUP_VALUES_MAX
from models.health import Monitor
from models.learning import Learning, fresh_from
from models.monitoring import Objective
from models.objectives import Bound, Measured, judge
from models.pipeline import Label, Pipeline, Problem
from schemas.examples import Control, Example, FieldSummary, Profile
from schemas.health import Health, Interval, ObjectiveHealth
from schemas.predictions import Said
from tests.models.stories import START, every_problem, pipeline_for

BETTER = Objective("LogLoss", better_than="prior", by=0.02, over="7m")


def declared(problem: Problem = "binary", **changed: Any) -> Pipeline:
    changed = {"partitions": 1, "health_every": 10**6, "health_window": 1000} | changed
    label = changed.pop("label", Label(timeout="1h"))
    pipeline = pipeline_for(problem, **changed)
    return Pipeline(**{name: getattr(pipeline, name) for name in Pipeline.__dataclass_fields__} | {"label": label})


class World:
    """Events one a second; the champion's score is the chance that the label is true, the prior's is one half."""

    def __init__(self, pipeline: Pipeline, lift: float = 0.4) -> None:
        self.pipeline = pipeline
        self.monitor = Monitor(pipeline)
        self.random = random.Random(1)
        self.lift = lift
        self.events = self.offset = 0
        for control in changes(pipeline, Learning(pipeline, fresh_from(pipeline))):
            self.write(control)

    def write(self, record: Any) -> None:
        self.monitor.fold(self.offset, record)
        self.offset += 1

    def time(self, seconds: float | None = None) -> datetime:
        return START + timedelta(seconds=self.events if seconds is None else seconds)

    def event(self, *, is_sure: bool | None = None, **given: Any) -> Example:
        """One event that is not labelled yet."""
        self.events += 1
        lift = self.random.choice([-1, 1]) * self.lift
        chance = 0.5 + lift if is_sure is None else float(is_sure)
        filled: dict[str, Any] = {"features": {"size": 1.0}, "status": "expired", "time": self.time()} | given
        said = [("logistic", chance), ("prior", 0.5)]
        return Example(
            id=str(self.events),
            partition=0,
            said=[Said(model=model, version=1, score=score) for model, score in said],
            position=0,
            **filled,
        )

    def label(self, served: Example, label: bool | None = None) -> None:
        """Its label comes, by the chance that the champion gave it."""
        score = served.said[0].score
        assert isinstance(score, float)
        label = self.random.random() < score if label is None else label
        fields = {name: getattr(served, name) for name in ("id", "partition", "time", "features", "said", "position")}
        self.write(Example(status="known", label=label, labelled=self.time(), **fields))

    def unavailable(self, served: Example) -> None:
        """It is said that there will never be a label."""
        self.write(msgspec.structs.replace(served, status="unavailable", labelled=self.time()))

    def live(self, count: int, **given: Any) -> None:
        """Events whose label comes at once."""
        for _ in range(count):
            self.label(self.event(**given))

    def profile(self, first: int, end: int, **given: Any) -> None:
        """What the workers say of the events between two seconds."""
        times = {"start": self.time(first), "until": self.time(end), "received": self.time(end)}
        filled: dict[str, Any] = {"fields": {}, "events": end - first} | times | given
        self.write(Profile(partition=0, first=first, end=end, **filled))

    def profiles(self, first: int, end: int) -> None:
        """The same, in windows of ten seconds."""
        for start in range(first, end, 10):
            self.profile(start, start + 10)

    def objective(self, number: int = 0) -> ObjectiveHealth:
        return self.monitor.report().objectives[number]


def test_champion_that_beats_the_prior_meets_it_on_the_same_events() -> None:
    world = World(declared(objective=BETTER))
    world.live(3000)
    world.profiles(0, 3000)
    found = world.objective()
    assert found.name == "LogLoss better than prior by 0.02 over 7m"
    assert (found.state, found.count) == ("met", 420)
    assert found.value == pytest.approx(0.693 - 0.325, abs=0.1)
    assert found.value is not None
    assert found.interval is not None
    assert found.interval.low < found.value < found.interval.high
    assert found.start is not None
    assert found.until is not None
    assert found.until - found.start == timedelta(minutes=7)


def test_champion_that_gets_worse_than_the_prior_is_broken_since_then() -> None:
    world = World(declared(objective=BETTER))
    world.live(1000)
    world.profiles(0, 1000)
    assert world.objective().state == "met"
    for _ in range(1000):
        served = world.event()
        world.label(served, served.said[0].score < 0.5)  # type: ignore[operator]
    world.profiles(1000, 2000)
    broken = world.objective()
    assert broken.state == "broken"
    world.live(1)
    assert world.objective().since == broken.since < world.offset


def test_value_that_misses_by_chance_is_at_risk() -> None:
    world = World(declared(objective=Objective("Accuracy", at_least=0.91, over="7m")))
    world.live(500)
    world.profiles(0, 500)
    found = world.objective()
    assert found.value is not None
    assert found.value < 0.91
    assert found.state == "at_risk"


def test_early_labels_do_not_flatter() -> None:
    """All labels that come early are true, and the champion is right on them; on the late ones it is wrong."""
    world = World(declared(objective=Objective("Accuracy", at_least=0.6, over="7m")))
    late = []
    for _ in range(420):
        world.label(world.event(is_sure=True), True)
        late.append(world.event(is_sure=True))
    world.profiles(0, 840)
    early = world.monitor.report()
    assert early.models[0].metrics["Accuracy"] == 1.0
    assert early.objectives[0].state == "not_enough_labels"
    assert max(cohort.resolved or 0 for cohort in early.cohorts) < 0.6
    for served in late:
        world.label(served, False)
    assert world.objective().state == "broken"


def test_cohort_that_shares_a_profile_with_others_is_not_resolved_before_time() -> None:
    """How many of the events of a long window lie in which cohort is not known: perhaps all of them."""
    world = World(declared(objective=Objective("Accuracy", at_least=0.6, over="7m"), label=Label(timeout="20m")))
    world.live(600)
    world.profile(0, 600)
    report = world.monitor.report()
    assert report.objectives[0].state == "not_enough_labels"
    assert max(cohort.resolved or 0 for cohort in report.cohorts) == pytest.approx(0.1, abs=0.01)


def test_without_profiles_a_cohort_counts_when_its_labels_must_have_come() -> None:
    world = World(declared(objective=Objective("Accuracy", at_least=0.6, over="7m"), label=Label(timeout="10m")))
    world.live(600)
    assert world.objective().state == "not_enough_labels"
    world.live(600)
    assert (world.objective().state, world.objective().count > 300) == ("met", True)


def test_last_labels_count_once_some_cohort_is_resolved() -> None:
    world = World(declared(objective=Objective("Accuracy", at_least=0.6), label=Label(timeout="10m")))
    world.live(500)
    assert (world.objective().state, world.objective().count) == ("not_enough_labels", 500)
    world.live(1500)
    found = world.objective()
    assert (found.state, found.count) == ("met", 1000)
    assert found.value == world.monitor.report().models[0].rolling["Accuracy"]
    assert found.interval is not None


def test_cohorts_say_how_much_of_them_is_resolved() -> None:
    world = World(declared(objective=BETTER))
    served = [world.event() for _ in range(120)]
    for one in served[:90]:
        world.label(one)
    world.profiles(0, 240)
    shown = world.monitor.report().cohorts
    assert [cohort.known for cohort in shown] == [59, 31]
    assert [cohort.events for cohort in shown] == [60, 60]
    assert [cohort.resolved for cohort in shown] == pytest.approx([59 / 60, 31 / 60])


def test_what_is_unavailable_has_its_outcome_and_is_no_missing_label() -> None:
    world = World(declared(objective=Objective("coverage", at_least=0.99, over="7m"), groups=["size"]))
    served = [world.event() for _ in range(240)]
    for place, one in enumerate(served[:180]):
        world.label(one) if place % 2 else world.unavailable(one)
    world.profiles(0, 240)
    report = world.monitor.report()
    assert (report.labels.known, report.labels.unavailable, report.labels.withdrawn) == (90, 90, 0)
    assert (report.labels.coverage, report.labels.waiting) == (1.0, 60)
    assert [(cohort.known, cohort.unavailable) for cohort in report.cohorts] == [(29, 30), (30, 30), (30, 30), (1, 0)]
    assert [cohort.resolved for cohort in report.cohorts] == pytest.approx([59 / 60, 1.0, 1.0, 1 / 60])
    (group,) = report.groups
    assert (group.known, group.unavailable, group.coverage) == (90, 90, 1.0)
    assert report.objectives[0].value == 1.0


def test_what_is_said_long_before_an_event_does_not_make_its_time_come() -> None:
    world = World(declared(objective=Objective("Accuracy", at_least=0.6, over="7m"), label=Label(timeout="10m")))
    world.live(600)
    assert world.objective().state == "not_enough_labels"
    world.unavailable(world.event(time=world.time(600 + 900)))
    assert world.objective().state == "not_enough_labels"


def test_withdrawn_label_is_counted_where_its_event_is_now() -> None:
    world = World(declared(objective=BETTER, groups=["size"]))
    served = [world.event() for _ in range(10)]
    for one in served:
        world.label(one, True)
    for one in served[:4]:
        world.write(msgspec.structs.replace(one, status="unavailable", previous=True, replaces="known"))
    report = world.monitor.report()
    assert (report.labels.known, report.labels.unavailable, report.labels.withdrawn) == (10, 4, 4)
    assert [(cohort.known, cohort.unavailable) for cohort in report.cohorts] == [(6, 4)]
    assert [(group.known, group.unavailable) for group in report.groups] == [(6, 4)]
    assert report.models[0].count == 6


def test_late_label_moves_an_event_from_expired_to_known() -> None:
    world = World(declared(objective=Objective("coverage", at_least=0.5, over="7m")))
    served = [world.event() for _ in range(10)]
    for one in served:
        world.write(one)
    before = world.monitor.report()
    fields = {name: getattr(served[0], name) for name in ("id", "partition", "time", "features", "said", "position")}
    world.write(Example(status="corrected", label=True, labelled=world.time(), **fields))
    after = world.monitor.report()
    assert [(one.known, one.expired, one.corrected) for one in before.cohorts] == [(0, 10, 0)]
    assert [(one.known, one.expired, one.corrected) for one in after.cohorts] == [(1, 9, 1)]
    assert (after.labels.corrected, after.labels.late) == (1, 1)


@pytest.mark.parametrize(("share", "state"), [(0.0, "met"), (0.12, "at_risk"), (0.5, "broken")])
def test_coverage_is_the_share_of_events_with_a_label(share: float, state: str) -> None:
    world = World(declared(objective=Objective("coverage", at_least=0.9, over="20m")))
    for _ in range(1300):
        served = world.event()
        if world.random.random() < share:
            world.write(served)
        else:
            world.label(served)
    world.profiles(0, 1300)
    found = world.objective()
    assert found.state == state
    assert found.value == pytest.approx(1 - share, abs=0.05)


@pytest.mark.parametrize("over", [None, "1h"])
def test_latency_is_that_of_most_windows(over: str | None) -> None:
    objectives = [
        Objective("latency_p50_ms", at_most=10, over=over),
        Objective("latency_p99_ms", at_most=40, over=over),
    ]
    world = World(declared(objective=objectives))
    world.live(1)
    for number in range(10):
        slow = 1000.0 if number == 3 else 50.0
        world.profile(number * 100, number * 100 + 100, latency_p50_ms=8.0, latency_p99_ms=slow)
    p50, p99 = world.monitor.report().objectives
    assert (p50.state, p99.state) == ("met", "broken")
    assert p50.value == pytest.approx(8.0, rel=0.05)
    assert p99.value == pytest.approx(50.0, rel=0.05)
    assert p99.count == 1000


def test_objective_follows_the_champion() -> None:
    world = World(declared(objective=Objective("Accuracy", at_least=0.6, over="7m")))
    world.live(1000)
    world.profiles(0, 1000)
    assert world.objective().state == "met"
    world.write(Control(action="promoted", model="tree", version=1, reason=""))
    assert world.objective().state == "not_enough_labels"


@pytest.mark.parametrize("metric", ["F1", "ROCAUC"])
def test_metric_that_is_no_mean_is_judged_by_its_value(metric: str) -> None:
    objective = Objective(metric, better_than="prior", by=0.1, at_least=0.8)
    world = World(declared(objective=objective, label=Label(timeout="10m")))
    world.live(2000)
    better, least = world.monitor.report().objectives
    assert (better.state, least.state) == ("met", "met")
    assert least.value == world.monitor.report().models[0].rolling[metric]
    assert least.interval is better.interval is None


@pytest.mark.parametrize(
    ("value", "interval", "is_least", "state"),
    [
        (0.4, (0.3, 0.6), False, "met"),
        (0.6, (0.4, 0.8), False, "at_risk"),
        (0.6, (0.55, 0.8), False, "broken"),
        (0.6, None, False, "broken"),
        (0.6, (0.4, 0.8), True, "met"),
        (0.4, (0.3, 0.6), True, "at_risk"),
        (0.4, (0.3, 0.45), True, "broken"),
        (None, None, True, "not_enough_labels"),
    ],
)
def test_state_follows_from_value_and_interval(
    value: float | None, interval: tuple[float, float] | None, is_least: bool, state: str
) -> None:
    found = None if interval is None else Interval(value=0.5, low=interval[0], high=interval[1], count=9)
    bound = Bound("Accuracy", 0.5, is_least)
    assert judge(bound, Measured(value, 200, True, found)) == state
    assert judge(bound, Measured(value, 20, False, found)) == "not_enough_labels"


def test_groups_have_metrics_coverage_and_delay_of_their_own() -> None:
    world = World(declared(groups=["size"]))
    world.live(300, features={"size": 1.0})
    for _ in range(100):
        served = world.event(features={"size": True})
        world.events += 60
        world.label(served, served.said[0].score < 0.5)  # type: ignore[operator]
    world.write(world.event(features={"size": True}))
    first, second = world.monitor.report().groups
    assert [(one.group, one.value, one.known, one.expired) for one in (first, second)] == [
        ("size", 1.0, 300, 0),
        ("size", True, 100, 1),
    ]
    assert (first.delay_p50_s, second.delay_p50_s) == (0.0, 60.0)
    good, bad = first.models[0], second.models[0]
    assert good.metrics["Accuracy"] > 0.8
    assert (bad.count, bad.metrics["Accuracy"], bad.champion) == (100, 0.0, True)
    assert bad.intervals["Accuracy"].high < good.intervals["Accuracy"].low


def test_values_of_a_group_beyond_the_bound_are_counted_together() -> None:
    world = World(declared(groups=["size"]))
    for value in range(GROUP_VALUES_MAX + 10):
        world.live(1, features={"size": float(value)})
    groups = world.monitor.report().groups
    assert [group.known for group in groups] == [1] * GROUP_VALUES_MAX + [10]
    assert [group.other for group in groups] == [False] * GROUP_VALUES_MAX + [True]


def test_groups_add_up_to_the_whole_after_corrections() -> None:
    world = World(declared(groups=["size"]))
    world.live(200, features={"size": 1.0})
    served = world.event(features={"size": 1.0})
    world.label(served, True)
    fields = {name: getattr(served, name) for name in ("id", "partition", "time", "features", "said", "position")}
    world.write(Example(status="corrected", label=False, previous=True, labelled=world.time(), **fields))
    report = world.monitor.report()
    (group,) = report.groups
    for whole, part in zip(report.models, group.models, strict=True):
        assert part.count == whole.count
        if part.count:
            assert part.metrics == pytest.approx(whole.metrics)


@every_problem
def test_every_problem_has_intervals_around_the_clipped_mean(problem: Problem) -> None:
    world = World(declared(problem))
    source = random.Random(2)
    scores: dict[str, Any] = {"binary": 0.7, "multiclass": {"a": 0.7, "b": 0.3}, "regression": 10.0}
    labels: dict[str, Any] = {"binary": [True, False], "multiclass": ["a", "c"], "regression": [5.0, 12.0]}
    model, prior = next(iter(world.pipeline.models)), "prior"
    for number in range(400):
        said = [Said(model=name, version=1, score=scores[problem]) for name in (model, prior)]
        world.write(
            Example(
                id=str(number),
                partition=0,
                time=world.time(number),
                status="known",
                label=source.choice(labels[problem]),
                features={},
                said=said,
                position=0,
            )
        )
    judged = next(one for one in world.monitor.report().models if one.model == model)
    assert judged.intervals.keys() == judged.metrics.keys()
    for interval in judged.intervals.values():
        assert interval.low < interval.value < interval.high
        assert interval.count == (200 if problem == "regression" else 400)
    assert all(one.low < 0 < one.high for one in judged.better_than["prior"].values())


def test_unlabelled_events_are_estimated_and_marked_so() -> None:
    world = World(declared())
    world.live(500)
    for _ in range(200):
        world.write(world.event())
    scores = FieldSummary(count=100, bins=PROBABILITY_BINS.count(np.array([0.9] * 60 + [0.1] * 40)))
    assert len(scores.bins) == PROBABILITIES
    world.profile(700, 800, fields={"score:logistic@1": scores})
    estimates = world.monitor.report().estimates
    assert [(one.about, one.count, one.invalid_under) for one in estimates] == [
        ("expired", 200, "concept drift"),
        ("recent", 100, "concept drift"),
    ]
    for one in estimates:
        assert one.metrics["Accuracy"] == pytest.approx(0.9, abs=0.05)
        assert one.calibrated_on == 500


def test_report_stays_bounded_however_long_the_stream_is() -> None:
    world = World(declared(objective=BETTER, groups=["size"], label=Label(timeout="10m")))
    world.live(2000)
    world.profiles(0, 2000)
    sizes = []
    for _ in range(3):
        world.live(3000)
        world.profiles(world.events - 3000, world.events)
        report: Health = world.monitor.report()
        sizes.append((len(report.cohorts), len(report.groups), len(report.models) + len(report.objectives)))
    assert len(set(sizes)) == 1


def test_report_comes_though_no_label_does() -> None:
    world = World(declared(objective=Objective("coverage", at_least=0.9, over="7m"), health_every=200))
    world.live(1)
    reports = [world.monitor.fold(world.offset + number, world.event()) for number in range(500)]
    assert sum(report is not None for report in reports) == 2
    assert world.monitor.news
    assert world.monitor.report().labels.expired == 500


def test_profiles_alone_make_a_report_of_latency() -> None:
    world = World(declared(objective=Objective("latency_p50_ms", at_most=5)))
    assert not world.monitor.news
    world.profile(0, 500, latency_p50_ms=9.0)
    assert world.monitor.news
    report = world.monitor.report()
    assert (report.objectives[0].state, report.time, report.labels.waiting) == ("broken", world.time(500), 500)
    assert not world.monitor.news


def test_state_of_other_objectives_is_not_gone_on_from() -> None:
    world = World(declared(objective=BETTER))
    world.live(100)
    state = world.monitor.state()
    same, other = Monitor(declared(objective=BETTER)), Monitor(declared(groups=["size"]))
    same.restore(state)
    other.restore(state)
    assert (same.position, other.position) == (world.offset, 0)
    assert same.report() == world.monitor.report()


def test_labels_that_are_behind_on_one_partition_hold_a_cohort_open() -> None:
    """Events of two days may be read before the first label of those days; and partitions differ in that."""
    world = World(declared(objective=Objective("Accuracy", at_least=0.6, over="7m"), label=Label(timeout="10m")))
    behind = world.event()
    world.write(Example(**{name: getattr(behind, name) for name in Example.__struct_fields__} | {"partition": 1}))
    world.live(1200)
    assert world.objective().state == "not_enough_labels"


def test_partition_that_has_been_silent_for_long_holds_nothing_up() -> None:
    world = World(declared(objective=Objective("Accuracy", at_least=0.6, over="7m"), label=Label(timeout="10m")))
    silent = world.event()
    world.write(Example(**{name: getattr(silent, name) for name in Example.__struct_fields__} | {"partition": 1}))
    world.live(2000)
    assert world.objective().state == "met"


def test_events_that_run_ahead_of_their_labels_resolve_nothing() -> None:
    world = World(declared(objective=Objective("Accuracy", at_least=0.6, over="7m"), label=Label(timeout="10m")))
    world.live(300)
    world.profile(0, 5000)
    assert world.objective().state == "not_enough_labels"
