"""How the demo compares models: each on the flights that it answered, beside what was served to them."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest

from headrace.demo.compared import CLIP, Compared
from schemas.examples import Control, Example, Trained
from schemas.predictions import Said

NOON = datetime(2013, 1, 1, 12, tzinfo=UTC)


def added(model: str, version: int = 1, *, trained: bool = False) -> Control:
    how = Trained(retrain="r", method="fresh", first=0, end=1, examples=1) if trained else None
    return Control(action="added", model=model, version=version, reason="", trained=how)


def example(label: bool, **said: float | None) -> Example:
    """What was said by ``<model>_<version>``, the champion first."""
    told = [Said(model=name[:-2], version=int(name[-1]), score=score) for name, score in said.items()]
    return Example(id="a", partition=0, time=NOON, status="known", label=label, features={}, said=told, position=0)


@pytest.fixture
def compared() -> Compared:
    compared = Compared()
    for model in ("tree", "prior"):
        compared.control(added(model))
    return compared


def test_losses_are_clipped_and_of_the_flights_that_all_declared_models_answered(compared: Compared) -> None:
    compared.example(example(True, tree_1=0.5))
    compared.example(example(True, tree_1=0.5, prior_1=None))
    assert compared.loss() is None
    compared.example(example(True, tree_1=0.5, prior_1=0.0))
    compared.example(example(False, tree_1=0.25, prior_1=0.2))
    assert compared.flights == 2
    assert compared.loss("prior@1") == pytest.approx(-(math.log(CLIP) + math.log(0.8)) / 2)
    assert compared.loss("tree@1") == pytest.approx(-(math.log(0.5) + math.log(0.75)) / 2)
    assert compared.loss("unheard of") is None


def test_what_was_served_is_what_the_champion_of_the_moment_said(compared: Compared) -> None:
    compared.example(example(True, tree_1=0.5, prior_1=0.4))
    compared.example(example(True, prior_1=0.8, tree_1=0.5))
    assert compared.loss() == pytest.approx(-(math.log(0.5) + math.log(0.8)) / 2)
    assert compared.hits == 1


def test_version_that_came_later_stands_on_its_own_flights_and_drops_none_of_the_others(compared: Compared) -> None:
    compared.example(example(True, tree_1=0.5, prior_1=0.4))
    compared.control(added("tree", 2, trained=True))
    compared.example(example(True, tree_1=0.25, prior_1=0.4, tree_2=0.75))
    assert compared.first == {"tree@1", "prior@1"}
    later = compared.versions["tree@2"]
    assert (compared.flights, later.flights) == (2, 1)
    assert later.loss == pytest.approx(-math.log(0.75)) and later.served == pytest.approx(-math.log(0.25))


def test_model_that_was_taken_out_is_no_longer_asked_for(compared: Compared) -> None:
    compared.control(Control(action="removed", model="prior", version=1, reason=""))
    compared.example(example(True, tree_1=0.5))
    assert compared.flights == 1
