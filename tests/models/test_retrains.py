"""When a challenger is asked for: declared occasions, held back by bounds, one retraining for one reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import structs

from models.budget import Moment
from models.crontab import Crontab
from models.milestones import MILESTONES_MAX, Milestones
from models.mistakes import mistakes
from models.monitoring import Drift as Watching
from models.monitoring import Objective
from models.pipeline import Pipeline
from models.policies import Retraining, Search
from models.retrains import OPEN_MAX, Retrains
from schemas.commands import Command
from schemas.drift import Drift
from schemas.errors import BadRecord
from schemas.examples import Control, Example, Trained
from schemas.health import Health, LabelHealth, ModelHealth, ObjectiveHealth
from schemas.retrains import Retrain
from schemas.values import Record
from tests.models.stories import START, models_for, pipeline_for

HOUR = timedelta(hours=1)


class Log:
    """A log in the making, and what is asked for along it.

    Parameters
    ----------
    declared
        Arguments of ``Retraining``.
    """

    def __init__(self, **declared: Any) -> None:
        given: dict[str, Any] = {"examples_min": 1, "cooldown": "0s", **declared}
        self.pipeline = pipeline_for("binary", retraining=Retraining(**given), objective=Objective("LogLoss"))
        self.retrains = Retrains(self.pipeline)
        self.time = START
        self.offset = 0
        self.asked: list[Retrain] = []
        self.write(Control(action="promoted", model="logistic", version=1, reason="for the test"))

    def write(self, record: Any, *said: Record) -> list[Retrain]:
        """Append a record, about which something was said; gives what is asked for."""
        asked = []
        for occasion in self.retrains.fold(self.offset, record, said):
            asked += self.retrains.of_occasion(occasion, self.now)
        self.offset += 2
        for step in asked:
            self.retrains.hear(step)
        self.asked += asked
        return asked

    @property
    def now(self) -> Moment:
        return Moment(self.retrains.position, self.time, datetime(2030, 1, 1, tzinfo=UTC))

    def example(
        self, *said: Record, after: timedelta = timedelta(seconds=1), label: bool | None = True
    ) -> list[Retrain]:
        """One more outcome, so much later."""
        self.time += after
        status: Any = "expired" if label is None else "known"
        example = Example(
            id=f"id-{self.offset}",
            partition=0,
            time=self.time,
            status=status,
            label=label,
            features={},
            said=[],
            position=0,
        )
        return self.write(example, *said)

    def examples(self, count: int, **arguments: Any) -> list[Retrain]:
        """So many more."""
        return [step for _ in range(count) for step in self.example(**arguments)]

    def finish(self, step: Retrain, end: str = "finished") -> None:
        """A retraining comes to its end."""
        self.retrains.hear(structs.replace(step, step=end))


def drift(cause: Any, phase: Any = "start", episode: int = 7) -> Drift:
    return Drift(
        position=episode,
        time=START,
        detector="e-detector",
        stream="loss",
        cause=cause,
        evidence={"statistic": 12.0},
        phase=phase,
        episode=episode,
        reason="the loss is higher",
    )


def health(state: Any = "broken", loss: float = 0.5) -> Health:
    champion = ModelHealth(model="logistic", version=1, champion=True, count=100, metrics={}, rolling={"LogLoss": loss})
    objective = ObjectiveHealth(
        name="LogLoss at most 0.4", metric="LogLoss", bound=0.4, state=state, value=loss, count=100, since=0
    )
    labels = LabelHealth(known=100, corrected=0, expired=0)
    return Health(position=0, time=START, window=100, models=[champion], labels=labels, objectives=[objective])


def command(**changes: Any) -> Command:
    given: dict[str, Any] = {"id": "asked", "model": "logistic", "reason": "better", **changes}
    return Command(action="retrain", by="ann", time=START, **given)


def accept(log: Log, **changes: Any) -> Retrain:
    models = models_for("binary")
    return log.retrains.of_command(command(**changes), models, models["logistic"], log.now)


def test_without_a_declaration_nothing_is_asked_for() -> None:
    log = Log()
    log.examples(50)
    assert log.example(drift("concept"), health()) == []


def test_drift_of_a_declared_cause_asks_once_for_an_episode() -> None:
    log = Log(drift=["concept"], cooldown="1h")
    log.examples(3)
    (step,) = log.example(drift("concept"))
    assert (step.trigger, step.subject, step.model, step.step) == ("drift", "drift:concept", "logistic", "requested")
    assert step.evidence["statistic"] == 12.0
    assert "the loss is higher" in step.reason
    log.finish(step)
    assert log.example(drift("concept", "update"), after=2 * HOUR) == []
    assert log.example(drift("concept", "end"), after=2 * HOUR) == []
    assert [step.subject for step in log.example(drift("concept", episode=99))] == ["drift:concept"]


def test_drift_of_another_cause_asks_for_nothing() -> None:
    log = Log(drift=["concept"])
    assert log.example(drift("covariate")) == []
    assert [step.subject for step in log.example(drift("concept", "update"))] == ["drift:concept"]


def test_a_detector_without_a_promise_asks_for_nothing() -> None:
    assert Log(drift=["concept"]).example(drift("concept", "signal")) == []


@pytest.mark.parametrize("cause", ["labels_late", "feed_broken"])
def test_while_labels_are_late_or_the_feed_is_broken_nothing_is_asked_for_by_itself(cause: str) -> None:
    log = Log(objective=["broken"], examples=5)
    log.example(drift(cause))
    assert log.examples(20) == []
    assert log.example(health()) == []
    assert accept(log).trigger == "command"
    log.example(drift(cause, "end"))
    assert [step.trigger for step in log.example(health())] == ["objective"]


def test_objective_asks_in_the_declared_states_with_what_was_measured() -> None:
    log = Log(objective=["broken"])
    assert log.example(health("at_risk")) == []
    (step,) = log.example(health("broken", loss=0.6))
    assert (step.trigger, step.subject) == ("objective", "objective:LogLoss at most 0.4")
    assert (step.evidence["value"], step.evidence["bound"]) == (0.6, 0.4)


def test_what_is_being_retrained_for_a_reason_is_not_asked_for_again() -> None:
    log = Log(objective=["broken"])
    (step,) = log.example(health())
    assert log.example(health()) == []
    log.finish(step, "failed")
    assert len(log.example(health())) == 1


def test_cool_down_holds_every_occasion_back_for_a_while_of_event_time_and_counts_them() -> None:
    log = Log(objective=["broken"], drift=["concept"], cooldown="6h")
    (step,) = log.example(health())
    log.finish(step)
    assert log.example(drift("concept"), after=5 * HOUR) == []
    later = log.example(drift("concept", "update"), after=2 * HOUR)
    assert [step.trigger for step in later] == ["drift"]
    assert later[0].evidence["held_back"] == 1.0


def test_budget_of_a_day_of_event_time_is_not_exceeded() -> None:
    log = Log(examples=10, per_day_max=2)
    asked = []
    for _ in range(10):
        for step in log.examples(10):
            asked.append(step)
            log.finish(step)
    assert len(asked) == 2
    assert accept(log).trigger == "command"
    log.example(after=24 * HOUR)
    assert len(log.examples(10)) == 1


def test_so_many_new_labels_ask_and_expired_ones_do_not_count() -> None:
    log = Log(examples=10)
    assert log.examples(9) == []
    assert log.examples(5, label=None) == []
    (step,) = log.example()
    assert (step.trigger, step.evidence["examples"]) == ("examples", 10.0)


def test_before_there_are_enough_labels_nothing_is_asked_for_by_itself() -> None:
    log = Log(examples=10, examples_min=25)
    assert log.examples(29) == []
    assert len(log.example()) == 1


def test_schedule_is_due_in_event_time() -> None:
    log = Log(every="1d")
    assert log.example() == []
    assert log.examples(23, after=HOUR) == []
    assert [step.subject for step in log.example(after=HOUR)] == ["schedule:every"]
    log.finish(log.asked[-1])
    # A gap of days is one occasion, not several.
    assert len(log.example(after=100 * HOUR)) == 1


def test_crontab_is_due_in_event_time() -> None:
    log = Log(crontab="0 3 * * *")
    log.example()
    due = []
    for _ in range(60):
        for step in log.example(after=HOUR):
            due.append((step.time.day, step.time.hour))
            log.finish(step)
    assert due == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    ("text", "after", "due"),
    [
        ("*/15 * * * *", "2026-05-01T10:07:30", "2026-05-01T10:15:00"),
        ("0 3 * * 1", "2026-05-01T00:00:00", "2026-05-04T03:00:00"),
        ("30 4 1 * *", "2026-05-01T04:30:00", "2026-06-01T04:30:00"),
        ("0 0 13 * 5", "2026-05-02T00:00:00", "2026-05-08T00:00:00"),
        ("5,10 0-2 * * 7", "2026-05-01T00:00:00", "2026-05-03T00:05:00"),
        ("0 0 29 2 *", "2026-05-01T00:00:00", "2028-02-29T00:00:00"),
    ],
)
def test_crontab_is_read_as_cron_does(text: str, after: str, due: str) -> None:
    found = Crontab.of(text).after(datetime.fromisoformat(after).replace(tzinfo=UTC))
    assert found == datetime.fromisoformat(due).replace(tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "* * * *", "60 * * * *", "x * * * *", "5-1 * * * *", "*/0 * * * *", "0 0 31 2 *"])
def test_what_is_no_crontab_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"fields|not within|no number|never due"):
        Crontab.of(text)


def test_cost_is_set_against_the_loss_above_the_best_so_far() -> None:
    log = Log(objective=["broken"], cost=100.0, gain_examples=1000)
    assert log.example(health(loss=0.30)) == []
    assert log.example(health(loss=0.39)) == []
    assert len(log.example(health(loss=0.41))) == 1


def test_window_of_examples_begins_so_many_labels_ago() -> None:
    log = Log(examples=100, window=30)
    (step,) = log.examples(100)
    assert step.method == "window"
    assert step.first == log.offset - 2 * 30
    assert step.end == log.retrains.position


def test_window_of_event_time_begins_so_long_ago() -> None:
    log = Log()
    log.examples(100, after=HOUR)
    step = accept(log, window="10h")
    assert step.method == "window"
    assert log.offset - 2 * 12 <= step.first <= log.offset - 2 * 10


def test_range_is_that_of_the_moment_at_which_it_starts_and_stays_so_for_the_next_leader() -> None:
    log = Log()
    log.examples(50)
    asked = accept(log, window="10")
    log.retrains.hear(asked)
    log.examples(50)
    started = log.retrains.begun(asked, log.now, seed=7)
    assert (started.step, started.seed) == ("started", 7)
    assert (started.first, started.end) == (log.offset - 2 * 10, log.retrains.position)
    log.retrains.hear(started)
    log.examples(50)
    waiting = log.retrains.next()
    assert waiting is not None
    again = log.retrains.begun(waiting, log.now, seed=7)
    assert (again.first, again.end) == (started.first, started.end)


def test_milestones_stay_few_and_never_begin_too_late() -> None:
    milestones = Milestones()
    for number in range(5 * MILESTONES_MAX):
        milestones.add(10 * number, START + timedelta(seconds=number))
    for count in (1, 100, MILESTONES_MAX, 3 * MILESTONES_MAX):
        exact = 10 * (5 * MILESTONES_MAX - count)
        assert exact - 10 * 16 <= milestones.last(count) <= exact
    assert milestones.last(10**9) == 0


def test_command_asks_in_the_name_of_a_person() -> None:
    log = Log()
    log.examples(5)
    step = accept(log, parameters={"LogisticRegression.l2": 0.1})
    assert (step.id, step.by, step.reason, step.method) == ("asked", "ann", "better", "fresh")
    assert (step.first, step.end) == (0, log.retrains.position)
    assert step.parameters == {"LogisticRegression.l2": 0.1}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"model": "tre"}, "no model 'tre' is declared; there are logistic, tree"),
        ({"model": None}, "no model '' is declared"),
        ({"parameters": {"l2": 1}}, "'l2' is no parameter"),
        ({"window": "soon"}, "'soon' is no duration"),
        ({"warm": True}, "without another parameter would only say the same"),
        ({"warm": True, "model": "tree"}, "copies the champion, which is no 'tree'"),
        ({"reason": "x" * 2000}, "more than 1,000 characters"),
    ],
)
def test_command_that_cannot_be_done_is_refused_with_a_reason(changes: dict[str, Any], why: str) -> None:
    log = Log()
    log.example()
    with pytest.raises(BadRecord, match=why):
        accept(log, **changes)


def test_second_command_for_the_same_model_is_refused_while_the_first_lasts() -> None:
    log = Log()
    log.example()
    first = accept(log)
    log.retrains.hear(first)
    with pytest.raises(BadRecord, match="is being retrained by command already: asked"):
        accept(log, id="again")
    log.finish(first)
    assert accept(log, id="again").id == "again"


def test_no_more_than_so_many_wait() -> None:
    log = Log()
    log.example()
    for number in range(OPEN_MAX):
        log.retrains.hear(structs.replace(accept(log, id=f"{number}"), subject=f"{number}"))
    with pytest.raises(BadRecord, match=f"{OPEN_MAX} retrainings wait already"):
        accept(log, id="more")


def test_new_challengers_wait_while_so_many_are_active() -> None:
    log = Log(challengers_max=1)
    log.example()
    log.retrains.hear(accept(log))
    assert log.retrains.next() is not None
    other = Trained(retrain="other", method="fresh", first=0, end=9, examples=4)
    log.write(Control(action="added", model="tree", version=2, reason="for the test", trained=other))
    assert log.retrains.next() is None
    log.write(Control(action="removed", model="tree", version=2, reason="for the test"))
    assert log.retrains.next() is not None


def test_challenger_that_was_put_in_charge_makes_room() -> None:
    log = Log(challengers_max=1)
    other = Trained(retrain="other", method="fresh", first=0, end=9, examples=4)
    log.write(Control(action="added", model="tree", version=2, reason="for the test", trained=other))
    assert not log.retrains.has_room
    log.write(Control(action="promoted", model="tree", version=2, reason="for the test"))
    assert log.retrains.has_room


def test_control_record_ends_a_retraining_whose_last_step_was_not_told() -> None:
    log = Log()
    log.example()
    log.retrains.hear(accept(log))
    trained = Trained(retrain="asked", method="fresh", first=0, end=9, examples=4)
    log.write(Control(action="added", model="logistic", version=2, reason="for the test", trained=trained))
    assert log.retrains.open == {}


def test_fold_goes_on_from_a_checkpoint_as_if_nothing_had_been() -> None:
    log = Log(examples=10, every="1h", drift=["concept"])
    log.examples(7, after=timedelta(minutes=5))
    log.example(drift("labels_late"))
    again = Retrains(log.pipeline)
    again.restore(log.retrains.state())
    assert again.position == log.retrains.position
    assert again.occasions.blocked == "labels_late"
    assert again.occasions.milestones.count == 8
    assert again.fold(0, Control(action="promoted", model="tree", version=1, reason="known")) == []
    assert again.occasions.champion == ("logistic", 1)


def declared(**changes: Any) -> Pipeline:
    return pipeline_for("binary", retraining=Retraining(**changes), objective=Objective("LogLoss", at_most=0.4))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"drift": ["labels_late"]}, "'labels_late' says that what is learnt is wrong"),
        ({"drift": ["conzept"]}, "did you mean 'concept'"),
        ({"drift": "concept"}, "no list of names"),
        ({"objective": ["met"]}, "'met' is not one of 'at_risk', 'broken'"),
        ({"models": ["tre"]}, "did you mean 'tree'"),
        ({"every": "soon"}, "'soon' is no duration"),
        ({"crontab": "3"}, "a crontab has five"),
        ({"examples": 0}, "no whole number"),
        ({"window": "x"}, "'x' is no duration"),
        ({"cooldown": "-1h"}, "cooldown"),
        ({"challengers_max": 0}, "no whole number"),
        ({"cost": -1}, "cost -1 is no number of 0 or more"),
        ({"duration_s_max": 0}, "no number above 0"),
    ],
)
def test_mistake_in_the_declaration_is_told_with_a_way_out(changes: dict[str, Any], told: str) -> None:
    (found,) = mistakes(declared(**changes))
    assert found.startswith("retraining: ")
    assert told in found


@pytest.mark.parametrize(
    ("drift", "told"),
    [
        (None, "the pipeline does not watch for drift"),
        (Watching(events_per_false_alarm=None, detectors=["ADWIN"]), "without events_per_false_alarm none starts"),
    ],
)
def test_retraining_at_drift_that_nobody_tells_of_is_a_mistake(drift: Watching | None, told: str) -> None:
    (found,) = mistakes(replace(declared(drift=["concept"]), drift=drift))
    assert found.startswith("retraining: drift asks")
    assert told in found


def test_declaration_of_everything_is_fine() -> None:
    whole = declared(
        drift=["concept", "mixed"], objective=["broken"], every="7d", crontab="0 3 * * 1", examples=5000, window="30d"
    )
    assert mistakes(whole) == []


def at_clock(log: Log, hours: float) -> Moment:
    """A moment so long after midnight by the leader's clock."""
    return Moment(log.now.position, log.time, datetime(2026, 5, 1, tzinfo=UTC) + timedelta(hours=hours))


def due(log: Log, hours: float) -> list[Retrain]:
    """What is asked for by the clock then, as the leader does it."""
    asked = log.retrains.due(at_clock(log, hours))
    for step in asked:
        log.retrains.hear(step)
    return asked


def test_crontab_by_the_clock_is_due_whatever_event_time_says() -> None:
    log = Log(crontab="0 3 * * *", clock="wall")
    log.examples(50, after=HOUR)
    assert log.asked == []
    assert due(log, 1) == []
    assert due(log, 2.9) == []
    (step,) = due(log, 3.1)
    assert (step.trigger, step.subject) == ("schedule", "schedule:clock")
    assert datetime.fromtimestamp(step.evidence["slot"], UTC).hour == 3
    log.finish(step)
    assert due(log, 3.2) == []
    # A gap of days is one occasion, for the newest time that it was due.
    (later,) = due(log, 24 * 5 + 4)
    assert datetime.fromtimestamp(later.evidence["slot"], UTC).day == 6
    assert later.id != step.id


def test_new_leader_does_not_ask_again_for_a_time_that_was_asked_for() -> None:
    log = Log(crontab="0 3 * * *", clock="wall")
    log.examples(5)
    due(log, 1)
    (step,) = due(log, 100)
    other = Log(crontab="0 3 * * *", clock="wall")
    other.examples(5)
    other.retrains.hear(step)
    other.finish(step)
    assert due(other, 100.1) == []
    assert len(due(other, 124)) == 1


def test_a_time_that_nobody_has_asked_for_is_asked_for_by_the_next_leader() -> None:
    log = Log(crontab="0 3 * * *", clock="wall")
    log.examples(5)
    due(log, 1)
    (step,) = due(log, 3)
    other = Log(crontab="0 3 * * *", clock="wall")
    other.examples(5)
    other.retrains.hear(step)
    other.finish(step)
    assert len(due(other, 30)) == 1


def test_while_labels_are_late_the_clock_asks_for_nothing() -> None:
    log = Log(crontab="0 3 * * *", clock="wall")
    log.examples(5)
    due(log, 1)
    log.example(drift("labels_late"))
    assert due(log, 4) == []


def test_processor_time_of_a_day_of_the_clock_is_a_budget() -> None:
    log = Log(examples=5, cpu_s_per_day_max=100.0)
    (step,) = log.examples(5)
    clock = log.now.clock
    log.retrains.hear(structs.replace(step, step="progress", cpu_s=60.0, clock=clock))
    log.finish(structs.replace(step, cpu_s=90.0, clock=clock))
    (second,) = log.examples(5)
    log.finish(structs.replace(second, cpu_s=20.0, clock=clock), "failed")
    assert log.retrains.budget.cpu_s(clock.date()) == 110.0
    assert log.examples(10) == []
    assert accept(log).trigger == "command"
    # What was told on another day of the clock is not counted there.
    assert log.retrains.budget.cpu_s(clock.date() + timedelta(days=1)) == 0.0


def test_step_from_before_processor_time_was_told_counts_with_its_duration() -> None:
    log = Log(examples=5, cpu_s_per_day_max=100.0)
    (step,) = log.examples(5)
    log.finish(structs.replace(step, duration_s=100.0, clock=log.now.clock))
    assert log.examples(10) == []


SEARCH = Search(
    alternatives={"logistic": {"LogisticRegression.l2": [0.1]}}, models={"other": models_for("binary")["tree"]}
)


def test_what_is_asked_for_by_itself_searches_where_a_search_is_declared_and_a_command_where_it_says_so() -> None:
    log = Log(examples=5, search=SEARCH)
    (step,) = log.examples(5)
    assert step.search
    log.finish(step)
    assert not accept(log).search
    assert accept(log, search=True).search


def test_algorithm_of_the_search_can_be_trained_by_command() -> None:
    log = Log(search=SEARCH)
    log.example()
    step = log.retrains.of_command(command(model="other"), log.pipeline.estimators, None, log.now)
    assert step.model == "other"


@pytest.mark.parametrize(
    ("declared", "changes", "why"),
    [
        ({}, {"search": True}, "no search is declared"),
        ({"search": SEARCH}, {"search": True, "parameters": {"LogisticRegression.l2": 0.3}}, "chooses the parameters"),
        ({"search": SEARCH}, {"search": True, "warm": True, "parameters": {}}, "a search begins fresh"),
        ({}, {"model": "tree", "batch": 50}, "'tree' can't: HoeffdingAdaptiveTreeClassifier"),
        ({"search": SEARCH}, {"search": True, "batch": 50}, "'other' can't"),
        ({}, {"batch": -1}, "-1 is no number of labels"),
    ],
)
def test_search_or_batch_that_cannot_be_is_refused_with_a_reason(
    declared: dict[str, Any], changes: dict[str, Any], why: str
) -> None:
    log = Log(**declared)
    log.example()
    with pytest.raises(BadRecord, match=why):
        accept(log, **changes)


def test_batch_is_that_of_the_command_else_that_of_the_declaration() -> None:
    log = Log(batch=200)
    log.example()
    assert (accept(log).batch, accept(log, batch=50).batch, accept(log, batch=0).batch) == (200, 50, 0)


def test_challengers_of_different_algorithms_are_side_by_side_up_to_the_bound_and_the_rest_wait_in_order() -> None:
    log = Log(challengers_max=2)
    log.example()
    for number, model in enumerate(("logistic", "tree", "logistic", "tree")):
        log.retrains.hear(structs.replace(accept(log, id=f"{number}", model=model), subject=f"{number}"))
    added = []
    while (step := log.retrains.next()) is not None:
        trained = Trained(retrain=step.id, method="fresh", first=0, end=9, examples=4)
        log.write(Control(action="added", model=step.model, version=9, reason="for the test", trained=trained))
        added.append(step.id)
    assert added == ["0", "1"]
    assert log.retrains.occasions.challengers == {("logistic", 9), ("tree", 9)}
    assert list(log.retrains.open) == ["2", "3"]


def test_former_champions_count_again_once_another_is_the_one_to_come_back() -> None:
    log = Log(challengers_max=1)
    for version in (2, 3):
        trained = Trained(retrain=f"{version}", method="fresh", first=0, end=9, examples=4)
        log.write(Control(action="added", model="tree", version=version, reason="for the test", trained=trained))
        assert not log.retrains.has_room
        log.write(Control(action="promoted", model="tree", version=version, reason="for the test"))
        # The champion, and the one before it, whose way back stays open.
        assert log.retrains.has_room
    log.write(Control(action="promoted", model="logistic", version=1, reason="for the test"))
    assert log.retrains.occasions.challengers == {("tree", 2)}
    assert not log.retrains.has_room
