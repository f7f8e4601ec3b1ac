"""Whether a gain holds over time: the labels of a trial in equal parts, one after the other, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from models.intervals import around
from models.tails import Numbers
from schemas.promotions import Guard

#: Parts at most: when one more would begin, neighbours are put together.
PARTS_MAX = 16

#: Labels of a part at the beginning.
PART_LABELS = 64

#: With fewer whole parts there is nothing to compare.
PARTS_MIN = 4


class Stability:
    """Count, sum and sum of squares of the differences in each part of a trial, in the order in which labels came."""

    def __init__(self) -> None:
        self._sums: Numbers = np.zeros((PARTS_MAX, 3))
        self._labels = PART_LABELS
        self._seen = 0

    def add(self, differences: Numbers, weights: Numbers) -> None:
        """Labels have come, or some are taken back.

        Parameters
        ----------
        differences
            Loss of the champion minus that of the challenger, in -1 .. 1.
        weights
            1 for a label that has come, -1 for one that is taken back.
        """
        # One that is taken back goes to the part of its time: which it was in is not known any more.
        places = np.maximum(self._seen + np.cumsum(weights > 0) - 1, 0)
        self._seen += int((weights > 0).sum())
        while len(places) and places[-1] // self._labels >= PARTS_MAX:
            half = PARTS_MAX // 2
            self._sums = np.concatenate((self._sums[::2] + self._sums[1::2], np.zeros((half, 3))))
            self._labels *= 2
        squares = np.where(weights < 0, 1.0, differences**2)
        np.add.at(self._sums, places // self._labels, np.column_stack((weights, weights * differences, squares)))

    def judge(self, share: float, unit: float) -> Iterator[Guard]:
        """What is found, once there are enough whole parts.

        Parameters
        ----------
        share
            Of the parts, in which the challenger must not be shown to be worse.
        unit
            The loss that a difference of one is.
        """
        whole = self._sums[: self._seen // self._labels]
        whole = whole[whole[:, 0] > 0]
        if len(whole) < PARTS_MIN:
            return
        # The guess of each difference is 0: brought to 0 .. 1, a quarter of its square.
        highs = [around(count, (total + count) / 2, squares / 4)[1] for count, total, squares in whole.tolist()]
        held = sum(high >= 0.5 for high in highs) / len(whole)
        examples = round(float(whole[:, 0].sum()))
        yield Guard(name="stability", about="parts", passed=held >= share, value=held, bound=share, examples=examples)
        rest = np.delete(whole, int((whole[:, 1] / whole[:, 0]).argmax()), axis=0)
        gain = float(rest[:, 1].sum() / rest[:, 0].sum()) * unit
        examples = round(float(rest[:, 0].sum()))
        about = "without its best part"
        yield Guard(name="stability", about=about, passed=gain >= 0, value=gain, bound=0.0, examples=examples)
