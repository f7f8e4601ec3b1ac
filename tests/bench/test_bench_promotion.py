"""The bench of promotion decides with the code that decides in production, and fails when a promise is not held."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.promotion import BEGIN, END, Row, markdown, save
from bench.promotion_rules import t_test_at_each_look, window_threshold
from bench.promotion_worlds import NOISE, gain_of, life, lived, pipeline_of, promoted


def test_the_simulated_gain_is_none_for_equal_noise_and_larger_for_less() -> None:
    none, some, more = (gain_of(noise, labels=50_000)[0] for noise in (NOISE, 0.5, 0.3))
    assert abs(none) < 0.01 < some < more


def test_a_better_model_is_promoted_and_labels_that_come_late_make_it_later() -> None:
    policy = {"examples_min": 100, "false_promotion_rate": 0.05}
    at_once = life(np.random.default_rng(1), (NOISE, 0.1), 6000)
    late = life(np.random.default_rng(1), (NOISE, 0.1), 6000, delay_s=200)
    first = promoted(lived(pipeline_of(1, settle="0s", **policy), at_once))
    second = promoted(lived(pipeline_of(1, settle="1000s", **policy), late))
    assert first is not None
    assert second is not None
    assert first.labels + 500 < second.labels


def test_rules_that_compare_two_numbers_promote_equal_models() -> None:
    lives = [life(np.random.default_rng(seed), (NOISE,) * 3, 6000) for seed in range(12)]
    assert sum(map(window_threshold, lives)) >= 6
    assert sum(map(t_test_at_each_look, lives)) >= 1
    pipeline = pipeline_of(2, settle="0s", examples_min=200, false_promotion_rate=0.01)
    assert not any(promoted(lived(pipeline, one)) for one in lives)


def test_a_promise_that_is_not_held_shows() -> None:
    assert Row("w", "r", 100, 5, 0.05).held
    assert not Row("w", "r", 100, 6, 0.05).held
    assert Row("w", "r", 100, 90).held


def test_the_table_goes_into_its_place_only(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    save(page, markdown([Row("w", "r", 1000, 5, 0.05, 1200.0, None, 700.0)]))
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "| w | r | 1,000 | 0.5% | 5% | 1,200 |  | 700 |" in text
    page.write_text("no marks")
    with pytest.raises(SystemExit):
        save(page, "")
    assert page.read_text() == "no marks"
