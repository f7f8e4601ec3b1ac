"""The sentence about what monitoring has told."""

from __future__ import annotations

import pytest

from headrace.demo.watched import Watched


@pytest.mark.parametrize(
    ("episodes", "alerts", "sentence"),
    [
        ({}, {}, "Monitoring told of no episode of drift and no alert."),
        ({"feed_broken": 1}, {"FieldMissing": 1}, "Monitoring told of 1 episode of drift (1 feed broken) and 1 alert"),
        ({"prior": 1, "mixed": 2}, {}, "Monitoring told of 3 episodes of drift (2 mixed, 1 prior) and no alert."),
    ],
)
def test_counts_are_told_in_words(episodes: dict[str, int], alerts: dict[str, int], sentence: str) -> None:
    assert Watched(episodes=episodes, alerts=alerts).sentence().startswith(sentence)
