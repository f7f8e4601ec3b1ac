"""Planted drift: the same worlds for every detector, in three kinds, four shapes and three sizes.

A world has five features, two of which say something about the label, and a champion that knows the true probability
until something changes: one feature shifts (covariate), the share of true labels rises (prior), or the label depends
less, and then the other way round, on the same features (concept).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from bench.drift_worlds import Values, World

#: Events before the change, and after it.
BEFORE, AFTER = 8000, 8000

#: Events by which the place of the change differs between runs, so that no window's length is favoured.
PHASES = 256

#: Events that a gradual or incremental change takes, and that each half of a recurring one lasts.
SPAN = 2000
HALF = 1000

KINDS = ("covariate", "prior", "concept")
SHAPES = ("abrupt", "gradual", "incremental", "recurring")

#: Shift of a feature in standard deviations; share of true labels, 0.3 before; how much less the label depends on them.
SIZES: dict[str, tuple[float, float, float]] = {
    "covariate": (0.25, 0.5, 1.0),
    "prior": (0.4, 0.5, 0.7),
    "concept": (0.3, 0.6, 1.2),
}

_RATE = 0.3
_APART = 1.0


class Plant(NamedTuple):
    """What is planted."""

    kind: str
    shape: str
    size: float


def plants() -> Iterator[Plant]:
    """All of them."""
    for kind in KINDS:
        for shape in SHAPES:
            for size in SIZES[kind]:
                yield Plant(kind, shape, size)


def place_of(seed: int) -> int:
    """Events before the change in one run."""
    return BEFORE + seed * 37 % PHASES


def strength(shape: str, before: int, events: int, generator: np.random.Generator) -> Values:
    """How much of the change there is at each event, 0 to 1."""
    since = np.arange(events) - before
    if shape == "abrupt":
        return (since >= 0).astype(float)
    if shape == "gradual":
        return (generator.random(events) < np.clip(since / SPAN, 0, 1)).astype(float)
    if shape == "incremental":
        return np.clip(since / SPAN, 0, 1)
    recurring: Values = ((since >= 0) & (since // HALF % 2 == 0)).astype(float)
    return recurring


def world(plant: Plant | None, seed: int, before: int = BEFORE, after: int = AFTER) -> World:
    """A world in which this is planted; ``None``: nothing."""
    generator = np.random.default_rng(seed)
    events = before + after
    much = np.zeros(events) if plant is None else strength(plant.shape, before, events, generator)
    kind, size = ("", 0.0) if plant is None else (plant.kind, plant.size)
    rate = _RATE + much * (size - _RATE) if kind == "prior" else np.full(events, _RATE)
    labels = generator.random(events) < rate
    features = generator.normal(size=(events, 5))
    features[:, :2] += _APART * labels[:, None]
    if kind == "covariate":
        features[:, 0] += much * size
    logit = np.log(_RATE / (1 - _RATE)) + _APART * features[:, :2].sum(axis=1) - _APART**2
    scores = 1 / (1 + np.exp(-logit))
    if kind == "covariate":
        labels = generator.random(events) < scores
    elif kind == "concept":
        labels = generator.random(events) < 1 / (1 + np.exp(-logit * (1 - much * size)))
    return World({f"x{at}": features[:, at] for at in range(5)}, scores, labels)
