"""Guards: what a lower loss does not show, each with evidence of its own, which may veto a promotion.

A guard vetoes what has been *shown*, at the sample size that there is: bounds are confidence bounds, so that a group of
thirty examples does not veto by chance, and none is let through by being small and then found out late, for the guard
is asked again with every decision.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from models.intervals import around, reach
from models.pairs import Pairs
from models.policies import Promotion
from models.stability import Stability
from models.tails import Numbers, Places
from schemas.promotions import Guard
from schemas.trainings import Fit

Flags = npt.NDArray[np.bool_]

#: Bins of the probabilities said, for calibration.
BINS = 10

#: Examples of a group before its shares are compared.
GROUP_EXAMPLES_MIN = 100

#: Columns of what is counted of one model in one group.
_COUNT, _POSITIVE, _TRUE, _HIT, _SCORE = range(5)


class Guards:
    """What is counted for the guards of one challenger.

    Parameters
    ----------
    policy
        What is tolerated.
    sizes
        Rows of each declared group.
    binary
        Whether there are probabilities of one class.
    """

    def __init__(self, policy: Promotion, sizes: Sequence[int], binary: bool) -> None:
        self._policy = policy
        self._binary = binary
        #: Count, sum, squares of the differences, by group and value.
        self._differences: list[Numbers] = [np.zeros((size, 3)) for size in sizes]
        #: Of champion and challenger.
        self._shares: list[tuple[Numbers, Numbers]] = [(np.zeros((size, 5)), np.zeros((size, 5))) for size in sizes]
        self._bins: tuple[Numbers, Numbers] = (np.zeros((BINS, 3)), np.zeros((BINS, 3)))
        self._stability = None if policy.stability is None else Stability()

    def add(self, told: Pairs, use: Flags, differences: Numbers, scores: Sequence[Numbers]) -> None:
        """Labels have come, or some of them are taken back.

        Parameters
        ----------
        use
            Which rows.
        differences
            Of these rows, in -1 .. 1.
        scores
            Of all rows, what champion and challenger said; empty where there is no probability.
        """
        weights, places = told.weights[use], [row[use] for row in told.rows]
        if self._stability is not None:
            self._stability.add(differences, weights)
        squares = np.where(weights < 0, 1.0, differences**2)
        columns = np.column_stack((weights, weights * differences, squares))
        for table, rows in zip(self._differences, places, strict=True):
            _add(table, rows, columns)
        if not self._binary or (self._policy.fairness_gap is None and self._policy.calibration_gap is None):
            return
        labels = told.labels[use]
        for side, all_scores in enumerate(scores):
            said = all_scores[use]
            positive = said > 0.5
            facts = (np.ones(len(said)), positive, labels, labels * positive, said)
            columns = weights[:, None] * np.column_stack(facts)
            for tables, rows in zip(self._shares, places, strict=True):
                _add(tables[side], rows, columns)
            bins = np.minimum((said * BINS).astype(np.intp), BINS - 1)
            _add(self._bins[side], bins, weights[:, None] * np.column_stack((np.ones(len(said)), said, labels)))

    def judge(self, names: Sequence[tuple[str, list[str]]], unit: float, fit: Fit | None = None) -> list[Guard]:
        """Every guard that vetoes, and of the others the nearest to it.

        Parameters
        ----------
        names
            Of each group its name, and the value of each row.
        unit
            The loss that a difference of one is.
        fit
            What its training found out about it, if it was trained.
        """
        found = [*self._groups(names, unit), *self._fairness(names), *self._calibration()]
        if self._stability is not None and self._policy.stability is not None:
            found += self._stability.judge(self._policy.stability, unit)
        return nearest([*found, *self._overfitting(fit)])

    def _groups(self, names: Sequence[tuple[str, list[str]]], unit: float) -> Iterator[Guard]:
        """Is a group worse off than tolerated? Its gain at best, by an interval that holds at all times."""
        tolerated = self._policy.group_loss if self._policy.group_loss is not None else 0.005 * unit
        for (name, values), table in zip(names, self._differences, strict=True):
            for value, (count, total, squares) in zip(values, table.tolist(), strict=False):
                if count < 1:
                    continue
                # The guess of each difference is 0: brought to 0 .. 1, a quarter of its square.
                _, high = around(count, (total + count) / 2, squares / 4)
                best = (2 * high - 1) * unit
                yield Guard(
                    name="group",
                    about=f"{name}={value}",
                    passed=best >= -tolerated,
                    value=best,
                    bound=-tolerated,
                    examples=round(count),
                )

    def _fairness(self, names: Sequence[tuple[str, list[str]]]) -> Iterator[Guard]:
        """Is the gap between groups shown to be larger than tolerated, and larger than the champion's?"""
        if self._policy.fairness_gap is None or not self._binary:
            return
        kinds = {
            "demographic_parity": (_POSITIVE, None, _COUNT),
            "equal_opportunity": (_HIT, None, _TRUE),
            "group_calibration": (_TRUE, _SCORE, _COUNT),
        }
        for (name, values), (champion, challenger) in zip(names, self._shares, strict=True):
            for kind, columns in kinds.items():
                before = _gap(champion[: len(values)], columns)
                after = _gap(challenger[: len(values)], columns)
                if before is None or after is None:
                    continue
                found = max(after[0] - after[1], 0.0)
                bound = max(self._policy.fairness_gap, before[0])
                yield Guard(name=kind, about=name, passed=found <= bound, value=found, bound=bound, examples=after[2])

    def _overfitting(self, fit: Fit | None) -> Iterator[Guard]:
        """Is it shown to fit what it has learnt better than what it had not seen, by more than tolerated?"""
        if self._policy.overfitting_gap is None or fit is None or fit.examples < 1:
            return
        count, mean = float(fit.examples), fit.prequential - fit.loss
        low, _ = around(count, count * (mean + 1) / 2, count * fit.squares / 4)
        least, bound = (2 * low - 1) * fit.unit, self._policy.overfitting_gap
        yield Guard(name="overfitting", passed=least <= bound, value=least, bound=bound, examples=fit.examples)

    def _calibration(self) -> Iterator[Guard]:
        """Is it shown to say probabilities that are further off than the champion's, by more than tolerated?"""
        if self._policy.calibration_gap is None or not self._binary:
            return
        errors, noise = [], 0.0
        for table in self._bins:
            count = max(float(table[:, 0].sum()), 1.0)
            errors.append(float(np.abs(table[:, 1] - table[:, 2]).sum()) / count)
            noise = float(np.sqrt(np.maximum(table[:, 0], 0.0)).sum()) / count
        # By chance alone each bin is off by half the root of its count, about.
        found, bound = errors[1] - noise, errors[0] + self._policy.calibration_gap
        examples = round(float(self._bins[1][:, 0].sum()))
        yield Guard(name="calibration", passed=found <= bound, value=found, bound=bound, examples=examples)


def _gap(table: Numbers, columns: tuple[int, int | None, int]) -> tuple[float, float, int] | None:
    """Largest minus smallest share between groups, how far both together may be off, and the examples."""
    above, minus, below = columns
    rows = table[table[:, below] >= GROUP_EXAMPLES_MIN]
    if len(rows) < 2:
        return None
    counts = rows[:, below]
    sums = rows[:, above] - (rows[:, minus] if minus is not None else 0.0)
    shares = sums / counts
    high, low = int(shares.argmax()), int(shares.argmin())
    # A value in 0 .. 1 is at most one half off a guess of one half.
    off = sum(reach(float(counts[row]) / 4) / float(counts[row]) for row in (high, low))
    return float(shares[high] - shares[low]), off, round(float(counts.sum()))


def nearest(guards: Sequence[Guard]) -> list[Guard]:
    """Those that veto, and of each other name the one that was nearest to it."""
    kept = [guard for guard in guards if not guard.passed]
    vetoing = {guard.name for guard in kept}
    others = [name for name in dict.fromkeys(guard.name for guard in guards) if name not in vetoing]
    return [*kept, *(min((one for one in guards if one.name == name), key=_room) for name in others)]


def _room(guard: Guard) -> float:
    return abs(guard.value - guard.bound) if math.isfinite(guard.value) else math.inf


def _add(table: Numbers, rows: Places, columns: Numbers) -> None:
    np.add.at(table, rows, columns)
