"""Where a mean lies, at all times at once: confidence sequences for means of bounded values.

For values in 0 .. 1 and guesses of them made beforehand, ``exp(rate * S - psi(rate) * V)`` with ``psi(rate) =
-log(1 - rate) - rate`` is a supermartingale for every rate in 0 .. 1, where ``S`` is the sum of the values minus their
conditional means and ``V`` the sum of the squared errors of the guesses. A mixture over rates is one too, and by
Ville's inequality it exceeds ``2 / alpha`` with probability ``alpha / 2`` at most, ever; so it is on the other side.
Nothing is assumed but the bounds: values may depend on one another and change with time, and the mean that is
covered is that of their conditional means.

Source
------
Howard, Ramdas, McAuliffe and Sekhon, *Time-uniform, nonparametric, nonasymptotic confidence sequences*, Annals of
Statistics 49 (2021), theorem 4 (empirical Bernstein); the mixture is a discrete one (their section 3.5).
"""

from __future__ import annotations

import math

import numpy as np

from models.tails import Numbers

#: Chance of an interval that is ever wrong.
ALPHA = 0.05

#: The mixture. The best rate for a variance V is near sqrt(2 log(2 / alpha) / V): these serve up to V = 10 million.
RATES = [0.8 * 0.5**place for place in range(11)]

#: Each rate with its psi. Eleven numbers are faster in plain Python than in numpy.
_COSTS = [(rate, -math.log1p(-rate) - rate) for rate in RATES]
_COLUMNS = np.array(_COSTS).T
_TARGET = math.log(2 / ALPHA) + math.log(len(RATES))

#: Newton's steps from above. Any number of them leaves the bound valid.
_STEPS = 4


def reach(deviation: float) -> float:
    """How far a sum may be from its expectation.

    Parameters
    ----------
    deviation
        ``V``: squared errors of the guesses, of values in 0 .. 1.

    Returns
    -------
    A bound that each side crosses, ever, with probability ``ALPHA / 2`` at most.
    """
    # Every rate alone gives a bound; the least of them is where the mixture is at its target or above.
    bound = min((_TARGET + cost * deviation) / rate for rate, cost in _COSTS)
    for _ in range(_STEPS):
        total = slope = 0.0
        for rate, cost in _COSTS:
            weight = math.exp(rate * bound - cost * deviation - _TARGET)
            total += weight
            slope += weight * rate
        # The logarithm of the mixture is convex and rises, so that a step from above never gets below its target.
        bound -= math.log(total) * total / slope
    return bound


def reaches(deviations: Numbers) -> Numbers:
    """:func:`reach` of each of many, at once."""
    rates, costs = _COLUMNS
    bounds: Numbers = ((_TARGET + deviations[:, None] * costs) / rates).min(axis=1)
    for _ in range(_STEPS):
        weights = np.exp(bounds[:, None] * rates - deviations[:, None] * costs - _TARGET)
        total = weights.sum(axis=1)
        bounds -= np.log(total) * total / (weights @ rates)
    return bounds


def around(count: float, total: float, deviation: float) -> tuple[float, float]:
    """The interval of a mean of values in 0 .. 1.

    Parameters
    ----------
    count, total, deviation
        Number of values, their sum, and the sum of the squared errors of the guesses.
    """
    mean, far = total / count, reach(deviation) / count
    return max(0.0, mean - far), min(1.0, mean + far)


def deviations(values: Numbers, weights: Numbers, count: float, total: float) -> Numbers:
    """The squared error of the guess of each value: of the mean of those before it.

    Parameters
    ----------
    values
        In 0 .. 1, one after the other.
    weights
        1 for a value that came, 0 for one that is none, -1 for one that is taken back. One that is taken back counts
        with 1, the largest error that the guess of what takes its place can have had; so the interval stays valid.
    count, total
        Number and sum of all values before.
    """
    counts = np.cumsum(np.concatenate(((count,), weights)))[:-1]
    totals = np.cumsum(np.concatenate(((total,), weights * values)))[:-1]
    # Half a value of one half beforehand, so that there is a guess of the first one.
    guesses = np.clip((totals + 0.5) / (np.maximum(counts, 0.0) + 1.0), 0.0, 1.0)
    return np.where(weights < 0, 1.0, weights * (values - guesses) ** 2)
