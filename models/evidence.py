"""Sums of losses, over all labels, by cohort, by group and over the last: what values and intervals are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.group_sums import GroupSums
from models.intervals import around, deviations, reaches
from models.losses import Additive, bounded, bounds_of
from models.tails import Numbers, Places, Tail, add_rows
from schemas.health import Interval


@dataclass(frozen=True, slots=True)
class Columns:
    """Which sum stands where in a row: count, each loss, count of the clipped, each clipped loss and its deviation.

    Parameters
    ----------
    of
        The losses.
    clipped
        Those of them that intervals are made of.
    """

    of: tuple[str, ...]
    clipped: tuple[str, ...]

    @property
    def width(self) -> int:
        """Numbers in a row."""
        return 2 + len(self.of) + 2 * len(self.clipped)

    @property
    def clipped_count(self) -> int:
        """Where the count of clipped losses stands."""
        return 1 + len(self.of)

    def clipped_at(self, of: str) -> int:
        """Where the sum of a clipped loss stands; its deviation stands behind it."""
        return self.clipped_count + 1 + 2 * self.clipped.index(of)

    def mean(self, row: Numbers | list[float], of: str) -> float:
        """The mean of a loss."""
        return float(row[1 + self.of.index(of)] / row[0])

    def interval(self, row: Numbers, of: str) -> tuple[float, float, float, int] | None:
        """Mean of a clipped loss in 0 .. 1, the interval around it, and the count; ``None`` where there is none."""
        count = float(row[self.clipped_count])
        if of not in self.clipped or count < 1:
            return None
        place = self.clipped_at(of)
        total = float(row[place])
        return total / count, *around(count, total, float(row[place + 1])), round(count)


class Sums:
    """The sums of one model, or of what it is better than a baseline.

    Parameters
    ----------
    columns
        What is summed.
    cohorts
        Rows for cohorts; one more takes what belongs to none.
    groups
        Rows for the values of each group.
    window
        Labels in the sums over the last ones; 0: there are none.
    group_cohorts
        Whether there are sums by group and cohort.
    """

    def __init__(
        self, columns: Columns, cohorts: int, groups: Sequence[int], window: int, *, group_cohorts: bool = False
    ) -> None:
        self.columns = columns
        self.total: Numbers = np.zeros((1, columns.width))
        self.cohorts: Numbers = np.zeros((cohorts + 1, columns.width))
        self.groups = GroupSums(columns.width, groups, window, cohorts if group_cohorts else 0)
        self._tail = Tail(window, columns.width) if window else None

    @property
    def last(self) -> Numbers | None:
        """The sums over the last labels."""
        return None if self._tail is None else self._tail.rows.sum(axis=0)

    def add(
        self,
        values: dict[str, Numbers],
        clipped: dict[str, Numbers],
        weights: Numbers,
        clipped_weights: Numbers,
        cohorts: Places,
        groups: Sequence[Places],
    ) -> None:
        """Add losses.

        Parameters
        ----------
        values, clipped
            Each loss, and each clipped to 0 .. 1, by name.
        weights, clipped_weights
            1 for a label that came, -1 for one that is taken back, 0 where there is no value.
        cohorts, groups
            The row of the cohort, and of each group's value, that each label belongs to.
        """
        columns, total = self.columns, self.total[0]
        rows = np.empty((len(weights), columns.width))
        rows[:, 0] = weights
        for place, of in enumerate(columns.of, 1):
            rows[:, place] = weights * values[of]
        rows[:, columns.clipped_count] = clipped_weights
        for of in columns.clipped:
            place = columns.clipped_at(of)
            shares = clipped.get(of, np.zeros(len(rows)))
            rows[:, place] = clipped_weights * shares
            before = float(total[columns.clipped_count]), float(total[place])
            rows[:, place + 1] = deviations(shares, clipped_weights, *before)
        add_rows(self.total, np.zeros(len(rows), np.intp), rows)
        add_rows(self.cohorts, cohorts, rows)
        self.groups.add(rows, weights > 0, cohorts, groups)
        if self._tail is not None:
            self._tail.add(rows[weights > 0])

    def clear(self, cohorts: Places) -> None:
        """These cohorts are over; others take their rows."""
        self.cohorts[cohorts] = 0.0
        self.groups.clear(cohorts)

    def __getstate__(self) -> dict[str, Any]:
        used = np.flatnonzero(self.cohorts.any(axis=1))
        return vars(self) | {"cohorts": (self.cohorts.shape, used, self.cohorts[used])}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        shape, used, rows = state["cohorts"]
        self.cohorts = np.zeros(shape)
        self.cohorts[used] = rows


def clip(of: Sequence[str], values: dict[str, Numbers], scale: float | None) -> dict[str, Numbers]:
    """Those losses that intervals are made of, clipped and brought to 0 .. 1."""
    clipped = {name: bounded(name, values, scale) for name in of}
    return {name: value for name, value in clipped.items() if value is not None}


def interval_of(row: Numbers, columns: Columns, metric: Additive, scale: float | None) -> Interval | None:
    """The interval of a metric, in its own unit."""
    bounds, found = bounds_of(metric.of, scale), columns.interval(row, metric.of)
    if bounds is None or found is None:
        return None
    low, high = bounds
    value, least, most = (metric.finish(low + (high - low) * max(0.0, share)) for share in found[:3])
    return Interval(value=value, low=least, high=most, count=found[3])


def intervals_of(rows: Numbers, columns: Columns, metric: Additive, scale: float | None) -> list[Interval | None]:
    """:func:`interval_of` each of many rows, at once."""
    bounds = bounds_of(metric.of, scale)
    if bounds is None or metric.of not in columns.clipped:
        return [None] * len(rows)
    low, high = bounds
    place = columns.clipped_at(metric.of)
    counts, totals, deviations = rows[:, [columns.clipped_count, place, place + 1]].T
    of = np.maximum(counts, 1.0)
    means, far = totals / of, reaches(np.maximum(deviations, 0.0)) / of
    shares = np.stack((means, means - far, means + far), axis=1).clip(0.0, 1.0)
    values = (low + (high - low) * shares).tolist()
    return [
        Interval(**dict(zip(("value", "low", "high"), map(metric.finish, three), strict=True)), count=round(count))
        if count >= 1
        else None
        for three, count in zip(values, counts.tolist(), strict=True)
    ]


def improvement(row: Numbers, columns: Columns, metric: Additive, scale: float | None) -> Interval | None:
    """By how much a model is better than a baseline on the same events.

    Parameters
    ----------
    row
        Sums of differences, as ``advantage`` makes them.

    Returns
    -------
    ``None`` for a metric that is no mean itself, like RMSE: differences of it are no mean of differences.
    """
    bounds, found = bounds_of(metric.of, scale), columns.interval(row, metric.of)
    if bounds is None or found is None or metric.finish is not float:
        return None
    span = bounds[1] - bounds[0]
    value, least, most = ((2 * share - 1) * span for share in found[:3])
    return Interval(value=value, low=least, high=most, count=found[3])


def advantage(model: Numbers, baseline: Numbers, *, is_gain: bool, clipped: bool) -> Numbers:
    """By how much each prediction of a model is better; for clipped losses brought to 0 .. 1, one half is equal."""
    better = model - baseline if is_gain else baseline - model
    return 0.5 + better / 2 if clipped else better
