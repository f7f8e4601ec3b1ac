"""Feeds that are broken: what the world does not do by itself."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from models.bets import Floats
from models.detectors import Flags
from schemas.drift import Moved
from schemas.examples import FieldSummary

#: Windows that are remembered.
WINDOWS_MAX = 128

#: The share of missing values has risen by so much.
MISSING = 0.2

#: The largest value of a window is so many times what it was, or that fraction.
UNIT = 20.0

#: Windows without variation in a row, where there was some in nearly all windows before. Those that ended early count
#: for the part of a usual one that they are.
STUCK = 2
VARIED = 0.95

#: So many values are of a category that was rare before.
UNKNOWN, RARE = 0.5, 0.1

#: So many events are duplicates, or rejected.
BAD = 0.05


class Levels:
    """How large the values of each feature were in the last windows, and whether they varied.

    Parameters
    ----------
    names
        Of the features.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = {name: at for at, name in enumerate(names)}
        self._windows: deque[tuple[float, int, Floats, Flags]] = deque(maxlen=WINDOWS_MAX)

    def take(self, until_s: float, fields: dict[str, FieldSummary]) -> None:
        """The summaries of one window, and event time of its last value in seconds."""
        events = max((field.count + field.missing for field in fields.values()), default=0)
        scale = np.full(len(self._names), np.nan)
        stuck = np.zeros(len(self._names), np.bool_)
        for name, at in self._names.items():
            field = fields.get(name)
            if field is None or not field.count:
                continue
            if field.minimum is not None and field.maximum is not None:
                scale[at] = max(abs(field.minimum), abs(field.maximum))
                stuck[at] = field.minimum == field.maximum
            else:
                stuck[at] = field.count in field.bins
        self._windows.append((until_s, events, scale, stuck))

    def faults(self, feature: str, since_s: float) -> list[str]:
        """What is wrong with a feature since an event time, in words."""
        at = self._names[feature]
        windows = [(until_s, events, scale[at], stuck[at]) for until_s, events, scale, stuck in self._windows]
        before = [window[1:] for window in windows if window[0] < since_s]
        after = [window[1:] for window in windows if window[0] >= since_s]
        if not before or not after:
            return []
        varied = 1.0 - sum(bool(stuck) for _, _, stuck in before) / len(before)
        usual = _middle([float(events) for events, _, _ in before])
        # The first window after may have begun before.
        enough = len(after) > 1 and sum(events for events, _, _ in after[1:]) >= STUCK * usual
        if enough and all(stuck for _, _, stuck in after[1:]) and varied >= VARIED:
            return [f"{feature} no longer varies"]
        was, now = (_middle([float(scale) for _, scale, _ in side]) for side in (before, after))
        if was > 0 and now > 0 and not 1 / UNIT < now / was < UNIT:
            return [f"{feature} is {now / was:.3g} times what it was: is its unit another?"]
        return []


def _middle(values: list[float]) -> float:
    known = [value for value in values if value == value]
    return float(np.median(known)) if known else 0.0


def faults(moved: Sequence[Moved], levels: Levels, categories: frozenset[str], since_s: float) -> list[str]:
    """What is wrong with the feed, in words; none if nothing.

    Parameters
    ----------
    moved
        Features that moved; the first bin of each is missing values.
    levels, since_s
        How large they were, and from when on they moved.
    categories
        Which of them are categories; their last bin that holds something is all those that are rare.
    """
    found = []
    for one in moved:
        if not one.alarmed or one.stream.startswith("score:"):
            continue
        if one.stream in ("duplicates", "rejects"):
            if one.after[1] >= BAD:
                found.append(f"{one.after[1]:.0%} of the events are {one.stream}")
        elif one.after[0] - one.before[0] >= MISSING:
            found.append(f"{one.stream} is missing in {one.after[0]:.0%} of the events")
        elif one.stream in categories and (last := _last(one)) and one.after[last] >= UNKNOWN > RARE > one.before[last]:
            found.append(f"{one.after[last]:.0%} of {one.stream} are categories that were rare")
        else:
            found += levels.faults(one.stream, since_s)
    return found


def _last(moved: Moved) -> int:
    return max((at for at, share in enumerate(moved.after) if share or moved.before[at]), default=0)
