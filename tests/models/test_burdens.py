"""Who endangers the service, from what was measured; a burst and a backlog that is worked off do not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from models.burdens import AGE_S, ANSWERS, Burdens, Window
from models.members import Member
from schemas.examples import Control


def member(name: str, **more: Any) -> Member:
    control = Control(action="added", model=name, version=1, reason="declared")
    return Member(
        name=name,
        version=1,
        baseline=False,
        definition="",
        control=control,
        model=None,
        answer=lambda features: 0.5,
        learn=lambda features, label: None,
        **more,
    )


def out(burdens: Burdens, ages: Sequence[float | None], **shares: float) -> list[tuple[str, str]]:
    """Who is taken out over some windows."""
    challengers = {f"{name}@1": member(name) for name in shares}
    time_shares = {f"{name}@1": share for name, share in shares.items()}
    return [found for age_s in ages for found in burdens.see(Window(age_s, 1000, time_shares), challengers)]


LATER = [1.0, 4.0, 7.0, 10.0]


def test_the_heaviest_challenger_is_taken_out_when_answers_come_later_and_later() -> None:
    ((state, reason),) = out(Burdens(0.8), LATER, light=0.05, heavy=0.85)
    assert state == "heavy@1"
    assert (
        reason == "it takes 85% of the worker's time, and answers come later and later, by now 10 s after their event"
    )


@pytest.mark.parametrize(
    "ages",
    [
        [0.01] * 10,
        [100.0, 80.0, 60.0, 40.0, 20.0],  # a backlog that is worked off
        [0.1, 9.0, 18.0, 9.0, 0.1],  # a burst
        [0.1, 0.2, 0.3, 0.4, AGE_S],  # not late yet
        [1.0, 4.0, 7.0, None, 10.0, 13.0],  # nothing came meanwhile
    ],
)
def test_nobody_is_while_answers_are_in_time_or_catch_up(ages: list[float | None]) -> None:
    assert out(Burdens(0.8), ages, heavy=0.95) == []


def test_nobody_is_whose_share_of_the_time_is_tolerated() -> None:
    assert out(Burdens(0.8), LATER * 2, heavy=0.79) == []
    assert out(Burdens(None), LATER * 2, heavy=0.99) == []


def test_after_one_is_out_the_others_are_given_time_to_do_without_it() -> None:
    found = out(Burdens(0.3), [1.0, 4.0, 7.0, 10.0, 13.0, 16.0, 19.0, 22.0], one=0.5, other=0.4)
    # The same again, for here nobody really leaves.
    assert [state for state, _ in found] == ["one@1", "one@1"]


def test_one_that_failed_when_it_learnt_is_taken_out_at_once() -> None:
    challengers = {"bad@1": member("bad", failed="ZeroDivisionError('x')")}
    assert list(Burdens(None).see(Window(None, 0, {}), challengers)) == [
        ("bad@1", "it failed when it learnt: ZeroDivisionError('x')")
    ]


def test_one_that_gives_no_usable_answer_again_and_again_is_taken_out() -> None:
    burdens, bad, good = Burdens(None), member("bad"), member("good")
    challengers = {"bad@1": bad, "good@1": good}
    good.errors = 1
    bad.errors = 30
    assert list(burdens.see(Window(None, ANSWERS // 2, {}), challengers)) == []
    ((state, reason),) = burdens.see(Window(None, ANSWERS // 2, {}), challengers)
    assert (state, reason) == ("bad@1", "30 of 200 times it raised an error or gave no usable answer")
    # What was counted once is not counted again.
    assert list(burdens.see(Window(None, ANSWERS, {}), challengers)) == []
