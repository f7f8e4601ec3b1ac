"""The counts of a stream over time: short segments for what is new, longer ones for what is old.

Segments are as long as a window first. As soon as there are more than :data:`EQUALS` of one length, the two oldest of
them become one, so that their number grows with the logarithm of the time, and a change that lies ``n`` events back is
found to within about ``n / EQUALS``.

Source: the exponential histogram of Datar, Gionis, Indyk and Motwani (2002), in which ADWIN keeps its window, too.
"""

from __future__ import annotations

import numpy as np

from models.bets import Counts, Floats

#: Segments of one length.
EQUALS = 8

#: Segments in all; the oldest become one.
SEGMENTS_MAX = 96

#: Values on either side of a change for which it is looked.
SIDE_MIN = 32


def chance(before: Counts, after: Counts) -> Floats:
    """How far beyond chance two tables of counts differ, by row, in standard normal units.

    Pearson's chi-square on the two rows, brought to a normal value by Wilson and Hilferty's cube root (1931). Where a
    row of one of them is empty, minus infinity.
    """
    both = before + after
    sizes = before.sum(axis=-1, keepdims=True), after.sum(axis=-1, keepdims=True)
    share = both / np.maximum(sizes[0] + sizes[1], 1)
    found = np.zeros(both.shape[:-1])
    for counts, size in zip((before, after), sizes, strict=True):
        expected = share * size
        found += ((counts - expected) ** 2 / np.where(expected > 0, expected, 1.0)).sum(axis=-1)
    freedom = np.maximum((both > 0).sum(axis=-1) - 1, 1)
    spread = 2.0 / (9.0 * freedom)
    normal: Floats = (np.cbrt(found / freedom) - (1.0 - spread)) / np.sqrt(spread)
    enough = np.minimum(sizes[0], sizes[1])[..., 0] > 0
    return np.where(enough, normal, -np.inf)


def distance(before: Counts, after: Counts) -> Floats:
    """Total variation between two tables of counts, by row."""
    one = before / np.maximum(before.sum(axis=-1, keepdims=True), 1)
    other = after / np.maximum(after.sum(axis=-1, keepdims=True), 1)
    half: Floats = np.abs(one - other).sum(axis=-1) / 2
    return half


def shift(before: Counts, after: Counts) -> Floats:
    """Chance that a value after is in a higher bin than one before, less that it is in a lower one, by row."""
    one = before / np.maximum(before.sum(axis=-1, keepdims=True), 1)
    other = after / np.maximum(after.sum(axis=-1, keepdims=True), 1)
    lower = np.cumsum(one, axis=-1) - one
    upper = 1.0 - lower - one
    up: Floats = (other * (lower - upper)).sum(axis=-1)
    return np.where((before.sum(axis=-1) > 0) & (after.sum(axis=-1) > 0), up, 0.0)


class Segments:
    """Counts ``[stream, bin]`` of consecutive stretches of the log."""

    def __init__(self) -> None:
        #: Windows in it, event time of the first of them in seconds, counts; the oldest first.
        self._parts: list[tuple[int, float, Counts]] = []

    def add(self, time_s: float, counts: Counts) -> None:
        """A new window whose values are from ``time_s`` on."""
        self._parts.append((1, time_s, counts.copy()))
        length = 1
        while sum(part[0] == length for part in self._parts) > EQUALS:
            self._merge(next(at for at, part in enumerate(self._parts) if part[0] == length))
            length *= 2
        if len(self._parts) > SEGMENTS_MAX:
            self._merge(0)

    def _merge(self, at: int) -> None:
        (windows, time_s, counts), (more, _, new) = self._parts[at : at + 2]
        self._parts[at : at + 2] = [(windows + more, time_s, counts + new)]

    def change(self, stream: int) -> float | None:
        """Event time from which a stream differs most from what was before; ``None`` while there is too little."""
        if len(self._parts) < 2:
            return None
        rows = np.stack([counts[stream] for _, _, counts in self._parts])
        after = np.cumsum(rows[::-1], axis=0)[::-1][1:]
        before = np.cumsum(rows, axis=0)[:-1]
        enough = np.minimum(before.sum(axis=1), after.sum(axis=1)) >= SIDE_MIN
        differing = np.where(enough, chance(before, after), -np.inf)
        best = int(differing.argmax())
        return self._parts[best + 1][1] if np.isfinite(differing[best]) else None

    def sides(self, time_s: float) -> tuple[Counts, Counts]:
        """Counts before and from an event time on."""
        parts = self._parts
        zero = np.zeros_like(parts[0][2])
        before = sum((counts for _, start, counts in parts if start < time_s), zero)
        after = sum((counts for _, start, counts in parts if start >= time_s), zero)
        return before, after

    def recent(self, values: int) -> Counts:
        """Counts of at least the last so many values of the longest stream, if there are as many."""
        total = np.zeros_like(self._parts[0][2])
        for _, _, counts in reversed(self._parts):
            total = total + counts
            if total.sum(axis=1).max() >= values:
                break
        return total

    def forget(self, streams: Counts, before_s: float) -> None:
        """What these streams were before an event time is no longer looked at."""
        for _, start, counts in self._parts:
            if start < before_s:
                counts[streams] = 0

    def drop(self, before_s: float) -> None:
        """What began before an event time is no longer kept, but for the newest."""
        if self._parts and self._parts[0][1] < before_s:
            self._parts = [part for part in self._parts[:-1] if part[1] >= before_s] + self._parts[-1:]

    def __len__(self) -> int:
        return len(self._parts)
