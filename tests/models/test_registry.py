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
    registry = Registry()
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
        ("logistic@champion", None),
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
