"""What a field was like as long as nothing was wrong with it, and how far one more window is from that.

All comparisons are with the outermost that good windows have shown, not with their mean: real data come in blocks (an
hour of one weather, a day of one airport), so that windows differ by more than chance, and only what exceeds all of
them by a margin, and by more than chance on top, is called wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf, log, log10

from models.summaries import deviation, numbers_in
from schemas.examples import FieldSummary

#: Chance of a count, at the highest share that was normal, below which it is no chance any more.
TAIL = 1e-6

#: Values that a window must have for a judgement.
VALUES_MIN = 30

#: A field of which one bin ever held more than this share is constant now and then by nature.
MODE_MOST = 0.8

#: Powers of ten between units that people mix up.
POWERS = (-6, -3, -2, -1, 1, 2, 3, 6)

#: Decimal orders of magnitude by which a new unit may miss the old range.
ORDERS = 0.15

#: Categories that are remembered as known.
CATEGORIES_MAX = 1000


def beyond_chance(count: int, of: int, share: float) -> bool:
    """Whether so many of ``of`` are less probable than :data:`TAIL` where each is one with this probability.

    By Chernoff's bound, which is never below the binomial tail: ``P(X >= k) <= exp(-n · KL(k/n, p))``.
    """
    found = count / of
    if found <= share:
        return False
    divergence = found * log(found / share)
    if found < 1:
        divergence += (1 - found) * log((1 - found) / (1 - share))
    return of * divergence > -log(TAIL)


@dataclass
class Range:
    """The outermost of some numbers."""

    low: float = inf
    high: float = -inf
    count: int = 0

    def add(self, value: float) -> None:
        """One more."""
        self.low, self.high = min(self.low, value), max(self.high, value)
        self.count += 1

    @property
    def width(self) -> float:
        """From the lowest to the highest; 0 of none."""
        return self.high - self.low if self.count else 0.0

    def holds(self, value: float, margin: float) -> bool:
        """Whether a number lies in it or at most so far beside it."""
        return self.low - margin <= value <= self.high + margin


@dataclass
class Share:
    """How many of the values are of one kind, at most, in a good window."""

    most: float = 0.0
    seen: int = 0
    windows: int = 0

    def add(self, count: int, of: int) -> None:
        """One more window."""
        if of:
            self.most = max(self.most, count / of)
            self.seen += of
            self.windows += 1

    def exceeded(self, count: int, of: int, margin: float, windows_min: int) -> bool:
        """Whether a window has more by a margin, and by more than chance."""
        if of < VALUES_MIN or self.windows < windows_min or count / of < self.most + margin:
            return False
        # What has not been seen in n values has a probability of at most 3/n, at 95 %.
        return beyond_chance(count, of, max(self.most, min(3 / self.seen, 0.5)))


@dataclass
class Normal:
    """What one field was like in good windows.

    Attributes
    ----------
    windows
        How many.
    missing, other
        Shares of values that were missing, and of categories without a bin of their own.
    mode
        The share of values in the fullest bin; counted only where there are bins.
    constant
        Windows in which all values were equal.
    magnitudes
        Decimal logarithms of root mean square, standard deviation and largest absolute value.
    categories
        Those that were seen among the most frequent.
    """

    windows: int = 0
    missing: Share = field(default_factory=Share)
    other: Share = field(default_factory=Share)
    mode: Range = field(default_factory=Range)
    constant: int = 0
    magnitudes: tuple[Range, Range, Range] = field(default_factory=lambda: (Range(), Range(), Range()))
    categories: set[str] = field(default_factory=set)

    def add(self, summary: FieldSummary) -> None:
        """One more good window."""
        self.windows += 1
        self.missing.add(summary.missing, summary.count + summary.missing)
        if summary.count < VALUES_MIN:
            return
        self.constant += is_constant(summary)
        if summary.bins:
            self.mode.add(max(summary.bins) / max(sum(summary.bins), 1))
            if summary.categories:
                self.other.add(summary.bins[-1], sum(summary.bins))
        for known, size in zip(self.magnitudes, magnitudes(summary), strict=False):
            known.add(size)
        if len(self.categories) < CATEGORIES_MAX:
            self.categories.update(summary.categories)

    def forget_bins(self) -> None:
        """The bins are others now."""
        self.other, self.mode = Share(), Range()

    def may_not_be_constant(self, windows_min: int) -> bool:
        """Whether it always varied so much that a window of equal values is no chance."""
        return not self.constant and self.mode.count >= windows_min and self.mode.high <= MODE_MOST

    def power(self, summary: FieldSummary, windows_min: int) -> int | None:
        """By which power of ten the unit has changed; ``None``: it has not, or that can't be told.

        Size, spread and extremes must all have moved by it, and none of them ever by a quarter of it before.
        """
        if summary.minimum is None or self.magnitudes[0].count < windows_min or summary.count < VALUES_MIN:
            return None
        root = (summary.squares / summary.count) ** 0.5
        if root <= 0 or self.magnitudes[0].holds(log10(root), ORDERS):
            return None
        sizes = list(magnitudes(summary))
        if not sizes:
            return None
        for power in POWERS:
            if all(
                known.width < abs(power) / 4 and known.holds(size - power, ORDERS)
                for known, size in zip(self.magnitudes, sizes, strict=True)
            ):
                return power
        return None


def is_constant(summary: FieldSummary) -> bool:
    """Whether all values are equal."""
    if summary.categories:
        return len(summary.categories) == 1 and summary.categories.get(next(iter(summary.categories))) == summary.count
    return summary.count > 0 and summary.minimum == summary.maximum


def magnitudes(summary: FieldSummary) -> Iterator[float]:
    """Decimal logarithms of root mean square, standard deviation and largest absolute value, of numbers that vary."""
    spread = deviation(summary)
    if summary.minimum is None or summary.maximum is None or summary.minimum == summary.maximum or not spread:
        return
    # A deviation that is lost in rounding says nothing.
    root = (summary.squares / numbers_in(summary)) ** 0.5
    if spread > root * 1e-6:
        yield from (log10(root), log10(spread), log10(max(abs(summary.minimum), abs(summary.maximum))))
