"""The year bench: its measures against their definitions, and its loop against itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from river import compose, linear_model, optim

from bench.year_hindsight import hindsight, summary
from bench.year_rules import Change, Rule
from bench.year_scores import Column, area, calibration_error, difference, losses
from bench.year_world import World
from headrace.demo.flights import happenings
from headrace.demo.pipeline import CATEGORIES, flights
from models.policies import Promotion, Retraining
from schemas.promotions import Promotion as Decision

#: The first days of January.
FLIGHTS = 4_000

FROZEN_FROM = datetime(2013, 1, 3, tzinfo=UTC)


def test_area_is_the_share_of_pairs_in_the_right_order() -> None:
    chance = np.random.default_rng(1)
    labels = (chance.random(200) < 0.3).astype(float)
    scores = np.round(chance.random(200) * 0.5 + 0.2 * labels, 1)
    late, punctual = scores[labels > 0], scores[labels == 0]
    order = np.sign(late[:, None] - punctual[None, :])
    assert area(scores, labels) == pytest.approx((order.mean() + 1) / 2)


def test_area_of_one_kind_of_flights_is_not_known() -> None:
    assert area(np.array([0.1, 0.9]), np.ones(2)) is None


def test_calibration_error_is_what_is_said_too_much_or_too_little() -> None:
    labels = np.tile([1.0, 0.0, 0.0, 0.0], 250)
    assert calibration_error(np.full(1000, 0.25), labels) == pytest.approx(0.0, abs=0.01)
    assert calibration_error(np.full(1000, 0.35), labels) == pytest.approx(0.1, abs=0.01)


def test_losses_are_clipped_and_absent_where_anything_is_missing() -> None:
    lost = losses(np.array([0.0, 0.5, np.nan, 0.5]), np.array([1.0, 0.0, 1.0, np.nan]))
    assert lost[:2] == pytest.approx(-np.log([0.01, 0.5]))
    assert np.isnan(lost[2:]).all()


def test_standard_error_counts_days_and_not_flights() -> None:
    chance = np.random.default_rng(2)
    moods = chance.normal(0.0, 1.0, 100)
    times_s = np.repeat(np.arange(100) * 86_400.0, 50)
    gap = difference(np.repeat(moods, 50), np.zeros(5_000), times_s)
    assert gap is not None and gap.standard_error == pytest.approx(moods.std(ddof=1) / 10, rel=0.01)


def test_promotion_of_a_model_that_then_loses_more_is_false_in_hindsight() -> None:
    times_s: Column = np.arange(0.0, 60.0) * 86_400.0
    lost = {"a@1": np.full(60, 0.5), "b@1": np.where(np.arange(60) < 40, 0.4, 0.6)}
    decided = Decision(
        verdict="promote", champion="a@1", challenger="b@1", position=0, time=FROZEN_FROM, examples=9,
        evidence={}, reason="",
    )  # fmt: skip
    changes = [
        Change(flight, FROZEN_FROM + timedelta(days=flight), before, state, decided)
        for flight, before, state in ((5, "a@1", "b@1"), (30, "b@1", "a@1"), (45, "a@1", "b@1"))
    ]
    found = hindsight(changes, lost, times_s)
    assert [each.is_false for each in found] == [False, False, True]
    # Over its reign the second one lost more, over the 30 days after it, less.
    assert found[1].reign is not None and found[1].reign.mean < 0
    assert (summary(found).promotions, summary(found).false_promotions) == (3, 1)


@pytest.fixture(scope="module")
def world() -> World:
    """A few days that begin with a coin in charge, beside the same policy as a rule, and one that decides nothing."""
    coin = compose.Discard(*CATEGORIES) | linear_model.LogisticRegression(optim.SGD(0.0), intercept_lr=0.0)
    policy = Promotion(examples_min=200, settle="6h")
    retraining = Retraining(every="2d", models=["tree"], challengers_max=9)
    pipeline = replace(
        flights, models={"coin": coin, **flights.models}, champion="coin", promotion=policy, retraining=retraining
    )
    rules = [
        Rule("the same", pipeline, policy, "coin"),
        Rule("patient", pipeline, replace(policy, examples_min=100_000), "logistic"),
    ]
    world = World(pipeline, FLIGHTS, FROZEN_FROM, rules)
    world.run(happenings(events=FLIGHTS))
    return world


def test_rule_with_the_policy_of_the_loop_decides_as_the_loop_does(world: World) -> None:
    (same, _) = world.rules
    loop, rule = ([(each.flight, each.time, each.state) for each in who.changes] for who in (world, same))
    assert loop and rule == loop
    np.testing.assert_array_equal(world.scores.columns["the same"], world.scores.columns["loop"])


def test_rule_that_decides_nothing_serves_who_it_began_with(world: World) -> None:
    assert not world.rules[1].changes
    np.testing.assert_array_equal(world.scores.columns["patient"], world.scores.columns["logistic@1"])


def test_loop_serves_the_version_that_is_in_charge(world: World) -> None:
    columns, first = world.scores.columns, world.changes[0].flight
    np.testing.assert_array_equal(columns["loop"][:first], columns["coin@1"][:first])
    assert columns["loop"][first] == columns[world.changes[0].state][first] != columns["coin@1"][first]


def test_trained_versions_join_once_they_are_due(world: World) -> None:
    finished = [step.version for step in world.retrains if step.step == "finished"]
    assert finished == [2, 3]
    answered = ~np.isnan(world.scores.columns["tree@2"])
    assert 0 < answered.sum() < FLIGHTS and answered[-1]


def test_model_alone_is_what_river_makes_of_the_same_delays(world: World) -> None:
    # The oracle: predict each flight on schedule, learn it when it landed, in the order in which it happened.
    model, waiting, scores = flights.models["tree"].clone(), {}, []
    (prepare,) = flights.prepare
    for told in happenings(events=FLIGHTS):
        if told.kind == "event":
            waiting[told.id] = prepare(told.body)
            said = model.predict_proba_one(waiting[told.id])
            scores.append(said.get(True, 0.0) if said else np.nan)
        else:
            model.learn_one(waiting.pop(told.id), told.body["label"])
    np.testing.assert_array_equal(world.scores.columns["tree@1"], scores)


def test_frozen_copy_is_the_model_until_it_is_frozen(world: World) -> None:
    columns = world.scores.columns
    frozen, alive = columns["tree frozen"], columns["tree@1"]
    before = world.times_s < FROZEN_FROM.timestamp()
    np.testing.assert_array_equal(frozen[before], alive[before])
    assert (frozen[~before] != alive[~before]).mean() > 0.5
