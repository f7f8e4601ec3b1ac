"""How good a model should be where no label has come: a guess from its scores, calibrated on the last labels.

If among events with a score near 0.7 the last labels were true in 65 of 100 cases, an unlabelled event with such a
score is taken to be true with probability 0.65, and to bring the loss that those had; accuracy and log loss are then
expectations. That is right only while what labels follow from a score has not changed: a concept drift makes it wrong,
and it cannot see one.

Source
------
The idea is confidence-based performance estimation: Białek, Kivimäki, Kuberski and Perrakis, *Estimating Model
Performance Under Covariate Shift Without Labels* (2024). Calibration is isotonic regression by pooling adjacent
violators: Ayer, Brunk, Ewing, Reid and Silverman (1955).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.losses import LEAST, MOST
from models.pipeline import Problem
from models.tails import Numbers

#: Labels that a calibration needs.
LABELS_MIN = 200

#: The least score that is answered with true.
_TRUE_FROM = np.nextafter(0.5, 1.0)

#: Bins of the scores before neighbours are pooled: with the fewest labels, ten in each.
_BINS = 20


def isotonic(rates: Numbers, weights: Numbers) -> Numbers:
    """The nearest rates that never fall.

    Parameters
    ----------
    rates, weights
        The rate in each bin of rising scores, and the labels it is from.
    """
    pools: list[tuple[float, float, int]] = []
    for rate, weight in zip(rates.tolist(), weights.tolist(), strict=True):
        pool = (rate, weight, 1)
        while pools and pools[-1][0] >= pool[0]:
            mean, total, bins = pools.pop()
            together = total + pool[1]
            pooled = (mean * total + pool[0] * pool[1]) / together if together else pool[0]
            pool = (pooled, together, bins + pool[2])
        pools.append(pool)
    return np.concatenate([np.full(bins, rate) for rate, _, bins in pools])


def calibrate(scores: Numbers, values: Numbers, edges: Numbers, *, rising: bool) -> Numbers:
    """The mean of what labels brought, in each bin of scores.

    Parameters
    ----------
    scores, values
        Of the last labels: whether they were true, or their losses.
    edges
        Inner edges of the bins, rising: one bin more than edges.
    rising
        The means are pooled so that they never fall.

    Returns
    -------
    One mean for each bin. A bin without labels takes that of its nearest neighbour below, or above.
    """
    bins = np.searchsorted(edges, scores, side="right")
    counts = np.bincount(bins, minlength=len(edges) + 1).astype(float)
    used = np.flatnonzero(counts)
    means = np.bincount(bins, values, minlength=len(counts))[used] / counts[used]
    if rising:
        means = isotonic(means, counts[used])
    nearest = np.maximum(np.searchsorted(used, np.arange(len(counts)), side="right") - 1, 0)
    found: Numbers = means[nearest]
    return found


def _expected(problem: Problem, labelled: Numbers, edges: Numbers, sides: Numbers, counts: Numbers) -> dict[str, float]:
    """The expected metrics of so many events in each bin; ``sides``: the share of each that is answered with true."""
    scores, truths = labelled[:, 0], labelled[:, 1]
    rates = calibrate(scores, truths, edges, rising=True)
    total = counts.sum()
    if problem == "multiclass":
        return {"Accuracy": float((counts * rates).sum() / total)}
    right = sides * rates + (1 - sides) * (1 - rates)
    # Within a bin, sure scores and those less sure fare differently; the losses that they had tell it all.
    clamped = np.clip(scores, LEAST, MOST)
    losses = calibrate(scores, -np.log(np.where(truths > 0, clamped, 1 - clamped)), edges, rising=False)
    return {"LogLoss": float((counts * losses).sum() / total), "Accuracy": float((counts * right).sum() / total)}


def estimate(problem: Problem, labelled: Numbers, unlabelled: Numbers) -> dict[str, float]:
    """The expected metrics on events without a label.

    Parameters
    ----------
    labelled
        Score and truth of the last labels; shape (labels, 2).
    unlabelled
        Scores of the others.

    Returns
    -------
    Metric to value; empty where there are too few labels, no scores, or the problem is regression.
    """
    if problem == "regression" or len(labelled) < LABELS_MIN or not len(unlabelled):
        return {}
    # An edge where the answer changes, so that each bin has one.
    edges = np.unique([*np.quantile(labelled[:, 0], np.arange(1, _BINS) / _BINS), _TRUE_FROM])
    counts = np.bincount(np.searchsorted(edges, unlabelled, side="right"), minlength=len(edges) + 1)
    return _expected(problem, labelled, edges, _sides(edges), counts.astype(float))


def estimate_binned(
    problem: Problem, labelled: Numbers, edges: Sequence[float], counts: Sequence[int]
) -> dict[str, float]:
    """The same from counts of scores in bins, as profiles have them.

    Parameters
    ----------
    edges, counts
        Inner edges of the bins, rising, and events in each: one more than edges.
    """
    if problem == "regression" or len(labelled) < LABELS_MIN or sum(counts) == 0 or len(counts) != len(edges) + 1:
        return {}
    inner = np.array(edges, float)
    return _expected(problem, labelled, inner, _sides(inner), np.array(counts, float))


def _sides(edges: Numbers) -> Numbers:
    """1 for each bin above one half, 0 for each below; a score of exactly one half is answered with false."""
    sides: Numbers = np.concatenate(([0.0], (edges >= 0.5).astype(float)))
    return sides
