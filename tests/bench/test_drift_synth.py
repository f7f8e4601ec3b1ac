"""River's generators as worlds of the bench: the same until the change, and worse for the champion after it."""

from __future__ import annotations

import numpy as np
import pytest

from bench.drift_delays import errors, losses
from bench.drift_synth import GENERATORS, Synth, changes, world

BEFORE, AFTER = 400, 400


@pytest.mark.parametrize("change", list(changes()), ids="-".join)
def test_nothing_changes_before_the_change(change: Synth) -> None:
    still, changed = (world(change.kind, one, 1, BEFORE, 1) for one in (None, change))

    assert changed.labels is not None and still.labels is not None
    assert changed.labels[:BEFORE].tolist() == still.labels[:BEFORE].tolist()
    for name, values in still.columns.items():
        assert changed.columns[name][:BEFORE].tolist() == values[:BEFORE].tolist()


@pytest.mark.parametrize("kind", ["SEA", "STAGGER", "Friedman", "RandomRBF, 3 classes"])
def test_champion_is_worse_after_the_change_and_the_same_before_it(kind: str) -> None:
    change = [one for one in changes() if one.kind == kind and one.shape == "abrupt"][-1]
    still, changed = world(kind, None, 1, BEFORE, AFTER), world(kind, change, 1, BEFORE, AFTER)

    assert still.events == changed.events == BEFORE + AFTER
    assert still.problem == changed.problem == GENERATORS[kind].problem
    assert (losses(still)[:BEFORE] == losses(changed)[:BEFORE]).all()
    assert np.isfinite(losses(changed)).all()
    assert errors(changed)[BEFORE:].mean() > errors(still)[BEFORE:].mean() + 0.1


def test_every_generator_changes_in_some_way() -> None:
    assert {change.kind for change in changes()} == set(GENERATORS)
    assert {change.shape for change in changes()} == {"abrupt", "gradual", "incremental"}
