"""Who was in charge when, as the control records of the log tell it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from models.registry import Registry
from schemas.examples import Control

START = datetime(2026, 3, 1, tzinfo=UTC)


def control(action: Any, model: str, version: int = 1, *, baseline: bool = False) -> Control:
    return Control(action=action, model=model, version=version, baseline=baseline, reason=f"{action} {model}")


@pytest.fixture
def registry() -> Registry:
    """Two models and a baseline; the second model takes over, a new version of it again, then it is taken back."""
    registry = Registry("flights")
    story = (
        control("added", "logistic"),
        control("added", "tree"),
        control("added", "prior", baseline=True),
        control("promoted", "logistic"),
        control("promoted", "tree"),
        control("added", "tree", 2),
        control("promoted", "tree", 2),
        control("rolled_back", "tree"),
        control("quarantined", "tree", 2),
    )
    for offset, record in enumerate(story):
        registry.fold(10 * offset, START + timedelta(hours=offset), record)
    return registry


def test_shares_are_told_with_the_experiment_and_step_they_belong_to(registry: Registry) -> None:
    assert registry.sharings.now("logistic@1") is None
    story: list[tuple[Any, float, int]] = [
        ("shared", 0.05, 1),
        ("shared", 0.25, 2),
        ("promoted", 0.0, 0),
        ("shared", 0.5, 0),
    ]
    for offset, (action, share, step) in enumerate(story, 10):
        record = Control(action=action, model="logistic", version=1, reason=action, share=share, step=step)
        registry.fold(10 * offset, START + timedelta(hours=offset), record)
    every = registry.sharings.every
    assert [(one.position, one.end, one.share, one.step, one.experiment) for one in every] == [
        (100, 110, 0.05, 1, 100),
        (110, 120, 0.25, 2, 100),
    ], "the champion is given none"
    assert registry.sharings.at(100) == []
    assert [one.share for one in registry.sharings.at(101)] == [0.05]
    assert [one.share for one in registry.sharings.at(START + timedelta(hours=11, minutes=5))] == [0.25]
    assert registry.sharings.at(START + timedelta(hours=12)) == []
    assert [one.overlaps(105, 108) for one in every] == [True, False]
    assert registry.versions["logistic@1"].role == "champion"


def test_every_version_has_its_role_and_the_reason_of_the_last_word_about_it(registry: Registry) -> None:
    assert {state: version.role for state, version in registry.versions.items()} == {
        "logistic@1": "challenger",
        "tree@1": "champion",
        "prior@1": "baseline",
        "tree@2": "quarantined",
    }
    assert registry.versions["tree@2"].reason == "quarantined tree"
    assert registry.versions["tree@2"].left == 80


@pytest.mark.parametrize(
    ("moment", "state"),
    [
        (30, None),  # a prediction from this position was made before the record that stands there
        (31, "logistic@1"),
        (61, "tree@2"),
        (71, "tree@1"),
        (START, None),
        (START + timedelta(hours=3), "logistic@1"),
        (START + timedelta(hours=6, minutes=59), "tree@2"),
        (START + timedelta(days=9), "tree@1"),
    ],
)
def test_who_was_in_charge_at_any_place_or_time(registry: Registry, moment: int | datetime, state: str | None) -> None:
    reign = registry.reign_at(moment)
    assert (reign.state if reign else None) == state


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("tree@2", "tree@2"),
        ("tree", "tree@2"),
        ("@champion", "tree@1"),
        ("models:/tree@champion", "tree@1"),
        ("models:/flights@champion", "tree@1"),
        ("models:/flights@challenger", "logistic@1"),
        ("@challenger", "logistic@1"),
        ("models:/logistic/1", "logistic@1"),
        ("models:/tree/1", "tree@1"),
        ("logistic@challenger", "logistic@1"),
        ("logistic@champion", None),
        ("tree@challenger", None),
        ("trains@champion", None),
        ("forest", None),
    ],
)
def test_versions_are_found_by_name_number_or_alias(registry: Registry, name: str, state: str | None) -> None:
    found = registry.find(name)
    assert (found.state if found else None) == state


def test_nobody_is_in_charge_once_the_champion_is_removed(registry: Registry) -> None:
    registry.fold(90, START + timedelta(hours=9), control("removed", "tree"))
    assert registry.champion == ""
    assert registry.find("@champion") is None


def test_a_version_that_comes_back_is_the_one_that_left_and_a_deleted_one_is_known_as_such(registry: Registry) -> None:
    moment = START + timedelta(hours=9)
    registry.fold(90, moment, control("added", "tree", 2))
    registry.fold(91, moment, control("rolled_back", "tree", 2))
    back = registry.versions["tree@2"]
    assert (back.role, back.added, back.left, back.reason) == ("champion", 50, None, "rolled_back tree")
    assert list(registry.versions) == ["logistic@1", "tree@1", "prior@1", "tree@2"]
    assert registry.champion == "tree@2"
    registry.fold(92, moment, control("removed", "logistic"))
    registry.fold(93, moment, control("deleted", "logistic"))
    gone = registry.versions["logistic@1"]
    assert (gone.role, gone.left, registry.champion) == ("deleted", 92, "tree@2")
