"""Learning logs of made-up pipelines: profiles and examples as the workers would write them, without any Kafka."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from models.letters import MISSING, letters
from models.looks import EVERY, Looks
from models.monitoring import Drift
from models.pipeline import PROFILE_EVENTS, Label, Pipeline
from schemas.examples import Example, FieldSummary, LogRecord, Profile
from schemas.predictions import Said
from schemas.values import LabelValue

Values = npt.NDArray[Any]

START = datetime(2026, 1, 1, tzinfo=UTC)
REFERENCE = 2000
WINDOW = PROFILE_EVENTS
BINS = 20
SCORE = "score:model@1"


@dataclass
class World:
    """What happens, event by event; event ``i`` is at second ``i``.

    Parameters
    ----------
    columns
        Feature to its values: numbers (NaN is missing), or integer codes of categories.
    scores, labels
        What the champion said, and what was true; none: nothing but features.
    delay_s
        Seconds until each label.
    expired
        Whether each label never comes.
    duplicates, rejected
        Of each event: how many more came with it, and whether it was rejected, as shares by event.
    partition
        Of each event; all in one if not given.
    problem
        Of the pipeline.
    times_s
        Seconds of each event, instead of its number.
    """

    columns: Mapping[str, Values]
    scores: Values | None = None
    labels: Values | None = None
    delay_s: Values | None = None
    expired: Values | None = None
    duplicates: Values | None = None
    rejected: Values | None = None
    partition: Values | None = None
    problem: Any = "binary"
    times_s: Values | None = None
    missing_labels: Values | None = field(default=None)

    @property
    def events(self) -> int:
        """How many."""
        return len(next(iter(self.columns.values())))


def pipeline(problem: Any = "binary", **declared: Any) -> Pipeline:
    """A pipeline that declares nothing but how it is watched."""
    return Pipeline(
        name="bench", problem=problem, fields=[], label=Label(timeout="1d"), models={}, champion="model",
        drift=Drift(**({"reference_examples": REFERENCE} | declared)), partitions=1,
    )  # fmt: skip


def log(
    world: World, window: int = WINDOW, reference: int = REFERENCE, *, looking: bool = True
) -> Iterator[tuple[int, LogRecord]]:
    """The learning log of a world: profiles where their windows end, examples where their labels come.

    Parameters
    ----------
    looking
        Whether windows may end early: not where a block is declared.
    """
    records = _profiles(world, window, reference, looking=looking)
    if world.labels is not None:
        records += _examples(world)
    records.sort(key=lambda one: one[0])
    yield from enumerate(record for _, record in records)


def _times(world: World) -> Values:
    return np.arange(world.events, dtype=float) if world.times_s is None else world.times_s


def _at(second: float) -> datetime:
    return START + timedelta(seconds=second)


def _profiles(world: World, window: int, reference: int, *, looking: bool) -> list[tuple[float, LogRecord]]:
    times = _times(world)
    where = np.zeros(world.events, np.int64) if world.partition is None else world.partition
    columns = dict(world.columns)
    if world.scores is not None and world.scores.dtype != object:
        columns[SCORE] = world.scores
    chances = SCORE if world.problem == "binary" else ""
    binned = {name: _binned(values, reference, fixed=name == chances) for name, values in columns.items()}
    made: list[tuple[float, LogRecord]] = []
    for partition in np.unique(where).tolist():
        rows = np.flatnonzero(where == partition)
        rows = rows[rows >= reference]
        looked = [bins[rows] + 1 for name, (bins, width) in binned.items() if looking and name != SCORE and width]
        for first, end in _windows(np.array(looked).reshape(-1, len(rows)), window):
            part = rows[first:end]
            fields = {
                name: _summary(columns[name][part], *((bins[part], width) if width else (None, 0)))
                for name, (bins, width) in binned.items()
            }
            profile = Profile(
                partition=partition,
                first=first,
                end=end,
                start=_at(times[part[0]]),
                until=_at(times[part[-1]]),
                received=_at(times[part[-1]]),
                events=len(part),
                duplicates=0 if world.duplicates is None else int(world.duplicates[part].sum()),
                rejected={} if world.rejected is None else {"$.x range": int(world.rejected[part].sum())},
                reference=1,
                fields=fields,
            )
            made.append((float(times[part[-1]]), profile))
    return made


def _windows(ranks: Values, window: int) -> Iterator[tuple[int, int]]:
    """Where a worker would begin and end its windows, of ranks ``[feature, event]``."""
    first, at, looks = 0, 0, Looks(len(ranks))
    while first + window <= ranks.shape[1]:
        at += EVERY
        early = at < first + window and looks.is_odd(ranks[:, at - EVERY : at])
        if early or at >= first + window:
            looks.closed(early=early)
            at = at if early else first + window
            yield first, at
            first = at


def _binned(values: Values, reference: int, *, fixed: bool) -> tuple[Values, int]:
    """The bin of each value, -1 where it is missing, and how many bins there are."""
    first = values[:reference]
    if values.dtype.kind in "iu":
        codes, counts = np.unique(first, return_counts=True)
        frequent = codes[np.argsort(-counts, kind="stable")][:BINS]
        place = np.full(int(values.max()) + 1, len(frequent))
        place[frequent] = np.arange(len(frequent))
        return place[values], len(frequent) + 1
    known = first[np.isfinite(first)]
    edges = np.linspace(0, 1, BINS + 1)[1:-1] if fixed else np.unique(np.quantile(known, np.arange(1, BINS) / BINS))
    return np.where(np.isfinite(values), np.searchsorted(edges, values, side="right"), -1), len(edges) + 1


def _summary(values: Values, bins: Values, width: int) -> FieldSummary:
    missing = int((bins < 0).sum())
    order = letters(np.where(bins < 0, ord(MISSING) - ord("A"), bins))
    counts = np.bincount(bins[bins >= 0], minlength=width).tolist()
    if values.dtype.kind in "iu":
        return FieldSummary(count=len(values) - missing, missing=missing, bins=counts, order=order)
    known = values[bins >= 0]
    if not known.size:
        return FieldSummary(count=0, missing=missing, bins=counts, order=order)
    return FieldSummary(
        count=len(known),
        missing=missing,
        total=float(known.sum()),
        squares=float((known**2).sum()),
        minimum=float(known.min()),
        maximum=float(known.max()),
        bins=counts,
        order=order,
    )


def _examples(world: World) -> list[tuple[float, LogRecord]]:
    assert world.labels is not None
    assert world.scores is not None
    count = world.events
    times = _times(world)
    delays = np.zeros(count) if world.delay_s is None else world.delay_s
    expired = np.zeros(count, bool) if world.expired is None else world.expired
    silent = np.zeros(count, bool) if world.missing_labels is None else world.missing_labels
    where = np.zeros(count, np.int64) if world.partition is None else world.partition
    partitions, labels, scores = where.tolist(), world.labels.tolist(), world.scores.tolist()
    made: list[tuple[float, LogRecord]] = []
    for event in np.flatnonzero(~silent).tolist():
        time, after = float(times[event]), float(delays[event])
        if time + after > times[-1]:
            # After the last event only the longest delays would be left.
            continue
        label: LabelValue | None = None if expired[event] else labels[event]
        if label is not None and world.problem == "binary":
            label = bool(label)
        example = Example(
            id="",
            partition=partitions[event],
            time=_at(time),
            status="expired" if label is None else "known",
            label=label,
            labelled=None if label is None else _at(time + after),
            features={},
            said=[Said(model="model", version=1, score=scores[event])],
            position=0,
        )
        made.append((time + after, example))
    return made
