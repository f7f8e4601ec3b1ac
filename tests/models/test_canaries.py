"""A challenger that has won serves declared shares first, and the share is withdrawn where it loses."""

from __future__ import annotations

import pickle
from itertools import pairwise
from typing import Any

import pytest

from models.orders import accept, veto
from models.promotions import Verdicts
from schemas.commands import Command
from schemas.errors import BadRecord
from schemas.examples import Control, Notice
from schemas.promotions import Guard, Promotion
from tests.models.trial_logs import START, Log, Says, broken_from, noisy, pipeline_of

OLD, BETTER, WORSE = noisy(0.15, 1), noisy(0.02, 2), noisy(0.3, 3)

STEPS = (0.05, 0.25)


def log_of(new: Says = BETTER, **policy: Any) -> Log:
    declared: dict[str, Any] = {"canary": STEPS, "canary_examples": 600} | policy
    return Log(pipeline_of(models=("old", "new", "other"), **declared), {"old": OLD, "new": new, "other": OLD})


def begun(new: Says = BETTER, **policy: Any) -> Log:
    """A log in which the canary has begun."""
    log = log_of(new, **policy)
    while log.verdicts.reigns.canary is None:
        log.go_on(64)
        assert len(log.records) < 8000
    return log


def command(action: Any, **more: Any) -> Command:
    return Command(id="command-1", action=action, by="ada", reason="seen enough", time=START, **more)


def changes(log: Log) -> list[tuple[str, str, float, int]]:
    return [(each.action, each.model, each.share, each.step) for each in log.controls]


def told(log: Log) -> list[tuple[str, str]]:
    return [(each.verdict, each.status) for each in log.decisions if each.challenger == "new@1"]


def test_who_has_won_serves_each_declared_share_for_so_many_labels_and_is_then_put_in_charge() -> None:
    log = log_of().go_on(8000)
    assert changes(log) == [("shared", "new", 0.05, 1), ("shared", "new", 0.25, 2), ("promoted", "new", 0.0, 0)]
    assert told(log)[:3] == [("promote", "canary"), ("promote", "canary"), ("promote", "done")]
    places = [place for place, record in enumerate(log.records) if record in log.controls]
    # Every record between two steps is an example of the first one, looked at in chunks of 128.
    assert all(600 <= after - before < 600 + 2 * 128 for before, after in pairwise(places))
    assert log.champion == "new"
    assert not log.verdicts.reigns.shares
    assert log.verdicts.reigns.canary is None
    first = log.decisions[0]
    assert "step 1 of 2, 0.05 of the traffic" in first.reason
    assert first.evidence["e_value"] >= first.evidence["threshold"]


def test_without_a_canary_it_is_put_in_charge_at_once() -> None:
    log = log_of(canary=()).go_on(4000)
    assert changes(log) == [("promoted", "new", 0.0, 0)]


def test_who_begins_to_lose_there_has_its_share_withdrawn_at_once_with_a_decision() -> None:
    log = begun(broken_from(BETTER, 2300), canary_examples=50_000).go_on(2500)
    assert changes(log) == [("shared", "new", 0.05, 1), ("shared", "new", 0.0, 1)]
    assert told(log) == [("promote", "canary"), ("keep", "withdrawn")]
    withdrawn = log.decisions[-1]
    assert withdrawn.evidence["emergency"] == 1.0
    assert withdrawn.evidence["e_value"] >= withdrawn.evidence["threshold"]
    assert withdrawn.position < 2300 + 400
    assert log.champion == "old"
    assert not log.verdicts.reigns.shares
    # It rests before it is tried again.
    assert ("new", 1) not in log.verdicts.reigns.trials


def test_who_turns_out_to_be_a_little_worse_is_found_by_the_trial_itself() -> None:
    # Too little for the emergency rule at such a rate; the average since the beginning shows it.
    log = begun(broken_from(BETTER, 1200), canary_examples=50_000, emergency_rate=1e-300).go_on(6000)
    assert told(log)[:2] == [("promote", "canary"), ("keep", "withdrawn")]
    assert "emergency" not in log.decisions[1].evidence
    assert not log.verdicts.reigns.shares


def test_the_watch_of_a_canary_and_of_a_reign_spend_the_same_promised_rate() -> None:
    log = log_of().go_on(8000)
    assert log.verdicts.reigns.emergency is not None
    canary, reign = (6 / (3.141592653589793 * k) ** 2 * 0.01 for k in (1, 2))
    assert log.verdicts.reigns.emergency.rate == pytest.approx(reign)
    assert begun().verdicts.reigns.canary.watch.rate == pytest.approx(canary)  # type: ignore[union-attr]


def test_only_one_canary_is_under_way_at_a_time() -> None:
    log = Log(
        pipeline_of(models=("old", "new", "other"), canary=STEPS, canary_examples=3000),
        {"old": OLD, "new": BETTER, "other": noisy(0.021, 4)},
    ).go_on(6000)
    assert {each.model for each in log.controls} == {log.controls[0].model}


def test_a_person_approves_the_canary_not_each_step_of_it() -> None:
    log = log_of(mode="approval")
    while not log.decisions:
        log.go_on(64)
    assert told(log) == [("promote", "waiting")]
    decision, control = accept(log.verdicts, command("approve"))
    assert isinstance(decision, Promotion)
    assert isinstance(control, Control)
    assert (decision.status, decision.by) == ("canary", "ada")
    assert (control.action, control.share, control.step) == ("shared", 0.05, 1)
    log.write(control)
    with pytest.raises(BadRecord, match="waiting for an answer: none"):
        accept(log.verdicts, command("approve"))
    log.go_on(3000)
    assert changes(log) == [("shared", "new", 0.25, 2), ("promoted", "new", 0.0, 0)]


def test_a_share_of_zero_by_a_person_ends_the_canary() -> None:
    log = begun(canary_examples=1000)
    notice, control = accept(log.verdicts, command("share", model="new", share=0.0))
    assert isinstance(notice, Notice)
    assert isinstance(control, Control)
    log.write(control)
    log.go_on(3000)
    assert changes(log) == [("shared", "new", 0.05, 1)]
    assert log.verdicts.reigns.canary is None


def test_a_person_who_promotes_it_ends_the_canary_and_one_who_promotes_another_withdraws_it() -> None:
    log = begun()
    log.write(Control(action="promoted", model="new", version=1, reason="by hand"))
    assert log.verdicts.reigns.canary is None
    log = begun()
    log.write(Control(action="promoted", model="other", version=1, reason="by hand"))
    log.go_on(400)
    assert told(log)[1] == ("undecided", "withdrawn")
    assert not log.verdicts.reigns.shares


def test_frozen_a_canary_goes_no_further_but_may_go_back() -> None:
    log = begun(broken_from(BETTER, 5000))
    log.write(Notice(action="frozen", command="c", by="ada", reason="holidays"))
    log.go_on(2000)
    assert changes(log) == [("shared", "new", 0.05, 1)]
    log.go_on(3000)
    assert changes(log)[-1] == ("shared", "new", 0.0, 1)


def test_a_guard_that_vetoes_the_next_step_withdraws_the_share() -> None:
    log = begun()
    decided = next(each for each in log.decisions if each.status == "canary")
    vetoed, notice = veto(decided, [Guard(name="cost", passed=False, value=90.0, bound=20.0)])
    assert isinstance(vetoed, Promotion)
    assert isinstance(notice, Notice)
    log.write(notice)
    assert told(log)[-1] == ("promote", "withdrawn")
    assert not log.verdicts.reigns.shares
    assert log.verdicts.reigns.canary is None


def test_a_quarantined_challenger_ends_its_canary() -> None:
    log = begun()
    log.write(Control(action="quarantined", model="new", version=1, reason="too slow"))
    assert log.verdicts.reigns.canary is None
    assert not log.verdicts.reigns.shares
    log.go_on(3000)
    assert changes(log) == [("shared", "new", 0.05, 1)]


def test_a_step_never_takes_back_what_a_person_has_given_nor_what_is_another_s() -> None:
    log = log_of()
    for model, share in (("new", 0.1), ("other", 0.8)):
        _, control = accept(log.go_on(1).verdicts, command("share", model=model, share=share))
        log.write(control)  # type: ignore[arg-type]
    log.go_on(8000)
    assert [each[2] for each in changes(log)] == pytest.approx([0.1, 0.2, 0.0])


@pytest.mark.parametrize(
    ("share", "answer"),
    [
        (None, "a share is a part of all entities"),
        (1.0, "a share is a part of all entities below 1"),
        (-0.1, "a share is a part"),
        (0.00001, "0.0001 or more"),
        (float("nan"), "a share is a part"),
        (0.0, "new@1 has no share"),
        (0.7, "others have shares: 0.5 is left for new@1"),
    ],
)
def test_a_share_that_cannot_be_is_refused_with_a_reason(share: float | None, answer: str) -> None:
    log = log_of().go_on(10)
    _, control = accept(log.verdicts, command("share", model="other", share=0.5))
    log.write(control)  # type: ignore[arg-type]
    with pytest.raises(BadRecord, match=answer):
        accept(log.verdicts, command("share", model="new", share=share))


def test_the_champion_and_baselines_are_given_no_share() -> None:
    log = log_of().go_on(10)
    with pytest.raises(BadRecord, match="old@1 is the champion"):
        accept(log.verdicts, command("share", model="old", share=0.5))
    with pytest.raises(BadRecord, match="'prior' is not active"):
        accept(log.verdicts, command("share", model="prior", share=0.5))


def test_a_leader_that_takes_over_in_a_canary_goes_on_as_the_one_before_would_have() -> None:
    log = log_of()
    for _ in range(40):
        log.go_on(100)
    again = Verdicts(log.pipeline)
    said: list[Any] = []
    for offset, record in enumerate(log.records):
        said += again.fold(offset, record)
        if offset % 700 == 0:
            restored = Verdicts(log.pipeline)
            restored.restore(pickle.loads(pickle.dumps(again.state())))
            again = restored
    assert [each for each in said if isinstance(each, Promotion)] == log.decisions
    assert [each for each in said if isinstance(each, Control)] == log.controls


def test_with_another_policy_the_share_of_a_canary_is_withdrawn() -> None:
    for policy in ({"canary": (0.5,)}, {"canary": ()}):
        log = begun()
        other = Verdicts(pipeline_of(models=("old", "new", "other"), **policy))
        other.restore(pickle.loads(pickle.dumps(log.verdicts.state())))
        log.verdicts = other
        log.go_on(400)
        assert changes(log)[-1] == ("shared", "new", 0.0, 1)
        assert told(log)[-1] == ("undecided", "withdrawn")
