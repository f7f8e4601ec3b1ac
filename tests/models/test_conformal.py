"""The promise about false alarms, piece by piece: uniform p-values, fair bets, e-detectors that share one budget."""

from __future__ import annotations

import numpy as np
import pytest

from models import bets
from models.blocks import Blocks
from models.conformal import Ordered, Places, cells_of, drawn
from models.detectors import Detectors, permitted
from models.segments import Segments, chance, distance, shift


def window(generator: np.random.Generator, shares: np.ndarray, streams: int = 1, size: int = 64) -> bets.Counts:
    return generator.multinomial(size, shares, size=streams).astype(np.int64)


@pytest.mark.parametrize("classes", [1, 3])
def test_p_values_are_the_share_of_earlier_values_in_lower_bins_and_a_uniform_share_of_the_own_one(
    classes: int,
) -> None:
    generator = np.random.default_rng(1)
    places = Places([(classes, 7), (classes, 7), (1, 5)], 2)
    base = generator.integers(0, 50, places.size)
    codes = np.stack(
        [generator.integers(0, 7 * classes, 40) + start for start in (0, 7 * classes)]
        + [generator.integers(14 * classes, 14 * classes + 5, 40)]
    ).astype(np.int32)
    codes[2, 5::2] = places.size
    found = cells_of(base, Ordered(codes, places), np.random.default_rng(3))
    counted = np.bincount(found.ravel(), minlength=(places.rows + 1) * bets.CELLS).reshape(-1, bets.CELLS)[:-1]
    # The same draws, one value after the other.
    shares = np.random.default_rng(3).random((16, 9), dtype=np.float32).T.reshape(3, 48)
    expected = np.zeros((2 * classes + 1, bets.CELLS), np.int64)
    seen = base.copy()
    for values, drawn_shares in zip(codes, shares, strict=True):
        for value, share in zip(values, drawn_shares[:40], strict=True):
            if value < places.size:
                seen[value] += 1
                start, end = places.start[value], places.end[value]
                p = (seen[start:value].sum() + share * seen[value]) / seen[start:end].sum()
                expected[places.row[value], np.searchsorted(bets.EDGES, p, side="right") - 1] += 1
    assert (counted == expected).all()


def test_values_of_which_only_counts_are_known_are_put_in_some_order() -> None:
    generator = np.random.default_rng(4)
    places = Places([(1, 6)] * 3)
    window = generator.integers(0, 9, (3, 6))
    ordered = drawn(window.ravel(), places, generator)
    assert (ordered.counts() == window.ravel()).all()
    assert (np.diff(ordered.codes, axis=1) < 0).any()


def test_p_values_of_exchangeable_values_are_uniform_from_the_first_one_on() -> None:
    generator = np.random.default_rng(2)
    places = Places([(1, 4)])
    total = np.zeros((1, bets.CELLS), np.int64)
    for _ in range(300):
        counts = window(generator, np.array([0.7, 0.2, 0.1, 0.0])).ravel()
        found = cells_of(np.zeros(4, np.int64), drawn(counts, places, generator), generator)
        total += np.bincount(found.ravel(), minlength=bets.CELLS)[: bets.CELLS]
    expected = 300 * 64 * bets.WIDTHS
    assert (np.abs(total - expected) < 5 * np.sqrt(expected)).all()


@pytest.mark.parametrize("bet", range(bets.FIXED.shape[1]))
def test_every_bet_is_fair(bet: int) -> None:
    mean = float(bets.WIDTHS @ np.exp(bets.FIXED[:, bet]))
    assert 1 - 1e-5 < mean <= 1 + 1e-12


def test_bets_of_a_histogram_are_fair_whatever_it_has_seen() -> None:
    generator = np.random.default_rng(3)
    histograms = generator.exponential(50.0, bets.flat(5).shape)
    cells = np.eye(bets.COARSE, dtype=np.int64)[None].repeat(5, axis=0)
    mean = np.exp(bets.adaptive(cells, histograms)).mean(axis=1)
    assert (mean <= 1 + 1e-12).all()
    assert (mean > 1 - 1e-5).all()


def test_rising_bets_pay_less_where_p_values_are_smaller_than_uniform() -> None:
    rising = bets.levelled(np.ones(bets.GRID), near=1.2)[:, [*range(bets.RISING), bets.NEAR]]
    assert (np.diff(rising, axis=0) >= 0).all()
    assert (rising[-1] > 0).all()


@pytest.mark.parametrize("way", ["rise", "near", "shift", "any"])
def test_shares_of_the_bets_of_a_stream_add_up_to_one(way: str) -> None:
    (shares,) = permitted([way])
    assert shares.sum() == pytest.approx(1.0)
    assert (shares >= 0).all()
    assert (shares[bets.NEAR] > 0) == (way == "near")
    assert (shares[bets.RISING :].sum() > 0) == (way != "rise")


@pytest.mark.parametrize("values", [[70, 30], [5, 0, 900, 95], [1] * 40, [1, 1], [9999, 1]], ids=str)
@pytest.mark.parametrize("reach", [0.5, 2.5])
def test_bets_levelled_over_each_value_are_fair_and_rise_where_they_did(values: list[int], reach: float) -> None:
    table = bets.levelled(np.array(values, np.float64), reach, near=reach)
    mean = bets.WIDTHS @ np.exp(table)
    assert (mean <= 1 + 1e-12).all()
    assert (mean > 1 - 1e-5).all()
    assert (np.diff(table[:, [*range(bets.RISING), bets.NEAR]], axis=0) >= 0).all()


def test_bet_on_a_share_pays_more_where_it_is_levelled() -> None:
    # Of p-values of a value that was there three times in ten and is now four times in ten.
    share = np.where(bets.EDGES[:-1] < 0.7, 0.6 / 0.7, 0.4 / 0.3) * bets.WIDTHS
    plain, levelled = share @ bets.FIXED, share @ bets.levelled(np.array([700.0, 300.0]))
    best = 0.6 * np.log(0.6 / 0.7) + 0.4 * np.log(0.4 / 0.3)
    assert plain.max() < 0.7 * best
    assert levelled.max() > 0.85 * best


def test_value_that_was_rare_pays_more_than_a_cell_of_the_grid_can() -> None:
    # One in a thousand, and now one in a hundred.
    table = bets.levelled(np.array([9990.0, 10.0]), 3.5)
    paid = np.array([0.99, 0.01]) @ table[[bets.CELLS // 2, -1]]
    best = 0.99 * np.log(0.99 / 0.999) + 0.01 * np.log(0.01 / 0.001)
    assert paid.max() > 0.85 * best
    assert table[-1].max() > np.log(bets.GRID)


def test_what_nothing_is_known_about_is_bet_on_by_the_grid_alone() -> None:
    for end in (bets.FIXED[: bets.HALVINGS + 1], bets.FIXED[-bets.HALVINGS - 1 :]):
        assert (end == end[0]).all()


BUDGET = 400.0


def alarms_of(detectors: Detectors, streams: int, copies: bool, seed: int, windows: int = 40) -> int:
    generator = np.random.default_rng(seed)
    found = 0
    for index in range(windows):
        one = window(generator, np.full(10, 0.1), 1 if copies else streams)
        counts = np.repeat(one, streams, axis=0) if copies else one
        alarmed = detectors.take(counts, 0, 0, 64, seed * 1000 + index)
        detectors.restart(alarmed)
        found += int(alarmed.sum())
    return found


@pytest.mark.parametrize("copies", [False, True], ids=["independent", "copies"])
def test_false_alarms_of_all_streams_together_stay_within_the_budget(copies: bool) -> None:
    streams, runs, windows = 6, 60, 40
    found = sum(
        alarms_of(Detectors(np.full(streams, BUDGET * streams), ["any"] * streams, 10), streams, copies, seed, windows)
        for seed in range(runs)
    )
    allowed = runs * windows * 64 / BUDGET
    assert 0 < found < allowed


def test_false_alarms_of_blocks_stay_within_the_budget_in_events() -> None:
    found, runs, days, size = 0, 40, 100, 50
    for seed in range(runs):
        generator = np.random.default_rng(seed)
        blocks = Blocks(np.array([BUDGET]), ["any"], 10)
        for day in range(days):
            # All values of a day are alike: value by value, that is as far from independent as it gets.
            counts = np.zeros((1, 10), np.int64)
            counts[0, generator.integers(10)] = size
            alarmed = blocks.take(counts, 0, day, size, seed * 1000 + day)
            blocks.restart(alarmed)
            found += int(alarmed.sum())
    assert found < runs * days * size / BUDGET


@pytest.mark.parametrize("seed", range(3))
def test_shift_of_the_distribution_is_found(seed: int) -> None:
    generator = np.random.default_rng(seed)
    detectors = Detectors(np.array([200_000.0]), ["any"], 4)
    for index in range(60):
        assert not detectors.take(window(generator, np.array([0.4, 0.3, 0.2, 0.1])), 0, 0, 64, index).any()
    moved = [
        detectors.take(window(generator, np.array([0.1, 0.2, 0.3, 0.4])), 0, 0, 64, 60 + i).any() for i in range(6)
    ]
    assert any(moved)


def test_fall_is_no_alarm_where_only_a_rise_is_bet_on() -> None:
    generator = np.random.default_rng(0)
    detectors = Detectors(np.array([1e6]), ["rise"], 4)
    for index in range(100):
        shares = np.array([0.1, 0.2, 0.3, 0.4]) if index < 50 else np.array([0.4, 0.3, 0.2, 0.1])
        assert not detectors.take(window(generator, shares), 0, 0, 64, index).any()


def test_partitions_may_differ_from_each_other() -> None:
    generator = np.random.default_rng(0)
    detectors = Detectors(np.array([1e6]), ["any"], 2)
    for index in range(200):
        shares = np.array([0.9, 0.1]) if index % 2 else np.array([0.1, 0.9])
        assert not detectors.take(window(generator, shares), index % 2, 0, 64, index).any()


def test_likeness_of_neighbours_is_measured() -> None:
    generator = np.random.default_rng(0)
    found = {}
    for name, wobble in {"independent": 0.0, "alike": 0.5}.items():
        detectors = Detectors(np.array([1e300]), ["any"], 2)
        state = 0.0
        for index in range(100):
            state = 0.9 * state + wobble * float(generator.normal())
            share = 1 / (1 + np.exp(-state))
            detectors.take(window(generator, np.array([share, 1 - share])), 0, 0, 64, index)
        found[name] = detectors.likeness(0)
    assert found["independent"]["inflation"] < 2 < found["alike"]["inflation"]
    assert abs(found["independent"]["autocorrelation"]) < 0.4 < found["alike"]["autocorrelation"]


def test_segments_find_the_window_in_which_the_change_was() -> None:
    generator = np.random.default_rng(0)
    segments = Segments()
    for index in range(200):
        shares = np.array([0.5, 0.5]) if index < 190 else np.array([0.2, 0.8])
        segments.add(float(index), window(generator, shares))
    assert segments.change(0) == 190.0
    assert len(segments) < 60
    before, after = segments.sides(190.0)
    assert (int(before.sum()), int(after.sum())) == (190 * 64, 10 * 64)
    assert segments.recent(150).sum() == 3 * 64


def test_two_samples_are_compared_in_units_of_chance() -> None:
    one, other = np.array([[50, 50]]), np.array([[20, 80]])
    assert chance(one, one)[0] < 0
    assert chance(one, other)[0] > 4
    assert distance(one, other)[0] == pytest.approx(0.3)
    assert shift(one, other)[0] == pytest.approx(0.3)
    assert chance(one, np.zeros((1, 2), np.int64))[0] == -np.inf
