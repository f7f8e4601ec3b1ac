"""The values of declared groups, and what became of their labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from models.tails import Numbers, Places, Tail, add_rows
from schemas.values import FeatureValue

#: Values of a group with metrics of their own: the first that come. All others are counted together.
GROUP_VALUES_MAX = 24


class Groups:
    """The groups of a pipeline.

    Parameters
    ----------
    names
        Features whose values are groups.
    window
        Labels whose delays are kept.
    """

    def __init__(self, names: Sequence[str], window: int) -> None:
        self.names = tuple(names)
        self._codes: list[dict[tuple[type, FeatureValue], int]] = [{} for _ in self.names]
        self._counts: list[Numbers] = [np.zeros((size, 3)) for size in self.sizes]
        self._delays = Tail(window, 1 + len(self.names))

    @property
    def sizes(self) -> list[int]:
        """Rows that the values of each group need; the last is that of all other values."""
        return [GROUP_VALUES_MAX + 1] * len(self.names)

    def rows(self, features: Sequence[dict[str, FeatureValue]]) -> list[Places]:
        """For each group, the row of each event's value."""
        return [
            _rows(codes, [of.get(name) for of in features]) for name, codes in zip(self.names, self._codes, strict=True)
        ]

    def outcomes(self, rows: Sequence[Places], known: Numbers, expired: Numbers, unavailable: Numbers) -> None:
        """Outcomes have come; -1 takes one back."""
        for table, places in zip(self._counts, rows, strict=True):
            add_rows(table, places, np.column_stack((known, expired, unavailable)))

    def delayed(self, rows: Sequence[Places], delays: Numbers, outcomes: Places) -> None:
        """Labels have come so many seconds after their events."""
        self._delays.add(np.column_stack((delays, *(places[outcomes] for places in rows))))

    @property
    def delays(self) -> Numbers:
        """Seconds from event to label, of the last labels."""
        return self._delays.rows[:, 0]

    def delays_of(self, group: int, row: int) -> Numbers:
        """The same of one value."""
        rows = self._delays.rows
        delays: Numbers = rows[rows[:, 1 + group] == row, 0]
        return delays

    def counts(self, group: int, row: int) -> tuple[int, int, int]:
        """Known, expired and unavailable labels of one value."""
        known, expired, unavailable = self._counts[group][row].tolist()
        return round(known), round(expired), round(unavailable)

    def values(self, group: int) -> list[tuple[int, FeatureValue, bool]]:
        """Row, value, and whether it stands for all others, of everything that has come."""
        found = [(row, value, False) for (_, value), row in self._codes[group].items()]
        others = self._counts[group][GROUP_VALUES_MAX].any()
        return [*found, *([(GROUP_VALUES_MAX, None, True)] if others else [])]


def _rows(codes: dict[tuple[type, FeatureValue], int], values: Sequence[FeatureValue]) -> Places:
    """The row of each value; new values get rows of their own while there are some."""
    # With their types, since True, 1 and 1.0 are equal and yet three values.
    kinds = set(map(type, values))
    if len(kinds) == 1:
        # The usual case, in two thirds of the time.
        (kind,) = kinds
        _admit(codes, ((kind, value) for value in dict.fromkeys(values)))
        of_kind = {value: row for (its, value), row in codes.items() if its is kind}
        return np.array([of_kind.get(value, GROUP_VALUES_MAX) for value in values], np.intp)
    keys: list[tuple[type, FeatureValue]] = list(zip(map(type, values), values, strict=True))
    _admit(codes, dict.fromkeys(keys))
    return np.array([codes.get(key, GROUP_VALUES_MAX) for key in keys], np.intp)


def _admit(codes: dict[tuple[type, FeatureValue], int], keys: Iterable[tuple[type, FeatureValue]]) -> None:
    for key in keys:
        if key not in codes and len(codes) < GROUP_VALUES_MAX:
            codes[key] = len(codes)


def quantile(values: Numbers, share: float) -> float | None:
    """The value below which this share of the values lies (nearest rank)."""
    if not len(values):
        return None
    place = min(int(share * len(values)), len(values) - 1)
    return float(np.partition(values, place)[place])
