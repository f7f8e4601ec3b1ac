"""Evidence on the gain of a challenger: a betting e-process on paired loss differences, and its confidence sequence.

Let ``d`` be the loss of the champion minus that of the challenger on one example, both clipped and brought to 0 .. 1,
so that ``d`` lies in -1 .. 1. Whoever bets a constant share ``b`` of a purse of one on ``d`` being above ``m`` has
``prod(1 + b (d - m) / (1 + m))`` after some examples. With ``g`` the mean of ``d`` given all that came before it,
``1 + x <= exp(x)`` makes ``prod(1 + b (d - m) / (1 + m)) * exp(-b sum(g - m) / (1 + m))`` a supermartingale that begins
at one. So as long as

    H(m): the running average of the conditional means ``g`` is at most ``m``

the purse stays below a supermartingale, and by Ville's inequality it reaches ``1 / rate``, ever, with probability
``rate`` at most, however often one looks. The same holds for a mixture over shares that are fixed beforehand.

Assumptions
-----------
Losses are bounded, and what is said was said before the label. Nothing else: examples may depend on one another, and
the world may change. It is the *average up to now* that is judged, not a rate of some unchanging world: a challenger
that was worse for a month and is better since a day is not better on average. Bets that adapt to the examples would be
faster at times, but their purse weighs examples unequally, and they test that *no* conditional mean exceeds ``m``; a
model that is now better and now worse would break that without being better.

A purse is a product over examples, so that counts of ``d`` in cells hold all of it, for every ``m`` and every share. A
``d`` between two cells is split between them: the logarithm is concave, so a purse of cells is never larger than that
of the examples, and with 512 cells smaller by less than one part in 100,000 per example.

Source
------
Howard, Ramdas, McAuliffe and Sekhon, *Time-uniform, nonparametric, nonasymptotic confidence sequences*, Annals of
Statistics 49 (2021), for running averages of conditional means; Waudby-Smith and Ramdas, *Estimating means of bounded
random variables by betting*, JRSS B 86 (2024), for the purse and its inversion into a confidence sequence.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from models.tails import Numbers, Places

#: Cells that -1 .. 1 is cut into; differences are counted at the nodes between them.
CELLS = 512
NODES = CELLS + 1

#: Shares of the purse that are bet, and what part of it each begins with: small gains need small shares, and longer.
SHARES: Numbers = 0.98 * 0.5 ** np.arange(10.0)
_PARTS: Numbers = 1 / np.arange(2.0, 12.0)
_LOG_PARTS: Numbers = np.log(_PARTS / _PARTS.sum())

#: Parts of an example that the nodes count in. Sums of such parts are exact, in whatever order.
_GRAIN = 2.0**20

_NODE: Numbers = np.arange(NODES) / (CELLS / 2) - 1.0

#: Halvings until a bound of the mean is known to one part in a million.
_HALVINGS = 20


def count(differences: Numbers, weights: Numbers | None = None) -> Numbers:
    """How many examples there are at each node.

    Parameters
    ----------
    differences
        In -1 .. 1.
    weights
        1 for each that is added, -1 for one that is taken back; none: all are added.

    Returns
    -------
    Shape ``(NODES,)``
    """
    nodes: Numbers = counts(differences, weights, np.zeros(len(differences), np.intp), 1)[0]
    return nodes


def counts(differences: Numbers, weights: Numbers | None, rows: Places, size: int) -> Numbers:
    """The same of several sets at once.

    Parameters
    ----------
    rows, size
        Which set each example belongs to, and how many sets there are.

    Returns
    -------
    Shape ``(size, NODES)``
    """
    places = (np.clip(differences, -1.0, 1.0) + 1.0) * (CELLS / 2)
    below = np.minimum(places.astype(np.intp), CELLS - 1)
    above = np.round((places - below) * _GRAIN) / _GRAIN
    signs = np.ones(len(differences)) if weights is None else weights
    first = rows * NODES + below
    nodes: Numbers = np.bincount(first, (1.0 - above) * signs, size * NODES).astype(float)
    nodes += np.bincount(first + 1, above * signs, size * NODES)
    return nodes.reshape(size, NODES)


@lru_cache(maxsize=32)
def _table(mean: float) -> Numbers:
    """What each bet on more than ``mean`` makes of an example at each node, as logarithms ``[node, share]``."""
    table: Numbers = np.log1p(SHARES * (_NODE - mean)[:, None] / (1.0 + mean))
    return table


def log_purse(nodes: Numbers, mean: float = 0.0) -> float:
    """The logarithm of the e-value against "the average is at most ``mean``".

    Parameters
    ----------
    nodes
        As :func:`count` gives them.
    """
    logs = _LOG_PARTS + nodes @ _table(mean)
    top = float(logs.max())
    return top + math.log(float(np.exp(logs - top).sum()))


def lower(nodes: Numbers, rate: float) -> float:
    """Below this the running average is, ever, with probability ``rate`` at most."""
    target = math.log(1 / rate)
    low, high = -0.999, 0.999
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if log_purse(nodes, middle) >= target else (low, middle)
    return low


def upper(nodes: Numbers, rate: float) -> float:
    """Above this the running average is, ever, with probability ``rate`` at most."""
    return -lower(nodes[::-1], rate)


def log_purse_below(nodes: Numbers, mean: float) -> float:
    """The logarithm of the e-value against "the average is at least ``mean``"."""
    return log_purse(nodes[::-1], -mean)


def mean_of(nodes: Numbers) -> float:
    """The mean of the differences; 0 of none."""
    total = float(nodes.sum())
    return float(nodes @ _NODE) / total if total > 0 else 0.0


def spent(rate: float, number: int) -> float:
    """The part of an error rate that is spent on one of any number of tests: they add up to ``rate``.

    Parameters
    ----------
    number
        From 1 on.
    """
    return rate * 6 / (math.pi * number) ** 2
