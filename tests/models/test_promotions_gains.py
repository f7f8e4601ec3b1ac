"""The purse: what it promises, and how near to the best possible it is."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import gains
from models.cohorts import Cohorts
from models.emergency import Emergency

differences = st.lists(st.floats(-1, 1), min_size=1, max_size=50)


@given(differences, st.floats(-0.5, 0.5))
def test_a_purse_of_counts_never_holds_more_than_one_of_the_examples_themselves(
    values: list[float], mean: float
) -> None:
    exact = [
        math.log(part) + sum(math.log1p(share * (value - mean) / (1 + mean)) for value in values)
        for share, part in zip(gains.SHARES, np.exp(gains._LOG_PARTS), strict=True)
    ]
    top = max(exact)
    of_examples = top + math.log(sum(math.exp(one - top) for one in exact))
    # A difference is counted in parts of 2^-20 of a cell.
    assert gains.log_purse(gains.count(np.array(values)), mean) <= of_examples + 1e-5 * len(values)


@given(differences, st.integers(0, 50))
def test_counts_are_the_same_however_the_examples_are_cut(values: list[float], cut: int) -> None:
    whole = np.array(values)
    assert (gains.count(whole[:cut]) + gains.count(whole[cut:]) == gains.count(whole)).all()


@given(differences)
def test_what_is_taken_back_leaves_nothing(values: list[float]) -> None:
    both = np.array([*values, *values])
    assert not gains.count(both, np.repeat([1.0, -1.0], len(values))).any()


def test_the_parts_of_all_tests_add_up_to_the_promised_rate() -> None:
    spent = sum(gains.spent(0.05, number) for number in range(1, 100_000))
    assert 0.04999 < spent <= 0.05


def first_crossing(values: np.ndarray, rate: float, every: int = 20) -> int | None:
    nodes = np.zeros(gains.NODES)
    for start in range(0, len(values), every):
        nodes += gains.count(values[start : start + every])
        if gains.log_purse(nodes) >= math.log(1 / rate):
            return start + every
    return None


@pytest.mark.parametrize("spread", [0.02, 0.1, 0.5])
def test_equal_models_are_told_apart_no_more_often_than_promised(spread: float) -> None:
    chance = np.random.default_rng(5)
    false = sum(
        first_crossing(np.clip(chance.normal(0, spread, 3000), -1, 1), 0.1, every=100) is not None for _ in range(200)
    )
    # A promised 20 of 200; five standard deviations would be 41.
    assert false <= 20


def test_a_model_that_is_now_better_and_now_worse_is_not_better_on_average() -> None:
    # It gains where little is at stake, and loses where much is: bets that adapt could be drawn in by the first.
    chance = np.random.default_rng(6)
    false = 0
    for _ in range(100):
        better = np.repeat(np.tile([-1.0, 1.0], 15), 100)
        false += first_crossing(np.clip(better * 0.05 + chance.normal(0, 0.1, 3000), -1, 1), 0.1) is not None
    assert false <= 10


def test_a_better_model_is_found_within_twice_the_sample_that_knows_how_much_better_it_is() -> None:
    chance = np.random.default_rng(7)
    normal, rate = NormalDist(), gains.spent(0.05, 1)
    for gain, spread in ((0.008, 0.066), (0.003, 0.085)):
        fixed = ((normal.inv_cdf(1 - rate) + normal.inv_cdf(0.8)) * spread / gain) ** 2
        found = [first_crossing(np.clip(chance.normal(gain, spread, int(8 * fixed)), -1, 1), rate) for _ in range(40)]
        assert np.median([one or math.inf for one in found]) <= 2 * fixed


def test_the_interval_covers_the_mean_at_every_look() -> None:
    chance = np.random.default_rng(8)
    wrong = 0
    for _ in range(60):
        nodes = np.zeros(gains.NODES)
        for _ in range(15):
            nodes += gains.count(np.clip(chance.normal(0.1, 0.2, 100), -1, 1))
            if not gains.lower(nodes, 0.05) <= 0.1 <= gains.upper(nodes, 0.05):
                wrong += 1
                break
    assert wrong <= 6


def test_the_interval_excludes_nothing_exactly_when_the_purse_has_reached_its_target() -> None:
    chance = np.random.default_rng(9)
    for shift in (0.0, 0.02, 0.05, 0.1):
        nodes = gains.count(np.clip(chance.normal(shift, 0.2, 500), -1, 1))
        crossed = gains.log_purse(nodes) >= math.log(1 / 0.05)
        assert (gains.lower(nodes, 0.05) > 0) == crossed


# Cohorts


def test_labels_that_come_early_do_not_count_before_the_others_had_time() -> None:
    cohorts = Cohorts(settle_s=100.0, block_s=0.0)
    cohorts.add(np.array([1.0]), np.array([1.0]), np.array([10.0]))
    assert not cohorts.release(90.0)
    assert cohorts.examples == 0
    cohorts.add(np.array([-1.0]), np.array([1.0]), np.array([10.0]))
    assert cohorts.release(120.0)
    assert cohorts.examples == 2
    assert gains.mean_of(cohorts.up) == 0.0


def test_a_correction_in_time_is_as_if_the_wrong_label_had_never_come() -> None:
    corrected, right = Cohorts(100.0, 0.0), Cohorts(100.0, 0.0)
    corrected.add(np.array([0.9]), np.array([1.0]), np.array([10.0]))
    corrected.add(np.array([0.9, -0.3]), np.array([-1.0, 1.0]), np.array([10.0, 10.0]))
    right.add(np.array([-0.3]), np.array([1.0]), np.array([10.0]))
    corrected.release(200.0)
    right.release(200.0)
    assert (corrected.up == right.up).all()
    assert corrected.examples == right.examples == 1


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_a_late_correction_makes_no_purse_larger_than_with_the_right_label_or_the_wrong_one(
    wrong: float, right: float
) -> None:
    cohorts = Cohorts(0.0, 0.0)
    cohorts.add(np.array([wrong]), np.array([1.0]), np.array([0.0]))
    cohorts.add(np.array([wrong, right]), np.array([-1.0, 1.0]), np.array([0.0, 0.0]))
    for value in (wrong, right):
        nodes = gains.count(np.array([value]))
        assert gains.log_purse(cohorts.up) <= gains.log_purse(nodes) + 1e-9
        assert gains.log_purse_below(cohorts.down, 0.0) <= gains.log_purse_below(nodes, 0.0) + 1e-9


@given(st.floats(-1, 1))
def test_a_label_withdrawn_late_makes_no_purse_larger_than_with_it_or_without(wrong: float) -> None:
    cohorts = Cohorts(0.0, 0.0)
    cohorts.add(np.array([wrong]), np.array([1.0]), np.array([0.0]))
    # The label of another event that comes next is no correction.
    cohorts.add(np.array([wrong, 0.5]), np.array([-1.0, 1.0]), np.array([0.0, 0.0]), np.array([True, False]))
    for nodes in (gains.count(np.array([wrong, 0.5])), gains.count(np.array([0.5]))):
        assert gains.log_purse(cohorts.up) <= gains.log_purse(nodes) + 1e-9
        assert gains.log_purse_below(cohorts.down, 0.0) <= gains.log_purse_below(nodes, 0.0) + 1e-9
    assert (cohorts.examples, cohorts.late) == (2, 1)


def test_a_label_withdrawn_in_time_is_as_if_it_had_never_come() -> None:
    cohorts = Cohorts(100.0, 0.0)
    cohorts.add(np.array([0.9]), np.array([1.0]), np.array([10.0]))
    cohorts.add(np.array([0.9]), np.array([-1.0]), np.array([10.0]), np.array([True]))
    cohorts.release(200.0)
    assert not cohorts.up.any()
    assert cohorts.examples == 0


def test_a_block_counts_as_one_observation() -> None:
    cohorts = Cohorts(settle_s=0.0, block_s=60.0)
    cohorts.add(np.array([0.5, -0.1, 0.2]), np.ones(3), np.array([1.0, 2.0, 70.0]))
    assert cohorts.release(60.0)
    assert cohorts.up.sum() == 1
    assert gains.mean_of(cohorts.up) == pytest.approx(0.2)
    assert cohorts.examples == 2


def test_cohorts_are_bounded_however_event_time_jumps() -> None:
    cohorts = Cohorts(100.0, 0.0)
    for time_s in range(0, 100_000, 50):
        cohorts.add(np.array([0.1]), np.ones(1), np.array([float(time_s)]))
        cohorts.release(0.0)
    assert len(cohorts._open) <= 64


# Emergencies


def test_an_accident_is_seen_within_a_few_chunks_after_a_long_good_time() -> None:
    chance = np.random.default_rng(10)
    emergency = Emergency(0.001, 0.02)
    for _ in range(500):
        emergency.add(np.clip(chance.normal(-0.01, 0.1, 64), -1, 1))
    assert not emergency.calls
    chunks = 0
    while not emergency.calls:
        emergency.add(np.clip(chance.normal(0.2, 0.2, 64), -1, 1))
        chunks += 1
    assert chunks <= 5


def test_equal_models_are_no_emergency() -> None:
    chance = np.random.default_rng(11)
    calls = 0
    for _ in range(100):
        emergency = Emergency(0.1, 0.0)
        for _ in range(100):
            emergency.add(np.clip(chance.normal(0, 0.1, 64), -1, 1))
        calls += emergency.calls
    assert calls <= 10


def test_a_mood_that_suits_the_former_champion_is_no_emergency() -> None:
    chance = np.random.default_rng(12)
    patient, hasty = Emergency(0.01, 0.02), Emergency(0.01, 0.0)
    for _ in range(100):
        mood = np.clip(chance.normal(0.015, 0.1, 64), -1, 1)
        patient.add(mood)
        hasty.add(mood)
    assert hasty.calls
    assert not patient.calls
