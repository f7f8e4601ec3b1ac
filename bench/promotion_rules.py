"""What others do: rules that compare two numbers, on the same lives."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from bench.promotion_worlds import NATS, Life

#: Labels between two looks, and labels in a window.
EVERY = 500
WINDOW = 2000

#: Nats that a challenger must be better by in the window.
BETTER_BY = 0.005

#: Of the t-test at each look.
LEVEL = 0.05


def window_threshold(one: Life) -> bool:
    """Whether any challenger ever has a lower mean loss over the last labels, by a margin."""
    champion, *challengers = one.losses()
    order = one.arrived
    for lost in challengers:
        sums = np.concatenate(((0.0,), np.cumsum((champion - lost)[order] * NATS)))
        ends = np.arange(WINDOW, len(order) + 1, EVERY)
        if ((sums[ends] - sums[ends - WINDOW]) / WINDOW > BETTER_BY).any():
            return True
    return False


def t_test_at_each_look(one: Life) -> bool:
    """Whether any challenger is ever better at a level of 5 %, one-sided, on all labels so far."""
    champion, *challengers = one.losses()
    order = one.arrived
    target = NormalDist().inv_cdf(1 - LEVEL)
    for lost in challengers:
        gains = (champion - lost)[order]
        ends = np.arange(WINDOW, len(order) + 1, EVERY)
        sums, squares = np.cumsum(gains)[ends - 1], np.cumsum(gains**2)[ends - 1]
        means = sums / ends
        errors = np.sqrt(np.maximum(squares / ends - means**2, 1e-12) / ends)
        if (means / errors > target).any():
            return True
    return False


def fixed_sample(gain: float, spread: float, level: float, power: float = 0.8) -> float:
    """Labels that a test needs which looks once and knows the gain beforehand."""
    normal = NormalDist()
    return ((normal.inv_cdf(1 - level) + normal.inv_cdf(power)) * spread / gain) ** 2
