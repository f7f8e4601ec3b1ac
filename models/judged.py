"""One active model as it is judged: its metrics, and the sums that intervals and windows are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.evidence import Columns, Sums, advantage, clip, improvement, interval_of, intervals_of
from models.losses import ADDITIVE, Additive
from models.metrics import OTHER_METRICS, Metrics
from models.outcomes import Said
from models.pipeline import Pipeline
from models.tails import Numbers, Places, Tail
from schemas.examples import Control
from schemas.health import Interval, ModelHealth, WindowHealth
from schemas.values import LabelValue

#: The losses that intervals are made of.
_CLIPPED = {"binary": ("LogLoss", "Accuracy"), "multiclass": ("CrossEntropy", "Accuracy"), "regression": ("MAE", "MSE")}


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels in columns, one row for each that came or is taken back.

    Parameters
    ----------
    values
        The labels.
    weights
        1, or -1 for one that is taken back.
    clipped
        Whether the scale of clipped losses was known.
    cohorts, groups
        The rows of their cohorts and groups.
    """

    values: Sequence[LabelValue]
    weights: Numbers
    clipped: Numbers
    cohorts: Places
    groups: Sequence[Places]


@dataclass(frozen=True, slots=True)
class Spoken:
    """The losses of one model on labels; zero, with weight 0, where it said nothing."""

    said: Numbers
    values: dict[str, Numbers]
    clipped: dict[str, Numbers]


class Judged:
    """One active model.

    Parameters
    ----------
    pipeline
        Its problem, window, objectives.
    control
        The record that added the model.
    baselines
        Those it is compared with.
    cohorts, groups
        Rows of the tables by cohort, and of those by the values of each group.
    """

    def __init__(
        self, pipeline: Pipeline, control: Control, baselines: Sequence[str], cohorts: int, groups: Sequence[int]
    ) -> None:
        self.model, self.version, self.baseline = control.model, control.version, control.baseline
        window, problem = pipeline.health_window, pipeline.problem
        wanted = [one for one in pipeline.objectives if one.metric not in OTHER_METRICS]
        self.metrics = Metrics(problem, pipeline.label_type, window, [objective.metric for objective in wanted])
        self.additive = {name: ADDITIVE[problem][name] for name in self.metrics.names if name in ADDITIVE[problem]}
        self.columns = Columns(self.metrics.of, tuple(of for of in _CLIPPED[problem] if of in self.metrics.of))
        last = window if any(one.over is None and one.metric in self.additive for one in wanted) else 0
        windows = any(one.over is not None for one in pipeline.objectives)
        self.sums = Sums(self.columns, cohorts, groups, window, group_cohorts=windows)
        self.against = {name: Sums(self.columns, cohorts, (), last) for name in baselines}
        self.scores = Tail(window, 2)
        self.unlabelled = Tail(window, 1)
        self._problem = problem

    def add(self, labels: Labels, said: Said, scale: float | None) -> Spoken:
        """Add what it said of labels; gives the losses for comparisons."""
        count = len(labels.values)
        if said.unlabelled:
            self.unlabelled.add(np.array([_confidence(score) for score in said.unlabelled])[:, None])
        whole = len(said.rows) == count
        rows = np.arange(count) if whole else np.array(said.rows, np.intp)
        weights = labels.weights[rows]
        truths = labels.values if whole else [labels.values[row] for row in said.rows]
        values = self.metrics.extend(truths, said.scores, None if (weights > 0).all() else weights)
        clipped = clip(self.columns.clipped, values, scale)
        self.sums.add(
            values,
            clipped,
            weights,
            labels.clipped[rows] * weights,
            labels.cohorts[rows],
            [places[rows] for places in labels.groups],
        )
        self._remember_scores(truths, said, values, weights)
        if whole:
            return Spoken(np.ones(count), values, clipped)
        return Spoken(*_spread(rows, count, values, clipped))

    def _remember_scores(self, truths: Any, said: Said, values: dict[str, Numbers], weights: Numbers) -> None:
        if self.baseline or self._problem == "regression":
            return
        if self._problem == "binary":
            rows = np.column_stack((np.array(said.scores, float), np.array(truths, float)))
        else:
            rows = np.column_stack(([_confidence(score) for score in said.scores], values["Accuracy"]))
        self.scores.add(rows.reshape(-1, 2)[weights > 0])

    def compare(self, labels: Labels, own: Spoken, baseline: str, other: Spoken) -> None:
        """Add by how much it was better than a baseline, on labels of which both said something."""
        both = own.said * other.said
        gains = {name.of: name.is_gain for name in self.additive.values()}
        better = {
            of: advantage(own.values[of], other.values[of], is_gain=gain, clipped=False) for of, gain in gains.items()
        }
        clipped = {
            of: advantage(own.clipped[of], other.clipped[of], is_gain=gains[of], clipped=True) for of in own.clipped
        }
        weights = labels.weights * both
        self.against[baseline].add(better, clipped, weights, labels.clipped * weights, labels.cohorts, ())

    def clear(self, cohorts: Places) -> None:
        """These cohorts are over."""
        for sums in (self.sums, *self.against.values()):
            sums.clear(cohorts)

    def values_of(self, row: Numbers | list[float]) -> dict[str, float]:
        """Metric to value, from a row of sums."""
        if row[0] < 1:
            return {}
        return {
            name: metric.finish(max(0.0, self.columns.mean(row, metric.of))) for name, metric in self.additive.items()
        }

    def intervals(self, row: Numbers, scale: float | None) -> dict[str, Interval]:
        """Metric to interval, from a row of sums."""
        return self._those(interval_of(row, self.columns, metric, scale) for metric in self.additive.values())

    def advantages(self, row: Numbers, scale: float | None) -> dict[str, Interval]:
        """Metric to by how much it is better than a baseline, from a row of such sums."""
        return self._those(improvement(row, self.columns, metric, scale) for metric in self.additive.values())

    def _those(self, found: Iterable[Interval | None]) -> dict[str, Interval]:
        named = zip(self.additive, found, strict=True)
        return {name: interval for name, interval in named if interval is not None}

    def health(self, champion: bool, windows: Sequence[tuple[float, Numbers]], scale: float | None) -> ModelHealth:
        """What the report says of it; ``windows``: the length of each, and its row of sums."""
        last = self.sums.last
        assert last is not None
        return ModelHealth(
            model=self.model,
            version=self.version,
            champion=champion,
            baseline=self.baseline,
            count=self.metrics.count,
            metrics=self.metrics.overall(),
            rolling=self.metrics.rolling(),
            rolling_count=round(last[0]),
            rolling_intervals=self.intervals(last, scale),
            windows=[
                WindowHealth(
                    over_s=over_s,
                    count=round(row[0]),
                    metrics=self.values_of(row),
                    intervals=self.intervals(row, scale),
                )
                for over_s, row in windows
            ],
            intervals=self.intervals(self.sums.total[0], scale),
            better_than={
                name: found for name, sums in self.against.items() if (found := self.advantages(sums.total[0], scale))
            },
        )

    def healths_of(
        self, champion: bool, group: int, values: int, windows: Sequence[tuple[float, Places]], scale: float | None
    ) -> list[ModelHealth]:
        """What the report says of it on each of the first values of a group; only of a champion with intervals.

        Parameters
        ----------
        windows
            The length of each, and its cohorts.
        """
        sums = self.sums.groups
        tables = [sums.total[group], sums.last(group), *(sums.window(group, cohorts) for _, cohorts in windows)]
        rows = np.stack([table[:values] for table in tables])
        found = self._intervals_of(rows, scale) if champion else np.full(rows.shape[:2], {})
        return [
            ModelHealth(
                model=self.model,
                version=self.version,
                champion=champion,
                baseline=self.baseline,
                count=round(total[0]),
                metrics=self.values_of(total),
                rolling=self.values_of(last),
                rolling_count=round(last[0]),
                windows=[
                    WindowHealth(over_s=over_s, count=round(row[0]), metrics=self.values_of(row), intervals=intervals)
                    for (over_s, _), row, intervals in zip(windows, others, found[2:, value], strict=True)
                ],
                intervals=found[0, value],
                rolling_intervals=found[1, value],
            )
            for value, (total, last, *others) in enumerate(rows.swapaxes(0, 1).tolist())
        ]

    def _intervals_of(self, rows: Numbers, scale: float | None) -> Any:
        """Metric to interval, for each row of sums."""
        flat = rows.reshape(-1, rows.shape[-1])
        columns = [intervals_of(flat, self.columns, metric, scale) for metric in self.additive.values()]
        found = np.empty(len(flat), object)
        found[:] = [self._those(of_row) for of_row in zip(*columns, strict=True)]
        return found.reshape(rows.shape[:-1])


def improvement_of(row: Numbers, columns: Columns, metric: Additive) -> float:
    """By how much a mean metric is better than that of a baseline, from a row of such sums."""
    return metric.finish(columns.mean(row, metric.of))


def _confidence(score: Any) -> float:
    return float(max(score.values()) if isinstance(score, dict) else score)


def _spread(
    rows: Places, count: int, values: dict[str, Numbers], clipped: dict[str, Numbers]
) -> tuple[Numbers, dict[str, Numbers], dict[str, Numbers]]:
    """Losses on some of the labels as losses on all, zero elsewhere."""

    def full(part: Numbers) -> Numbers:
        whole = np.zeros(count)
        whole[rows] = part
        return whole

    return (
        full(np.ones(len(rows))),
        {name: full(part) for name, part in values.items()},
        {name: full(part) for name, part in clipped.items()},
    )
