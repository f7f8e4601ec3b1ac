"""How good probabilities were: log loss, area under the ROC curve, calibration, and paired differences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headrace.demo.compared import CLIP

Column = npt.NDArray[np.float64]
Rows = npt.NDArray[np.bool_]

#: Bins of equal size in which said and seen shares are compared.
BINS = 10

DAY_S = 86_400.0


@dataclass(frozen=True)
class Quality:
    """How good the probabilities of some flights were.

    Parameters
    ----------
    log_loss
        Of probabilities clipped to 0.01 and 0.99: the prior is certain of itself at first.
    auc
        Chance that a late flight has a higher probability than one in time, ties counting half; ``None``: there is one
        kind of flights only.
    calibration_error
        Mean distance between said and seen shares, over ten bins of equally many flights.
    said, seen
        Mean probability, and share of late flights.
    """

    flights: int
    log_loss: float
    auc: float | None
    calibration_error: float
    said: float
    seen: float


def losses(scores: Column, labels: Column) -> Column:
    """The clipped log loss of each flight; NaN where there is no score or no label."""
    clipped = np.clip(scores, CLIP, 1 - CLIP)
    lost: Column = -np.log(np.where(labels > 0, clipped, 1 - clipped))
    return np.where(np.isnan(labels) | np.isnan(scores), np.nan, lost)


def quality(scores: Column, labels: Column) -> Quality | None:
    """Everything at once; ``None`` of no flights. Every flight has a score and a label."""
    if not len(scores):
        return None
    return Quality(
        flights=len(scores),
        log_loss=float(losses(scores, labels).mean()),
        auc=area(scores, labels),
        calibration_error=calibration_error(scores, labels),
        said=float(scores.mean()),
        seen=float(labels.mean()),
    )


def area(scores: Column, labels: Column) -> float | None:
    """The area under the ROC curve, exactly, from ranks: Mann and Whitney's U.

    Source
    ------
    Hanley and McNeil, *The meaning and use of the area under a ROC curve*, Radiology 143 (1982).
    """
    late = labels > 0
    ones, zeros = int(late.sum()), int((~late).sum())
    if not ones or not zeros:
        return None
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    # Equal scores share the mean of their ranks.
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return float((ranks[late].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def calibration_error(scores: Column, labels: Column) -> float:
    """Mean distance between said and seen shares, over bins of equally many flights."""
    order = np.argsort(scores, kind="stable")
    parts = zip(np.array_split(scores[order], BINS), np.array_split(labels[order], BINS), strict=True)
    return float(sum(abs(said.sum() - seen.sum()) for said, seen in parts) / len(scores))


@dataclass(frozen=True)
class Difference:
    """What one lost more than another on the same flights.

    Parameters
    ----------
    mean
        Above zero: the second one lost less.
    standard_error
        With the flights of a day as one observation, for they share its weather; ``None``: fewer than two days.
    """

    flights: int
    mean: float
    standard_error: float | None


def difference(one: Column, other: Column, times_s: Column) -> Difference | None:
    """The mean of ``one - other`` where both have a loss; ``None`` of no flights."""
    both = ~np.isnan(one) & ~np.isnan(other)
    count = int(both.sum())
    if not count:
        return None
    gaps = (one - other)[both]
    mean = float(gaps.mean())
    _, days = np.unique(np.floor(times_s[both] / DAY_S), return_inverse=True)
    sums = np.bincount(days, gaps - mean)
    # The variance of a mean of clusters, with the correction for how few they are.
    error = float(np.sqrt((sums**2).sum() * len(sums) / (len(sums) - 1)) / count) if len(sums) > 1 else None
    return Difference(count, mean, error)
