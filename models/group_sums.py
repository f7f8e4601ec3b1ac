"""Sums of losses for each value of each group: over all labels, over the last, and by cohort."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from models.tails import Numbers, Places, Tail, add_rows


class GroupSums:
    """The sums of one model by group.

    Parameters
    ----------
    width
        Numbers in a row of sums.
    sizes
        Rows for the values of each group.
    window
        Labels in the sums over the last ones, of all values together.
    cohorts
        Rows for cohorts; one more takes what belongs to none. 0: windows of event time are not asked for.
    """

    def __init__(self, width: int, sizes: Sequence[int], window: int, cohorts: int) -> None:
        self._width = width
        self._sizes = list(sizes)
        self.total: list[Numbers] = [np.zeros((size, width)) for size in sizes]
        self._tail = Tail(window if sizes else 0, width + len(sizes))
        self._cohorts: list[Numbers] = [np.zeros(((cohorts + 1) * size, width)) for size in sizes] if cohorts else []

    def add(self, rows: Numbers, come: Any, cohorts: Places, groups: Sequence[Places]) -> None:
        """Add rows of sums, one for each label.

        Parameters
        ----------
        come
            Which of them are no labels that are taken back.
        cohorts, groups
            The row of the cohort, and of each group's value, that each label belongs to.
        """
        if not self._sizes:
            return
        for table, places in zip(self.total, groups, strict=True):
            add_rows(table, places, rows)
        for table, places, size in zip(self._cohorts, groups, self._sizes, strict=False):
            add_rows(table, cohorts * size + places, rows)
        self._tail.add(np.column_stack((rows, *groups))[come])

    def last(self, group: int) -> Numbers:
        """The sums over the last labels, a row for each value."""
        rows = self._tail.rows
        found: Numbers = np.zeros((self._sizes[group], self._width))
        add_rows(found, rows[:, self._width + group].astype(np.intp), rows[:, : self._width])
        return found

    def window(self, group: int, cohorts: Places) -> Numbers:
        """The sums over these cohorts, a row for each value."""
        found: Numbers = self._by_cohort(group)[cohorts].sum(axis=0)
        return found

    def clear(self, cohorts: Places) -> None:
        """These cohorts are over; others take their rows."""
        for group in range(len(self._cohorts)):
            self._by_cohort(group)[cohorts] = 0.0

    def _by_cohort(self, group: int) -> Numbers:
        return self._cohorts[group].reshape(-1, self._sizes[group], self._width)

    def __getstate__(self) -> dict[str, Any]:
        used = [np.flatnonzero(table.any(axis=1)) for table in self._cohorts]
        sparse = [(table.shape, rows, table[rows]) for table, rows in zip(self._cohorts, used, strict=True)]
        return vars(self) | {"_cohorts": sparse}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._cohorts = []
        for shape, used, rows in state["_cohorts"]:
            table: Numbers = np.zeros(shape)
            table[used] = rows
            self._cohorts.append(table)
