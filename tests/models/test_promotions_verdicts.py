"""Who is put in charge, on what evidence, and who goes back."""

from __future__ import annotations

import math
import pickle
from datetime import timedelta
from typing import Any

import pytest

from models.learning import Learning
from models.orders import accept, veto
from models.promotions import Verdicts
from schemas.commands import Command
from schemas.errors import BadRecord
from schemas.examples import Control, Example, Notice
from schemas.promotions import Guard, Promotion
from tests.models.trial_logs import START, Log, broken_from, noisy, pipeline_of

#: An old model, one that is better by about 0.03, and one that is worse by as much.
OLD, BETTER, WORSE = noisy(0.15, 1), noisy(0.02, 2), noisy(0.3, 3)


def decided(log: Log, verdict: str) -> list[Promotion]:
    return [each for each in log.decisions if each.verdict == verdict]


def command(action: Any, **more: Any) -> Command:
    fields: dict[str, Any] = {"id": "command-1", "by": "ada", "reason": "seen enough", "time": START}
    return Command(action=action, **(fields | more))


def test_a_better_challenger_is_put_in_charge_on_evidence() -> None:
    log = Log(pipeline_of(), {"old": OLD, "new": BETTER}).go_on(4000)
    (promotion,) = decided(log, "promote")
    assert (promotion.champion, promotion.challenger, promotion.status) == ("old@1", "new@1", "done")
    evidence = promotion.evidence
    assert evidence["e_value"] >= evidence["threshold"] == pytest.approx(math.pi**2 / 6 / 0.05)
    assert 0 < evidence["lower"] < evidence["mean_difference"] < evidence["upper"]
    assert promotion.examples >= 500
    assert promotion.since <= promotion.position
    assert promotion.policy
    assert [(each.action, each.model) for each in log.controls] == [("promoted", "new")]
    assert log.champion == "new"


def test_nobody_is_put_in_charge_on_fewer_labels_than_declared() -> None:
    log = Log(pipeline_of(examples_min=3000), {"old": OLD, "new": BETTER}).go_on(2900)
    assert not log.decisions
    assert decided(log.go_on(600), "promote")


def test_a_worse_challenger_is_given_up_and_tried_again_later_under_a_number_of_its_own() -> None:
    log = Log(pipeline_of(retest_examples=3000), {"old": OLD, "new": WORSE}).go_on(10_000)
    given_up = [each for each in log.decisions if each.verdict in ("keep", "futile")]
    assert [each.evidence["test"] for each in given_up[:2]] == [1.0, 2.0]
    assert given_up[1].since - given_up[0].position >= 3000
    assert not log.controls


def test_an_equal_challenger_is_futile_where_a_worthwhile_gain_is_large() -> None:
    log = Log(pipeline_of(worthwhile=0.05), {"old": noisy(0.05, 1), "new": noisy(0.05, 2)}).go_on(6000)
    assert [each.verdict for each in log.decisions] == ["futile"]
    assert log.decisions[0].evidence["upper"] < 0.05


def test_a_trial_that_takes_too_long_ends_undecided() -> None:
    log = Log(pipeline_of(examples_max=1000), {"old": OLD, "new": OLD}).go_on(1200)
    assert [each.verdict for each in log.decisions] == ["undecided"]


def test_without_a_policy_nothing_is_ever_decided() -> None:
    pipeline = pipeline_of()
    object.__setattr__(pipeline, "promotion", None)
    assert not Log(pipeline, {"old": OLD, "new": BETTER}).go_on(4000).decisions


def test_a_baseline_is_never_put_in_charge_and_nobody_who_is_not_named() -> None:
    log = Log(pipeline_of(challengers=("other",)), {"old": WORSE, "new": BETTER}).go_on(4000)
    assert not log.decisions
    assert not log.verdicts.reigns.trials


def test_predictions_from_before_a_trial_do_not_count_for_it() -> None:
    log = Log(pipeline_of(), {"old": OLD, "new": BETTER}).go_on(4000, position=0)
    assert not log.decisions


def test_labels_count_only_when_those_of_their_time_have_had_time_to_come() -> None:
    log = Log(pipeline_of(settle="2h"), {"old": OLD, "new": BETTER}).go_on(7000)
    assert not log.decisions
    assert decided(log.go_on(3000), "promote")


# The way back


def test_a_champion_that_breaks_after_its_promotion_gives_way_to_the_one_before() -> None:
    log = Log(pipeline_of(), {"old": OLD, "new": broken_from(BETTER, 6000)}).go_on(8000)
    assert [each.action for each in log.controls] == ["promoted", "rolled_back"]
    (back,) = decided(log, "roll_back")
    assert back.evidence["emergency"] == 1.0
    assert 6000 < back.position < 6500
    assert log.champion == "old"


def test_the_same_test_turned_round_goes_back_from_one_that_is_a_little_worse() -> None:
    log = Log(pipeline_of(emergency_rate=1e-12), {"old": noisy(0.05, 1), "new": noisy(0.25, 2)})
    log.write(Control(action="promoted", model="new", version=1, reason="by hand"))
    log.go_on(5000)
    (back,) = decided(log, "roll_back")
    assert "emergency" not in back.evidence
    assert back.evidence["lower"] > 0
    assert [each.action for each in log.controls] == ["rolled_back"]


def test_a_model_from_which_one_went_back_rests_before_it_is_tried_again() -> None:
    log = Log(pipeline_of(retest_examples=5000), {"old": OLD, "new": broken_from(BETTER, 6000)}).go_on(8000)
    assert not log.verdicts.reigns.trials
    (back,) = decided(log, "roll_back")
    (again,) = [each for each in log.go_on(5000).decisions if each.position > back.position]
    assert again.challenger == "new@1"
    assert again.since - back.position >= 5000


# Guards


def test_a_group_that_is_worse_off_than_tolerated_vetoes() -> None:
    # Better for three in four, and useless for the others.
    def sided(truth: Any, places: Any) -> Any:
        good = BETTER(truth, places)
        good[places % 4 == 0] = 0.9
        return good

    def poor(truth: Any, places: Any) -> Any:
        known = BETTER(truth, places)
        known[places % 4 != 0] = 0.9
        return known

    log = Log(pipeline_of(groups=("side",)), {"old": poor, "new": sided}).go_on(1500)
    vetoed = decided(log, "promote")
    assert {each.status for each in vetoed} == {"vetoed"}
    (guard,) = [guard for guard in vetoed[0].guards if not guard.passed]
    assert (guard.name, guard.about) == ("group", "side=right")
    assert guard.value < guard.bound < 0
    assert not log.controls


def test_a_group_too_small_to_say_anything_vetoes_nothing() -> None:
    log = Log(pipeline_of(groups=("side",)), {"old": OLD, "new": BETTER}).go_on(4000)
    assert [each.status for each in decided(log, "promote")] == ["done"]


def test_a_fairness_gap_that_the_champion_does_not_have_vetoes() -> None:
    # The mean loss is lower; but all of one side get a yes.
    def partial(truth: Any, places: Any) -> Any:
        return (BETTER(truth, places) > 0.55) * 0.3 + (places % 4 == 0) * 0.52

    def poor(truth: Any, places: Any) -> Any:
        return truth * 0 + 0.03

    log = Log(
        pipeline_of(groups=("side",), fairness_gap=0.1, group_loss=10.0, calibration_gap=None),
        {"old": poor, "new": partial},
    ).go_on(1500)
    names = {guard.name for each in decided(log, "promote") for guard in each.guards if not guard.passed}
    assert "demographic_parity" in names
    assert not log.controls


# A person must agree


def approval(**more: Any) -> Log:
    return Log(pipeline_of(mode="approval", approval_timeout="1h", **more), {"old": OLD, "new": BETTER}).go_on(3000)


def test_a_promotion_waits_for_a_person_who_is_named_in_the_record() -> None:
    log = approval()
    (waiting,) = log.decisions
    assert waiting.status == "waiting"
    assert waiting.until == waiting.time + timedelta(hours=1)
    assert log.champion == "old"
    promotion, control = accept(log.verdicts, command("approve"))
    assert isinstance(promotion, Promotion)
    assert isinstance(control, Control)
    assert (promotion.by, promotion.command, promotion.status) == ("ada", "command-1", "done")
    assert promotion.evidence["e_value"] >= promotion.evidence["threshold"]
    log.write(control)
    assert log.champion == "new"


def test_a_rejected_promotion_is_not_proposed_again_for_a_while() -> None:
    log = approval()
    promotion, notice = accept(log.verdicts, command("reject", model="new"))
    assert isinstance(promotion, Promotion)
    assert isinstance(notice, Notice)
    assert promotion.status == "rejected"
    log.write(notice)
    log.go_on(3000)
    assert len(log.decisions) == 1
    with pytest.raises(BadRecord, match="waiting for an answer: none"):
        accept(log.verdicts, command("approve"))


def test_a_promotion_that_nobody_answers_lapses() -> None:
    log = approval().go_on(4000)
    assert [each.status for each in log.decisions] == ["waiting", "lapsed"]
    assert not log.controls


def test_a_person_can_promote_and_go_back_by_hand() -> None:
    log = Log(pipeline_of(), {"old": OLD, "new": OLD}).go_on(100)
    promotion, control = accept(log.verdicts, command("promote", model="new"))
    assert isinstance(promotion, Promotion)
    assert (promotion.verdict, promotion.by, promotion.reason) == ("promote", "ada", "seen enough")
    log.write(control)  # type: ignore[arg-type]
    assert log.champion == "new"
    _, control = accept(log.verdicts, command("roll_back"))
    log.write(control)  # type: ignore[arg-type]
    assert log.champion == "old"


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (command("promote", model="nwe"), "'nwe' is not active; these are: old@1, new@1"),
        (command("promote", model="old"), "old@1 is the champion already"),
        (command("promote", model="prior"), "'prior' is not active"),
        (command("promote", model="new", version=7), "'new@7' is not active"),
        (command("roll_back"), "no former champion"),
        (command("approve", model="new"), "waiting for an answer: none; 'new' is not one of them"),
        (command("promote", model="new", by=" "), "nobody is named"),
        (command("promote", model="new", reason="x" * 2000), "more than 1,000 characters"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_reason(asked: Command, answer: str) -> None:
    log = Log(pipeline_of(), {"old": OLD, "new": OLD}).go_on(10)
    with pytest.raises(BadRecord, match=answer):
        accept(log.verdicts, asked)


def test_a_veto_by_a_guard_that_needs_the_models_holds_for_the_next_leader_too() -> None:
    log = Log(pipeline_of(), {"old": OLD, "new": BETTER})
    before = list(log.records)
    log.go_on(4000)
    place = next(place for place, record in enumerate(log.records) if record is log.controls[0])
    guard = Guard(name="size", passed=False, value=12.0, bound=10.0)
    vetoed, notice = veto(log.decisions[0], [guard])
    assert isinstance(vetoed, Promotion)
    assert isinstance(notice, Notice)
    assert vetoed.status == "vetoed"
    assert guard in vetoed.guards
    taken_over = Verdicts(log.pipeline)
    records = [*before, *log.records[len(before) : place], notice, *log.records[place + 1 :]]
    told = [each for offset, record in enumerate(records) for each in taken_over.fold(offset, record)]
    assert len(told) == 2, "the decision that was vetoed, and no other"
    assert taken_over.reigns.champion == ("old", 1)


# The fold


def test_a_leader_that_takes_over_comes_to_the_same_decisions() -> None:
    log = Log(pipeline_of(settle="10m"), {"old": OLD, "new": broken_from(BETTER, 6000), "third": WORSE}).go_on(9000)
    expected = [*log.decisions]
    assert len(expected) >= 3
    for cut in (1000, 4321, 6100):
        first, second = Verdicts(log.pipeline), Verdicts(log.pipeline)
        said: list[Any] = []
        for offset, record in enumerate(log.records[:cut]):
            said += first.fold(offset, record)
        second.restore(pickle.loads(pickle.dumps(first.state())))
        # It reads from an earlier place, and skips what it knows.
        for offset, record in enumerate(log.records):
            said += second.fold(offset, record)
        assert [each for each in said if isinstance(each, Promotion)] == expected


def test_nothing_more_is_decided_before_a_decision_has_come_back_in_the_log() -> None:
    log = Log(pipeline_of(), {"old": OLD, "new": BETTER, "also": BETTER})
    verdicts = log.verdicts
    said: list[Any] = []
    for example in list(log.examples(5000)):
        said += verdicts.fold(verdicts.position, example)
    assert [each.action for each in said if isinstance(each, Control)] == ["promoted"]


def test_with_another_policy_trials_begin_anew_and_what_was_spent_stays_spent() -> None:
    log = Log(pipeline_of(), {"old": OLD, "new": OLD}).go_on(1000)
    other = Verdicts(pipeline_of(false_promotion_rate=0.01))
    other.restore(pickle.loads(pickle.dumps(log.verdicts.state())))
    (trial,) = other.reigns.trials.values()
    assert trial.number == 2
    assert trial.cohorts.examples == 0
    assert other.reigns.champion == ("old", 1)


def test_a_state_from_before_there_were_verdicts_is_the_beginning_of_the_log() -> None:
    verdicts = Verdicts(pipeline_of())
    verdicts.restore({})
    assert verdicts.position == 0


def test_the_state_stays_small_over_a_long_life() -> None:
    log = Log(pipeline_of(retest_examples=1000), {"old": OLD, "new": WORSE, "third": OLD})
    log.go_on(6000)
    middle = len(pickle.dumps(log.verdicts.state()))
    log.go_on(12_000)
    assert len(pickle.dumps(log.verdicts.state())) < 1.2 * middle + 20_000


def test_a_champion_that_is_removed_leaves_nobody_on_trial() -> None:
    log = Log(pipeline_of(), {"old": OLD, "new": BETTER}).go_on(300)
    log.write(Control(action="removed", model="old", version=1, reason="no longer declared"))
    log.go_on(3000)
    assert not log.decisions
    assert not log.verdicts.reigns.trials


def test_a_corrected_label_is_unlearnt_while_its_time_is_open() -> None:
    log, corrected = (Log(pipeline_of(settle="10m"), {"old": OLD, "new": BETTER}) for _ in range(2))
    for example in log.examples(1500):
        log.write(example)
    for example in corrected.examples(1500, position=10):
        wrong = _changed(example, label=not example.label)
        corrected.write(wrong)
        corrected.write(_changed(example, status="corrected", previous=wrong.label))
    for each in (log, corrected):
        each.verdicts._count()
    (one,), (other,) = (each.verdicts.reigns.trials.values() for each in (log, corrected))
    assert one.cohorts.late == other.cohorts.late == 0
    for trial in (one, other):
        trial.cohorts.release(START.timestamp() + 1000)
    assert (one.cohorts.up == other.cohorts.up).all()


def _changed(example: Example, **changes: Any) -> Example:
    return Example(**({name: getattr(example, name) for name in example.__struct_fields__} | changes))


def test_a_withdrawn_label_is_no_evidence_while_its_time_is_open() -> None:
    log, withdrawn = (
        Log(pipeline_of(settle="10m", examples_min=10_000), {"old": OLD, "new": BETTER}) for _ in range(2)
    )
    for place, example in enumerate(log.examples(1500, position=10)):
        if place % 2:
            log.write(example)
    for place, example in enumerate(withdrawn.examples(1500, position=10)):
        withdrawn.write(example)
        if not place % 2:
            withdrawn.write(
                _changed(example, status="unavailable", label=None, previous=example.label, replaces="known")
            )
    for each in (log, withdrawn):
        each.verdicts._count()
    (one,), (other,) = (each.verdicts.reigns.trials.values() for each in (log, withdrawn))
    for trial in (one, other):
        trial.cohorts.release(START.timestamp() + 10_000)
    assert (one.cohorts.up == other.cohorts.up).all()
    assert one.cohorts.examples == other.cohorts.examples > 100


def test_a_record_that_crowns_a_model_which_is_gone_changes_nothing() -> None:
    learning = Learning(pipeline_of(), lambda _: None)
    learning.fold(0, Control(action="promoted", model="gone", version=3, reason="too late"))
    assert learning.champion is None
