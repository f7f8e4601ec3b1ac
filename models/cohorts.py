"""Events of one stretch of event time, whose labels are counted together once they have had time to come."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from models import gains
from models.tails import Numbers

#: Cohorts that ``settle`` is cut into.
PARTS = 16

#: Cohorts that wait at once at most; what is older than that counts at once.
OPEN_MAX = 64


class Cohorts:
    """Paired differences of one challenger, in the order of event time instead of that of labels.

    A label that comes soon may not be like one that comes late: flights that land early do. Whoever counts labels as
    they come judges, at every moment, on too many of the quick ones. So a label counts when the event time of its
    event lies ``settle`` back: by then, with the label's timeout for ``settle``, everything of that time is known or
    given up. What is given up says nothing about either model, so that the promise is about events that get a label.

    Within ``settle`` a corrected label is replaced, as if the wrong one had never come. A purse can't unlearn a bet
    that is decided. A later correction changes what was counted only against the side that it speaks against, which
    makes both purses smaller than those of the right labels, and of the wrong ones. So does a label that is withdrawn,
    because it is unavailable: it is taken from the side that it spoke for.

    Parameters
    ----------
    settle_s
        Seconds of event time; 0: labels count as they come.
    block_s
        Seconds of event time that count as one observation, that of their mean; 0: each label is one.
    """

    def __init__(self, settle_s: float, block_s: float) -> None:
        self.examples = 0.0
        self.late = 0.0
        #: For "the challenger is better", and for "it is not": they only differ by late corrections.
        self.up: Numbers = np.zeros(gains.NODES)
        self.down: Numbers = np.zeros(gains.NODES)
        self._settle_s = settle_s
        self._block_s = block_s
        self._width_s = block_s or settle_s / PARTS
        #: By number: counts at nodes; or, of blocks, number and sum.
        self._open: dict[int, Numbers] = {}
        self._released = -math.inf

    def add(
        self,
        differences: Numbers,
        weights: Numbers,
        times_s: Numbers,
        withdrawn: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        """Labels have come, or some of them are taken back.

        Parameters
        ----------
        withdrawn
            Which are taken back without another one behind them; ``None``: none.
        """
        taken = np.zeros(len(weights), np.bool_) if withdrawn is None else withdrawn
        if not self._width_s:
            self._late(differences, weights, taken)
            return
        numbers = np.floor(times_s / self._width_s)
        late = numbers <= self._released
        if late.any():
            self._late(differences[late], weights[late], taken[late])
            differences, weights, numbers = differences[~late], weights[~late], numbers[~late]
        found, rows = np.unique(numbers, return_inverse=True)
        if self._block_s:
            sums = (np.bincount(rows, weights, len(found)), np.bincount(rows, differences * weights, len(found)))
            added: Numbers = np.column_stack(sums).astype(float)
        else:
            added = gains.counts(differences, weights, rows, len(found))
        for number, cohort in zip(found.tolist(), added, strict=True):
            before = self._open.get(int(number))
            self._open[int(number)] = cohort.copy() if before is None else before + cohort

    def release(self, time_s: float) -> bool:
        """Count what has had time until now; gives whether there was any."""
        if not self._width_s:
            return True
        due = [number for number in self._open if (number + 1) * self._width_s + self._settle_s <= time_s]
        if len(self._open) - len(due) > OPEN_MAX:
            due = sorted(self._open)[: len(self._open) - OPEN_MAX]
        for number in sorted(due):
            self._count(self._open.pop(number))
            self._released = max(self._released, number)
        return bool(due)

    def _count(self, cohort: Numbers) -> None:
        if self._block_s:
            examples, total = cohort.tolist()
            self.examples += examples
            if examples <= 0:
                return
            nodes = gains.count(np.array([total / examples]))
        else:
            nodes = cohort
            self.examples += float(nodes.sum())
        self.up += nodes
        self.down += nodes

    def _withdraw(self, differences: Numbers) -> None:
        """Labels that have been counted are taken back, each from the side that it spoke for."""
        self.up = self.up - gains.count(differences[differences > 0])
        self.down = self.down - gains.count(differences[differences < 0])
        self.late += len(differences)

    def _late(self, differences: Numbers, weights: Numbers, taken: npt.NDArray[np.bool_]) -> None:
        """What comes after its cohort was counted, or without cohorts."""
        if self._block_s:
            # A block is counted as it was, and one more label hardly changes its mean.
            self.late += float(np.abs(weights).sum())
            return
        if taken.any():
            self._withdraw(differences[taken])
            differences, weights = differences[~taken], weights[~taken]
        if (weights > 0).all():
            nodes = gains.count(differences)
            self.up += nodes
            self.down += nodes
            self.examples += len(weights)
            return
        place = 0
        while place < len(weights):
            corrected = place + 1 < len(weights) and weights[place] < 0 < weights[place + 1]
            end = place + 2 if corrected else place + 1
            nodes = gains.count(differences[place:end], weights[place:end])
            change = float(differences[place:end] @ weights[place:end])
            if weights[place] > 0:
                self.examples += 1
            elif not corrected:
                place = end
                continue
            else:
                self.late += 1
            if weights[place] > 0 or change < 0:
                self.up += nodes
            if weights[place] > 0 or change > 0:
                self.down += nodes
            place = end
