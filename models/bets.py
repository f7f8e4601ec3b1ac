"""Bets against p-values being uniform: densities on [0, 1], each of which pays out one on average if they are.

If ``p`` is uniform, ``f(p)`` has the mean one for every density ``f``: an e-value. Where the p-values move to one
side, or to the edges, some density pays more than one at every event, and what it pays multiplies.

- A **shift** of a normal value by ``d`` of its standard deviations turns a uniform ``p`` into one with the density
  ``exp(d·z - d²/2)``, ``z`` the normal quantile of ``p``. It is the best bet against exactly that shift, and a fair one
  whatever the distribution of the values is: only the p-values are looked at. A chunk is paid as a whole, and what of
  it lies behind a change is diluted by what lies before, so that large shifts need no bets of their own.
- A shift **near the boundary** is the same by one large step, of those values only that a stream names: answers that
  were unsure. A boundary that moves is crossed by what lay near to it, and the rest stays as it was.
- A **spread** wider or narrower by a factor ``s`` turns it into the density of ``s·z``.
- A **histogram** of the p-values so far, those longer ago weighing less, finds every other change of shape, a bit
  later.

Where values are **few and frequent** (a label, a wrong answer), ``p`` says no more than which value it was, and the
rest of it is drawn by chance. A density that is level over each value's stretch of [0, 1] does not bet on that chance:
:func:`levelled`. Which stretches those are is taken from the reference, whose values are never ranked; where they have
been guessed wrongly the bet is a worse one, and as fair.

Densities are constant on :data:`CELLS` cells, so that all of a window is a table of counts times a table of logarithms.
The logarithms are rounded down to multiples of 2^-20: sums of them are exact in any order, so that every machine comes
to the same bets, and rounding down never pays too much.

Source: Vovk and Wang, *E-values: Calibration, combination and applications* (2021), for p-to-e calibrators; Vovk,
Gammerman and Shafer, *Algorithmic Learning in a Random World* (2005), chapter 8, for betting on conformal p-values.
"""

from __future__ import annotations

from functools import cache
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

#: Cells of equal width of [0, 1] on which every density is constant,
GRID = 64
#: but that of a value that is rarer than one of them: the first and the last are halved so many times towards the ends.
HALVINGS = 6
_FINE = GRID << HALVINGS
_ENDS = 0.5 ** np.arange(HALVINGS, 0, -1) / GRID
EDGES = np.concatenate([[0.0], _ENDS, np.arange(1, GRID) / GRID, 1.0 - _ENDS[::-1], [1.0]])
WIDTHS = np.diff(EDGES)
CELLS = len(WIDTHS)
_CELL_OF = np.searchsorted(EDGES, np.arange(_FINE) / _FINE, side="right") - 1

SHIFTS = (0.1, 0.2, 0.4, 0.8)
SPREADS = (0.5, 0.75, 1.33, 2.0)

#: Events after which a p-value counts half, of each histogram.
HALF_LIVES = (400, 4000)

#: Cells of a histogram, and p-values of a flat one that it starts with in each.
COARSE = 16
FLAT = 8.0

#: Values of the reference from which on it is believed where the stretch of each value lies.
LEVEL_MIN = 32

_GRAIN = 2.0**20
_COARSE_FROM = np.searchsorted(EDGES[:-1], np.arange(COARSE) / COARSE)


def _logarithms(masses: Floats) -> Floats:
    """Of densities, from their masses ``[..., cell, bet]``, rounded down."""
    rounded: Floats = np.floor(np.maximum(np.log(masses / WIDTHS[:, None]), -50.0) * _GRAIN) / _GRAIN
    return rounded


@cache
def _masses(reach: float, near: float) -> Floats:
    """Of the fixed densities, ``[cell, bet]``: shifts up and down, ``reach`` times as far; spreads; a shift up more."""
    normal = NormalDist()
    edges = [normal.inv_cdf(edge) for edge in EDGES[1:-1].tolist()]

    def masses(shift: float, spread: float) -> list[float]:
        below = [0.0, *(normal.cdf((edge - shift) / spread) for edge in edges), 1.0]
        return [max(below[cell + 1] - below[cell], 1e-300) for cell in range(CELLS)]

    up = [masses(reach * shift, 1.0) for shift in SHIFTS]
    down = [masses(-reach * shift, 1.0) for shift in SHIFTS]
    wide = [masses(0.0, spread) for spread in SPREADS]
    return np.array([*up, *down, *wide, masses(near, 1.0)]).T


def levelled(values: Floats, reach: float = 1.0, near: float = 0.0) -> Floats:
    """Logarithms of the fixed densities, level over the stretch of each value; ``[cell, bet]``.

    A density that rises still does, since each stretch gets the mean over it.

    Parameters
    ----------
    values
        How often each value was there in the reference, in the order in which they are ranked.
    reach
        How many times as far the shifts are.
    near
        How far the shift near the boundary is; 0: these values are not near to it, and that bet pays nothing.
    """
    if values.sum() < LEVEL_MIN:
        values = np.ones(GRID)
    masses = _masses(reach, near)
    edges = np.concatenate([[0.0], np.cumsum(values) / values.sum()])
    # How much of each value's stretch lies in each cell.
    both = np.minimum(edges[1:, None], EDGES[None, 1:]) - np.maximum(edges[:-1, None], EDGES[None, :-1])
    both = np.maximum(both, 0.0)
    widths = both.sum(axis=1)
    there = widths > 0
    means = (both[there] @ (masses / WIDTHS[:, None])) / widths[there, None]
    return _logarithms(np.maximum(both[there].T @ means, 1e-300))


#: Logarithms of the fixed densities of values that nothing is known about, ``[cell, bet]``.
FIXED = levelled(np.ones(GRID))

#: The bets that rise with ``p``: they are fair for p-values that are smaller than uniform ones, too.
RISING = len(SHIFTS)

#: The bet near the boundary, which rises too.
NEAR = FIXED.shape[1] - 1

#: All bets: the fixed ones and the histograms.
BETS = FIXED.shape[1] + len(HALF_LIVES)

#: The bets on a shift, either way.
SHIFTING = 2 * len(SHIFTS)


def cells_at(places: Floats) -> Counts:
    """The cells in which these places of [0, 1] lie."""
    return _CELL_OF.take((places * _FINE).astype(np.int64), mode="clip")


def coarsened(counts: Counts) -> Counts:
    """Counts by cell ``[..., CELLS]`` as the histograms take them, ``[..., COARSE]``."""
    return np.add.reduceat(counts, _COARSE_FROM, axis=-1)


def flat(streams: int) -> Floats:
    """Histograms that have seen nothing, ``[half-life, stream, coarse cell]``."""
    return np.zeros((len(HALF_LIVES), streams, COARSE))


def adaptive(new: Counts, histograms: Floats) -> Floats:
    """Logarithms of what the histograms make of p-values, ``[stream, chunk, half-life]``.

    Parameters
    ----------
    new
        Counts of p-values, ``[stream, chunk, COARSE]``.
    histograms
        What they knew before, ``[half-life, stream, COARSE]``.
    """
    known = histograms + FLAT
    density = np.floor(np.log(known * (COARSE / known.sum(axis=2, keepdims=True))) * _GRAIN) / _GRAIN
    paid: Floats = new @ density.transpose(1, 2, 0)
    return paid


def learn(histograms: Floats, new: Counts) -> Floats:
    """The histograms after a window of p-values, ``[stream, COARSE]``."""
    kept = 0.5 ** (new.sum(axis=1)[None, :, None] / _HALVES)
    learnt: Floats = histograms * kept + new
    return learnt


_HALVES = np.array(HALF_LIVES, np.float64)[:, None, None]
