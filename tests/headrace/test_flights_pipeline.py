"""The demo's pipeline: it can do what the demo promises, before any broker is involved."""

from __future__ import annotations

import json
import math
import pickle
from statistics import fmean
from typing import Any

import pytest

from headrace.demo.flights import Happening, happenings
from headrace.demo.pipeline import CATEGORIES, flights
from models.baselines import BASELINES, baselines
from models.features import Preparation
from schemas.values import Address

#: Of January, the first three weeks.
FLIGHTS = 18_000


def prepared(event: dict[str, Any]) -> dict[str, Any]:
    for function in flights.prepare:
        event = function(event)
    return event


@pytest.fixture(scope="module")
def told() -> list[Happening]:
    return list(happenings(events=FLIGHTS))


def log_loss(model: Any, told: list[Happening]) -> float:
    """Predict every flight on schedule and learn it when it landed.

    Probabilities are clipped to 0.01 and 0.99: the prior is certain while it has seen flights of one kind
    only, and no model shall beat it by the few flights that then surprise it.
    """
    losses = []
    waiting: dict[str, tuple[dict[str, Any], float]] = {}
    for happening in told:
        if happening.kind == "event":
            features = prepared(happening.body)
            waiting[happening.id] = features, model.predict_proba_one(features).get(True, 0.0)
        else:
            features, probability = waiting.pop(happening.id)
            late = happening.body["label"]
            probability = min(max(probability, 0.01), 0.99)
            losses.append(-math.log(probability if late else 1 - probability))
            model.learn_one(features, late)
    return fmean(losses)


@pytest.fixture(scope="module")
def losses(told: list[Happening]) -> dict[str, float]:
    fresh = {name: model.clone() for name, model in flights.models.items()}
    return {name: log_loss(model, told) for name, model in (fresh | baselines("binary")).items()}


@pytest.mark.parametrize("name", flights.models)
def test_every_model_beats_the_baselines(name: str, losses: dict[str, float]) -> None:
    assert all(losses[name] < losses[baseline] for baseline in BASELINES)


def test_the_better_model_is_not_in_charge_at_first(losses: dict[str, float]) -> None:
    best = min(losses, key=lambda name: losses[name])
    assert best in flights.models and best != flights.champion


def test_objective_is_within_reach_of_the_better_model_within_weeks(losses: dict[str, float]) -> None:
    (objective,) = flights.objectives
    assert objective.better_than is not None
    assert min(losses.values()) < losses[objective.better_than] - objective.by


def test_every_flight_passes_the_gate(told: list[Happening]) -> None:
    preparation = Preparation(flights)
    for happening in told:
        if happening.kind == "event":
            address = Address(topic="flights.events", partition=0, offset=0)
            admitted = preparation.admit(json.dumps(happening.body).encode(), None, address, happening.time)
            assert (admitted.id, admitted.time) == (happening.id, happening.time)
            assert admitted.features == prepared(happening.body)


def test_features_are_categories_and_finite_floats_without_gaps(told: list[Happening]) -> None:
    for happening in told[:5_000]:
        if happening.kind == "event":
            for name, value in prepared(happening.body).items():
                assert type(value) is str if name in CATEGORIES else math.isfinite(value)


def test_preparation_treats_null_like_absent_and_leaves_the_event_alone(told: list[Happening]) -> None:
    event = told[0].body
    known = dict(event)
    optional = {field.name for field in flights.fields if field.optional}
    without = {name: value for name, value in event.items() if name not in optional}
    assert prepared(dict.fromkeys(optional) | without) == prepared(without)
    assert event == known


@pytest.mark.parametrize("name", flights.models)
def test_models_survive_a_checkpoint(name: str, told: list[Happening]) -> None:
    model = flights.models[name].clone()
    log_loss(model, told[:4_000])
    copy = pickle.loads(pickle.dumps(model))
    for happening in told[4_000:6_000]:
        if happening.kind == "event":
            features = prepared(happening.body)
            assert copy.predict_proba_one(features) == model.predict_proba_one(features)
            model.learn_one(features, happening.time.minute == 0)
            copy.learn_one(features, happening.time.minute == 0)
