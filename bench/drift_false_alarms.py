"""False alarms on streams without drift, against the budget that is promised for everything that is watched together.

Every kind runs twice, at the default budget and at a tenth of it, which tells more in the same number of events. All
streams count: features, scores, loss, label rate, calibration, delay, expiry, duplicates, rejects.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
from river import datasets, linear_model, preprocessing

from bench.drift_worlds import START, Values, World, log, pipeline
from headrace.demo import timetable
from models.drift import DriftMonitor
from schemas.drift import Drift

EVENTS = 170_000

#: Events per false alarm.
BUDGETS = (200_000, 20_000)


def _labelled(columns: dict[str, Values], logit: Values, generator: np.random.Generator, **more: Any) -> World:
    scores = 1 / (1 + np.exp(-logit))
    return World(columns, scores, generator.random(len(scores)) < scores, **more)


def _named(values: Values) -> dict[str, Values]:
    return {f"x{at}": values[:, at] for at in range(values.shape[1])}


def normal(generator: np.random.Generator, events: int) -> World:
    """Eight independent normal features."""
    values = generator.normal(size=(events, 8))
    return _labelled(_named(values), values[:, 0] - 1, generator)


def student(generator: np.random.Generator, events: int) -> World:
    """Five features with such tails that they have no variance, labels late and of them 3 % never."""
    values = generator.standard_t(2, size=(events, 5))
    delay_s, expired = generator.lognormal(4.0, 1.5, events), generator.random(events) < 0.03
    return _labelled(_named(values), np.tanh(values[:, 0]), generator, delay_s=delay_s, expired=expired)


def lognormal(generator: np.random.Generator, events: int) -> World:
    """Ten features over many orders of magnitude; a label that is true once in a hundred times."""
    values = generator.lognormal(0.0, 1.5, size=(events, 10))
    return _labelled(_named(values), np.log(values[:, 0]) / 2 - 4.8, generator)


def rare(generator: np.random.Generator, events: int) -> World:
    """Five features with thousands of categories, most of them rare."""
    values = np.minimum(generator.zipf(1.5, size=(events, 5)), 5000).astype(np.int64)
    return _labelled(_named(values), (values[:, 0] % 2) - 0.5, generator)


def copies(generator: np.random.Generator, events: int) -> World:
    """Twenty times the same column."""
    value = generator.normal(size=events)
    return _labelled({f"x{at}": value for at in range(20)}, value, generator)


def wide(generator: np.random.Generator, events: int) -> World:
    """A hundred independent features."""
    return World(_named(generator.normal(size=(events, 100))))


def dependent(generator: np.random.Generator, events: int) -> World:
    """Twenty features that two hidden ones make, and a number to predict."""
    hidden = generator.normal(size=(events, 2))
    values = hidden @ generator.normal(size=(2, 20)) + 0.1 * generator.normal(size=(events, 20))
    return World(_named(values), hidden[:, 0], hidden[:, 0] + generator.standard_t(3, events), problem="regression")


def gaps(generator: np.random.Generator, events: int) -> World:
    """Six features of which a third is missing; duplicates and rejects at a steady rate."""
    values = generator.normal(size=(events, 6))
    values[generator.random(values.shape) < 0.33] = np.nan
    bad = generator.random((2, events)) < 0.02
    return World(_named(values), duplicates=bad[0], rejected=bad[1])


def classes(generator: np.random.Generator, events: int) -> World:
    """Three classes, in four partitions that differ from each other."""
    partition = generator.integers(0, 4, events)
    value = generator.normal(size=events) + partition
    chances = np.stack([np.ones(events), np.exp(value - 1.5), np.exp(1.5 - value)], axis=1)
    chances /= chances.sum(axis=1, keepdims=True)
    labels = np.array(["a", "b", "c"])[(generator.random(events)[:, None] > np.cumsum(chances, axis=1)).sum(axis=1)]
    scores = np.array([dict(zip("abc", row, strict=True)) for row in chances.tolist()], object)
    delay_s = generator.exponential(500.0, events)
    return World({"x": value}, scores, labels, problem="multiclass", partition=partition, delay_s=delay_s)


def ties(generator: np.random.Generator, events: int) -> World:
    """Five counts with few values, of which one is nearly constant."""
    values = generator.poisson([0.01, 0.3, 1.0, 3.0, 30.0], size=(events, 5)).astype(float)
    return _labelled(_named(values), values[:, 2] - 1, generator)


def _learnt(columns: dict[str, Values], labels: Values) -> World:
    """A champion that learns as it goes."""
    model: Any = preprocessing.StandardScaler() | linear_model.LogisticRegression()
    names, scores = list(columns), []
    for row, label in zip(zip(*[columns[name].tolist() for name in names], strict=True), labels.tolist(), strict=True):
        features = {name: value for name, value in zip(names, row, strict=True) if value == value}
        scores.append(model.predict_proba_one(features).get(True, 0.0))
        model.learn_one(features, bool(label))
    return World(columns, np.array(scores), labels)


def _drawn(rows: list[tuple[dict[str, Any], Any]], order: Values) -> World:
    columns = {name: np.array([float(x[name]) for x, _ in rows])[order] for name in rows[0][0]}
    return _learnt(columns, np.array([bool(y) for _, y in rows])[order])


def phishing(generator: np.random.Generator, events: int) -> World:
    """River's Phishing, drawn with replacement; the champion learns."""
    rows = list(datasets.Phishing())
    return _drawn(rows, generator.integers(0, len(rows), events // 2))


def shuttle(generator: np.random.Generator, events: int) -> World:
    """River's Shuttle, shuffled, three times over; the champion learns."""
    rows: list[Any] = list(datasets.Shuttle())
    return _drawn(rows, np.concatenate([generator.permutation(len(rows)) for _ in range(3)])[:events])


def flights(generator: np.random.Generator, events: int) -> World:
    """The flights of 2013, shuffled; the champion learns."""
    table = timetable.flights(timetable.data_folder())
    table = table[table["arr_delay"].notna()]
    table = table.iloc[generator.permutation(len(table))[:events]]
    numbers = {name: table[name].to_numpy(float) for name in ("distance", "month", "hour", "minute")}
    made = _learnt(numbers, (table["arr_delay"] >= 15).to_numpy())
    codes = {name: table[name].cat.codes.to_numpy(np.int64) for name in ("carrier", "origin", "dest")}
    return World(numbers | codes, made.scores, made.labels)


KINDS: tuple[Callable[[np.random.Generator, int], World], ...] = (
    normal, student, lognormal, rare, copies, wide, dependent, gaps, classes, ties, phishing, shuttle, flights,
)  # fmt: skip


def measure(events: int = EVENTS, seed: int = 1, each: Callable[..., Iterable[Any]] = map) -> Iterable[dict[str, Any]]:
    """One row per kind.

    Parameters
    ----------
    events
        Of each kind; Phishing has half as many, Shuttle at most three times its own.
    seed
        Of all chance.
    each
        What applies a function to many, in several processes perhaps.
    """
    return each(partial(_kind, events=events, seed=seed), range(len(KINDS)))


def _kind(at: int, *, events: int, seed: int) -> dict[str, Any]:
    kind = KINDS[at]
    made = kind(np.random.default_rng((seed, at)), events)
    row: dict[str, Any] = {"kind": kind.__name__, "what": (kind.__doc__ or "").strip(), "events": made.events}
    monitors = [DriftMonitor(pipeline(made.problem, events_per_false_alarm=budget)) for budget in BUDGETS]
    starts, spent_s = [0] * len(BUDGETS), 0.0
    for offset, record in log(made):
        begun_s = time.process_time()
        for place, monitor in enumerate(monitors):
            starts[place] += sum(one.phase == "start" for one in monitor.fold(offset, record))
        spent_s += time.process_time() - begun_s
    row |= {f"alarms_{budget}": found for budget, found in zip(BUDGETS, starts, strict=True)}
    row["streams"] = len(monitors[0].watched)
    row["us_per_event"] = round(spent_s / len(BUDGETS) / made.events * 1e6, 1)
    return row


#: Events of a block, blocks, and how much of the variance is between blocks, in the kind whose neighbours are alike.
DAY, DAYS, BETWEEN = 500, 400, 0.2


def measure_likeness(seed: int = 1) -> dict[str, Any]:
    """A stream whose days differ, and nothing else: with each event as an observation, and with each day."""
    generator = np.random.default_rng(seed)
    level = np.repeat(generator.normal(size=(DAYS, 2)), DAY, axis=0) * BETWEEN**0.5
    values = level + generator.normal(size=level.shape) * (1 - BETWEEN) ** 0.5
    found: dict[str, Any] = {"events": len(values)}
    for name, block in (("each_event", None), ("each_day", f"{DAY}s")):
        monitor = DriftMonitor(pipeline(events_per_false_alarm=20_000, block=block))
        records = log(World(_named(values)), looking=block is None)
        told = [one for offset, record in records for one in monitor.fold(offset, record)]
        found[f"{name}_episodes"] = sum(one.phase == "start" for one in told)
        found[f"{name}_share_in_episodes"] = round(_share_open(told, len(values)), 2)
    shifted = values.copy()
    shifted[DAYS // 2 * DAY :, 0] += 1.0
    monitor = DriftMonitor(pipeline(events_per_false_alarm=20_000, block=f"{DAY}s"))
    records = log(World(_named(shifted)), looking=False)
    told = [one for offset, record in records for one in monitor.fold(offset, record)]
    late = [(one.time - START).total_seconds() / DAY - DAYS // 2 for one in told if one.phase == "start"]
    found["days_until_a_shift_is_told"] = round(next((days for days in late if days > 0), float("nan")), 1)
    return found


def _share_open(told: Sequence[Drift], events: int) -> float:
    """The share of the time in which an episode was open."""
    seconds = [(one.phase, (one.time - START).total_seconds()) for one in told]
    begun = sum(second for phase, second in seconds if phase == "start")
    ended = [second for phase, second in seconds if phase == "end"]
    still = sum(phase == "start" for phase, _ in seconds) - len(ended)
    return (sum(ended) + still * events - begun) / events
