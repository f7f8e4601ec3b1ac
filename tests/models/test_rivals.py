"""River's detectors beside Headrace's own: each hears of a champion that goes wrong."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

from models.rivals import NAMES, Rivals

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("name", NAMES)
def test_each_detector_tells_soon_of_a_champion_that_goes_wrong(name: str) -> None:
    rivals, chance = Rivals([name]), random.Random(7)
    told = []
    for at in range(1000):
        wrong = chance.random() < (0.05 if at < 500 else 0.7)
        loss = chance.gauss(30.0 if wrong else 1.0, 0.1)
        told += [one.position for one in rivals.on_loss(at, NOW, loss, wrong) if one.unpromised]
    assert any(500 <= at < 800 for at in told), told
