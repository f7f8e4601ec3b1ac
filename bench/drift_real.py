"""Real data with planted shifts: flights of 2013, shuffled, under a champion that learnt some of them, then frozen.

One number shifts (covariate), late flights become more frequent (prior), or a share of the flights gets the label of
another one (concept); at once (abrupt), or for more and more of them (gradual).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from river import linear_model, optim, preprocessing

from bench.drift_planted import SPAN
from bench.drift_worlds import Values, World
from headrace.demo import timetable

NUMBERS = ("distance", "month", "hour", "minute")
CATEGORIES = ("carrier", "origin", "dest")

#: Flights that the champion learns.
LEARNT = 20_000

#: Shift in standard deviations; share of late flights, 0.24 before; share of flights with the label of another one.
SIZES: dict[str, tuple[float, ...]] = {
    "flights, covariate": (0.25, 0.5, 1.0),
    "flights, prior": (0.3, 0.4, 0.6),
    "flights, concept": (0.25, 0.5, 1.0),
}


class Real(NamedTuple):
    """What is planted."""

    kind: str
    shape: str
    size: float


class Table(NamedTuple):
    """The flights, shuffled: numbers in standard deviations, codes of categories, labels, and the champion."""

    numbers: dict[str, Values]
    categories: dict[str, Values]
    labels: Values
    model: Any


def changes() -> Iterator[Real]:
    """All of them."""
    for kind, sizes in SIZES.items():
        for shape in ("abrupt", "gradual"):
            for size in sizes:
                yield Real(kind, shape, size)


def world(kind: str, change: Real | None, seed: int, before: int, after: int) -> World:
    """A world of flights that the champion has not seen, in which something is planted; ``None``: nothing."""
    table, generator = _table(), np.random.default_rng([2013, seed])
    count = before + after
    rows = LEARNT + generator.choice(len(table.labels) - LEARNT, count, replace=False)
    ramp = np.arange(count) >= before
    if change is not None and change.shape == "gradual":
        ramp = generator.random(count) < (np.arange(count) - before) / SPAN
    if change is not None and kind.endswith("prior"):
        late = LEARNT + np.flatnonzero(table.labels[LEARNT:])
        share = float(table.labels.mean())
        swapped = ramp & ~table.labels[rows] & (generator.random(count) < (change.size - share) / (1 - share))
        rows[swapped] = generator.choice(late, int(swapped.sum()))
    numbers = {name: values[rows].copy() for name, values in table.numbers.items()}
    labels = table.labels[rows].copy()
    if change is not None and kind.endswith("covariate"):
        numbers["distance"][ramp] += change.size
    if change is not None and kind.endswith("concept"):
        mixed = np.flatnonzero(ramp & (generator.random(count) < change.size))
        labels[mixed] = labels[generator.permutation(mixed)]
    inputs = zip(*(values.tolist() for values in numbers.values()), strict=True)
    answer = table.model.predict_proba_one
    scores = np.array([answer(dict(zip(numbers, row, strict=True)))[True] for row in inputs])
    return World(numbers | {name: codes[rows] for name, codes in table.categories.items()}, scores, labels)


@cache
def _table() -> Table:
    flights = timetable.flights(timetable.data_folder())
    flights = flights[flights["arr_delay"].notna()]
    flights = flights.iloc[np.random.default_rng(2013).permutation(len(flights))]
    numbers = {}
    for name in NUMBERS:
        values = flights[name].to_numpy(float)
        numbers[name] = (values - values.mean()) / values.std()
    labels = (flights["arr_delay"] >= 15).to_numpy()
    model = preprocessing.StandardScaler() | linear_model.LogisticRegression(optim.SGD(0.02))
    for row, label in zip(range(LEARNT), labels.tolist(), strict=False):
        model.learn_one({name: float(values[row]) for name, values in numbers.items()}, label)
    codes = {name: flights[name].cat.codes.to_numpy(np.int64) for name in CATEGORIES}
    return Table(numbers, codes, labels, model)
