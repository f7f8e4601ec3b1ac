"""KSWIN with p-values that are looked up is River's."""

from __future__ import annotations

import random

import pytest
from river.drift import kswin

from bench import drift_kswin


def alarms(values: list[float]) -> list[tuple[float, bool]]:
    detector = drift_kswin.KSWIN(alpha=1e-3, seed=1)
    told: list[tuple[float, bool]] = []
    for value in values:
        detector.update(value)
        told.append((detector.p_value, detector.drift_detected))
    return told


@pytest.mark.parametrize("kind", ["numbers", "few values"])
def test_p_values_and_alarms_are_those_of_river(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(3)
    shifted = [chance.gauss(3.0 if at > 500 else 0.0, 1.0) for at in range(1000)]
    values = [float(round(value)) for value in shifted] if kind == "few values" else shifted
    quick = alarms(values)
    monkeypatch.setattr(kswin, "stats", drift_kswin._STATS)
    assert quick == alarms(values)
    assert any(told for _, told in quick)
