"""The log alone fixes the bins, so that all workers have the same ones."""

from __future__ import annotations

import pickle
import random
from typing import Any

import pytest

from models.bins import PROBABILITIES, CategoryBins, NumberBins
from models.monitoring import Drift
from models.references import FIELDS_MAX, References
from schemas.examples import Control, LogRecord
from tests.models.windows import Row, controls, example, pipeline

WANTED = 50

PIPELINE = pipeline(drift=Drift(reference_examples=WANTED))


def row(chance: random.Random) -> Row:
    return {"speed": chance.gauss(0, 1), "colour": chance.choice("abc"), "gap": None}


def log_of(*records: LogRecord) -> list[tuple[int, LogRecord]]:
    # A transaction's marker takes a place too: offsets have gaps.
    return [(2 * place, record) for place, record in enumerate(records)]


def examples(count: int, seed: int = 1) -> list[LogRecord]:
    chance = random.Random(seed)
    return [example(row(chance), chance.random()) for _ in range(count)]


def crown(model: str, version: int = 1, action: Any = "promoted") -> Control:
    return Control(action=action, model=model, version=version, reason="")


def follow(log: list[tuple[int, LogRecord]], declaration: Any = PIPELINE) -> References:
    references = References(declaration)
    references.follow(log)
    return references


def test_there_is_no_reference_before_enough_examples_have_come() -> None:
    assert follow(log_of(*controls(), *examples(WANTED - 1))).reference is None


def test_the_first_examples_make_the_reference_and_the_place_of_the_last_names_it() -> None:
    log = log_of(*controls(), *examples(WANTED + 20))

    references = follow(log)

    assert references.reference is not None
    assert references.reference.position == log[2 + WANTED][0] + 1
    assert references.reference.examples == WANTED
    assert references.reference.features == ("speed", "colour", "gap")
    assert references.position == log[-1][0] + 1


def test_numbers_categories_and_scores_have_bins_of_their_own() -> None:
    reference = follow(log_of(*controls(), *examples(WANTED))).reference

    assert reference is not None
    assert isinstance(reference.bins["speed"], NumberBins)
    assert isinstance(reference.bins["colour"], CategoryBins)
    assert len(reference.bins["score:model@1"]) == PROBABILITIES
    # Nothing is known of what was always missing, and what a baseline says is no news.
    assert set(reference.bins) == {"speed", "colour", "score:model@1"}
    assert sum(reference.fields["speed"].bins) == WANTED
    assert reference.fields["gap"].missing == WANTED


def test_the_scores_of_a_challenger_are_counted_from_its_first_window_on() -> None:
    references = follow(log_of(*controls(), *examples(WANTED)))

    assert set(references.bins(["speed", "unknown", "score:new@1"])) == {"speed", "score:new@1"}


def test_of_several_classes_the_probability_of_the_likeliest_is_binned() -> None:
    declaration = pipeline(problem="multiclass", drift=Drift(reference_examples=2))
    outcomes = [example({"speed": 1.0}, score) for score in ({"a": 0.72, "b": 0.28}, {"a": 0.1, "b": 0.9})]

    reference = follow(log_of(*controls(), *outcomes), declaration).reference

    assert reference is not None
    assert (reference.fields["score:model@1"].minimum, reference.fields["score:model@1"].maximum) == (0.72, 0.9)


def test_numbers_that_are_predicted_have_quantiles() -> None:
    declaration = pipeline(problem="regression", drift=Drift(reference_examples=100))
    outcomes = [example({"speed": 1.0}, 1000.0 + number) for number in range(100)]

    references = follow(log_of(*controls(), *outcomes), declaration)

    assert references.reference is not None
    assert len(references.reference.bins["score:model@1"]) == 16
    assert references.bins(["score:new@1"]) == {}


def test_another_champion_renews_the_reference_once_enough_examples_have_come_again() -> None:
    before = log_of(*controls(), *examples(WANTED + 1))
    first = follow(before).reference
    changed = [*controls(), *examples(WANTED + 1), crown("model", 2)]

    halfway = follow(log_of(*changed, *examples(WANTED - 1, seed=2))).reference
    after = follow(log_of(*changed, *examples(WANTED, seed=2))).reference

    assert halfway == first
    assert after is not None
    assert first is not None
    assert after.position > first.position
    assert after.bins["speed"] != first.bins["speed"]


@pytest.mark.parametrize(
    "control",
    [
        crown("model"),
        Control(action="added", model="new", version=1, reason=""),
        Control(action="removed", model="new", version=1, reason=""),
        Control(action="quarantined", model="new", version=1, reason=""),
    ],
    ids=lambda control: control.action,
)
def test_no_other_control_renews_it(control: Control) -> None:
    log = log_of(*controls(), *examples(WANTED), control, *examples(2 * WANTED, seed=2))

    assert follow(log).reference == follow(log[: 3 + WANTED]).reference


def test_a_rollback_renews_it_too() -> None:
    begun = [*controls(), *examples(WANTED), crown("model", 2)]

    log = log_of(*begun, *examples(WANTED), crown("model", 1, "rolled_back"), *examples(WANTED, seed=3))

    assert follow(log).reference != follow(log[: len(begun) + WANTED]).reference


@pytest.mark.parametrize("at", [0, 1, 10, WANTED + 2, WANTED + 3, WANTED + 30])
def test_whoever_starts_from_a_checkpoint_comes_to_the_same_bins(at: int) -> None:
    log = log_of(*controls(), *examples(WANTED + 20), crown("model", 2), *examples(WANTED + 20, seed=2))
    resumed = References(PIPELINE)
    resumed.restore(pickle.loads(pickle.dumps(follow(log[:at]).state())))

    # What lies before its position comes again.
    resumed.follow(log)

    assert pickle.dumps(resumed.reference) == pickle.dumps(follow(log).reference)
    assert resumed.position == follow(log).position


def test_a_checkpoint_without_references_begins_anew() -> None:
    references = References(PIPELINE)
    references.restore({})

    assert (references.position, references.reference) == (0, None)


def test_features_are_bounded() -> None:
    wide: list[LogRecord] = [example({f"f{number}": 1.0 for number in range(2 * FIELDS_MAX)}) for _ in range(WANTED)]

    reference = follow(log_of(*controls(), *wide)).reference

    assert reference is not None
    assert len(reference.features) == FIELDS_MAX
