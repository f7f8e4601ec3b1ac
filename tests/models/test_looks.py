"""A window ends early where its values are odd: soon, seldom without a reason, and not for ever."""

from __future__ import annotations

import numpy as np
import pytest

from models.letters import Ranks
from models.looks import CREDIT, EVERY, FULL, USUAL_MIN, Looks

FEATURES = 8
LOOKS = 8


def drawn(generator: np.random.Generator, events: int = EVERY, low: int = 1) -> Ranks:
    return generator.integers(low, 17, (FEATURES, events)).astype(np.int32)


def windows(looks: Looks, generator: np.random.Generator, count: int, low: int = 1) -> list[int]:
    """Looks after which each window ended."""
    lengths = []
    for _ in range(count):
        early = (look for look in range(1, LOOKS) if looks.is_odd(drawn(generator, low=low)))
        lengths.append(next(early, LOOKS))
        looks.closed(early=lengths[-1] < LOOKS)
    return lengths


def settled(generator: np.random.Generator) -> Looks:
    looks = Looks(FEATURES)
    windows(looks, generator, 16)
    return looks


def test_hardly_a_window_of_usual_values_ends_early() -> None:
    generator = np.random.default_rng(1)
    early = sum(length < LOOKS for length in windows(Looks(FEATURES), generator, 1000))
    assert 0 < early < 0.2 * 1000


def test_a_window_ends_at_the_first_look_at_values_that_are_far_off() -> None:
    generator = np.random.default_rng(2)
    assert windows(settled(generator), generator, 1, low=8) == [1]


def test_values_that_are_a_little_off_are_odd_once_there_are_enough() -> None:
    generator = np.random.default_rng(3)
    looks = settled(generator)
    (length,) = windows(looks, generator, 1, low=4)
    assert 1 < length < LOOKS


def test_where_everything_is_odd_few_windows_end_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.looks.CHANCE", 2.0 * FEATURES)
    generator = np.random.default_rng(4)
    looks = settled(generator)
    lengths = windows(looks, generator, 400)
    full = lengths.count(LOOKS)
    assert full / FULL <= 400 - full <= CREDIT + full / FULL
    assert set(lengths) == {1, LOOKS}


def test_nothing_is_odd_before_it_is_known_what_is_usual() -> None:
    looks, generator = Looks(FEATURES), np.random.default_rng(5)
    for _ in range(USUAL_MIN // EVERY - 1):
        assert not looks.is_odd(drawn(generator))
    assert not looks.is_odd(np.full((FEATURES, EVERY), 16, np.int32))


@pytest.mark.parametrize("constant", [0, 16])
def test_a_feature_that_never_varied_may_begin_to(constant: int) -> None:
    looks = Looks(1)
    for _ in range(2 * USUAL_MIN // EVERY):
        assert not looks.is_odd(np.full((1, EVERY), constant, np.int32))
    assert looks.is_odd(np.full((1, EVERY), 8, np.int32))


def test_without_features_nothing_is_odd() -> None:
    looks = Looks(0)
    assert not any(looks.is_odd(np.zeros((0, EVERY), np.int32)) for _ in range(100))
