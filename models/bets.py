"""Bets against p-values being uniform: densities on [0, 1], each of which pays out one on average if they are.

If ``p`` is uniform, ``f(p)`` has the mean one for every density ``f``: an e-value. Where the p-values move to one
side, or to the edges, some density pays more than one at every event, and what it pays multiplies.

- A **shift** of a normal value by ``d`` of its standard deviations turns a uniform ``p`` into one with the density
  ``exp(d·z - d²/2)``, ``z`` the normal quantile of ``p``. It is the best bet against exactly that shift, and a fair one
  whatever the distribution of the values is: only the p-values are looked at.
- A **spread** wider or narrower by a factor ``s`` turns it into the density of ``s·z``.
- A **histogram** of the p-values so far, those longer ago weighing less, finds every other change of shape, a bit
  later.

Densities are constant on :data:`CELLS` cells, so that all of a window is a table of counts times a table of logarithms.
The logarithms are rounded down to multiples of 2^-20: sums of them are exact in any order, so that every machine comes
to the same bets, and rounding down never pays too much.

Source: Vovk and Wang, *E-values: Calibration, combination and applications* (2021), for p-to-e calibrators; Vovk,
Gammerman and Shafer, *Algorithmic Learning in a Random World* (2005), chapter 8, for betting on conformal p-values.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

#: Cells of equal width of [0, 1] on which every density is constant.
CELLS = 64

SHIFTS = (0.1, 0.25, 0.5, 1.0, 2.0)
SPREADS = (0.5, 0.75, 1.33, 2.0, 3.0)

#: Events after which a p-value counts half, of each histogram.
HALF_LIVES = (400, 4000)

#: Cells of a histogram, and p-values of a flat one that it starts with in each.
COARSE = 16
FLAT = 8.0

_GRAIN = 2.0**20


def _floor(logarithms: Floats) -> Floats:
    rounded: Floats = np.floor(logarithms * _GRAIN) / _GRAIN
    return rounded


def _table() -> Floats:
    """Logarithms of the fixed densities, ``[cell, bet]``: shifts up, shifts down, spreads."""
    normal = NormalDist()
    edges = [-np.inf, *(normal.inv_cdf(cell / CELLS) for cell in range(1, CELLS)), np.inf]

    def masses(shift: float, spread: float) -> list[float]:
        below = [0.0, *(normal.cdf((edge - shift) / spread) for edge in edges[1:-1]), 1.0]
        return [max(below[cell + 1] - below[cell], 1e-300) for cell in range(CELLS)]

    up = [masses(shift, 1.0) for shift in SHIFTS]
    down = [masses(-shift, 1.0) for shift in SHIFTS]
    wide = [masses(0.0, spread) for spread in SPREADS]
    return _floor(np.maximum(np.log(np.array([*up, *down, *wide]).T * CELLS), -50.0))


#: Logarithms of the fixed densities, ``[cell, bet]``.
FIXED = _table()

#: The bets that rise with ``p``: they are fair for p-values that are smaller than uniform ones, too.
RISING = len(SHIFTS)

#: All bets: the fixed ones and the histograms.
BETS = FIXED.shape[1] + len(HALF_LIVES)

#: The bets on a shift, either way.
SHIFTING = 2 * len(SHIFTS)


def flat(streams: int) -> Floats:
    """Histograms that have seen nothing, ``[half-life, stream, coarse cell]``."""
    return np.zeros((len(HALF_LIVES), streams, COARSE))


def coarse(cells: Counts) -> Counts:
    """Counts in the cells of a histogram, from counts ``[..., CELLS]``."""
    summed: Counts = cells.reshape(*cells.shape[:-1], COARSE, CELLS // COARSE).sum(axis=-1)
    return summed


def payouts(cells: Counts, histograms: Floats) -> Floats:
    """Logarithms of what every bet makes of p-values.

    Parameters
    ----------
    cells
        Counts of p-values, ``[stream, chunk, CELLS]``.
    histograms
        What the histograms knew before, ``[half-life, stream, COARSE]``.

    Returns
    -------
    ``[stream, chunk, bet]``
    """
    fixed = cells @ FIXED
    known = histograms + FLAT
    density = _floor(np.log(known * (COARSE / known.sum(axis=2, keepdims=True))))
    adaptive = np.einsum("scb,hsb->sch", coarse(cells).astype(np.float64), density)
    return np.concatenate([fixed, adaptive], axis=2)


def learn(histograms: Floats, cells: Counts) -> Floats:
    """The histograms after a window of p-values, ``[stream, CELLS]``."""
    new = coarse(cells)
    kept = [0.5 ** (new.sum(axis=1, keepdims=True) / half) for half in HALF_LIVES]
    return np.stack([one * keep + new for one, keep in zip(histograms, kept, strict=True)])
