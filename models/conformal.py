"""Conformal p-values of values in bins: how far up each one is among all those before it and itself.

Of the values of a stream so far, the one that came last is as likely to be any of them, if their order is chance. Let
``C`` be the counts on fixed, ordered bins, the new value among them, and ``b`` its bin. Then

``p = (C[below b] + U · C[b]) / N``, with ``U`` uniform,

is uniform, and independent of all the p-values before it: exactly, at every sample size, whatever the distribution.
Nothing is estimated. (A fixed reference of ``n`` values makes p-values uniform only to about ``1/sqrt(n)``, and a bet
finds that in the long run; so the counts grow.)

Assumptions
-----------
1. **Exchangeable**: the joint distribution of the values does not change when their order does. Independent values of
   one distribution are. Autocorrelated ones are not; what is done about it is in :mod:`models.blocks`.
2. **Bins fixed before**: they may follow from the reference, whose values are never counted here.
3. **By partition**: ranks are taken among values of the same partition. Partitions may differ from each other (a key
   may well say something about its events), and need to be exchangeable only within themselves. This is the Mondrian
   form.

Which of the values of a window came first is not in a profile. Any order that is drawn by chance, apart from the data,
is as good under assumption 1, so each window is put in one that follows from its position.

Source: Vovk, Gammerman and Shafer, *Algorithmic Learning in a Random World* (2005), theorem 8.1 for independence,
section 4.5 for the Mondrian form.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.bets import CELLS, Counts

#: Values that are bet on together, at most.
CHUNK = 32

#: Values that are compared with each other, pair by pair: few enough that this costs less than counting.
RUN = 16

_EARLIER = np.tri(RUN, k=-1, dtype=np.bool_)[:, :, None]
_NOT_LATER = np.tri(RUN, dtype=np.bool_)[:, :, None]


def chunks_of(values: int) -> int:
    """How many chunks a window of so many values falls into."""
    return max(1, -(-values // CHUNK))


def cells_of(base: Counts, window: Counts, generator: np.random.Generator, chunks: int | None = None) -> Counts:
    """The p-values of the values of one window, counted in cells of [0, 1].

    Parameters
    ----------
    base
        Counts of all values of the partition before it, ``[stream, bin]``.
    window
        Counts of the window, ``[stream, bin]``.
    generator
        Draws the order and the ``U``.
    chunks
        Into how many chunks they fall; by default as many as :func:`chunks_of` says.

    Returns
    -------
    ``[stream, chunk, CELLS]``
        Chunks in the order drawn. A stream with fewer values than another has them spread over as many chunks.
    """
    streams, bins = window.shape
    sizes = window.sum(axis=1)
    runs = -(-int(sizes.max()) // RUN)
    length = runs * RUN
    # Rows of equal length: the places without a value get a bin of their own, the last, which is in no count.
    full = np.concatenate([window, (length - sizes)[:, None]], axis=1)
    values = np.repeat(np.tile(np.arange(bins + 1, dtype=np.int16), streams), full.ravel()).reshape(streams, length)
    values = generator.permuted(values, axis=1)
    lower, same, total = _ranks(base, values.reshape(streams * runs, RUN), (streams, runs, bins))
    ranks = lower + generator.random(same.shape, dtype=np.float32) * same
    cells = np.minimum((ranks * (CELLS / np.maximum(total, 1))).astype(np.int64), CELLS - 1)
    chunks = chunks or chunks_of(length)
    # One place in one long table per stream, chunk and cell; what has no value goes behind its end.
    chunk = np.arange(length) * chunks // length
    place = ((np.arange(streams)[:, None] * chunks + chunk) * CELLS).reshape(streams * runs, RUN).T + cells
    place[bins == values.reshape(streams * runs, RUN).T] = streams * chunks * CELLS
    counted = np.bincount(place.ravel(), minlength=streams * chunks * CELLS + 1)[:-1]
    return counted.reshape(streams, chunks, CELLS)


def _ranks(base: Counts, values: npt.NDArray[np.int16], shape: tuple[int, int, int]) -> tuple[Counts, Counts, Counts]:
    """Of each value, how many by then were in lower bins, in its own, and in any; ``[place in the run, run]``.

    What came before the run is read off from counts; within it, all pairs are compared.
    """
    streams, runs, bins = shape
    row = np.arange(streams * runs)[:, None]
    each = np.bincount((row * (bins + 1) + values).ravel(), minlength=row.size * (bins + 1))
    each = each.reshape(streams, runs, bins + 1)
    before = np.cumsum(each, axis=1) - each
    before[:, :, :bins] += base[:, None, :]
    below = np.zeros((row.size, bins + 2), np.int64)
    np.cumsum(before.reshape(row.size, bins + 1), axis=1, out=below[:, 1:])
    lower = np.take_along_axis(below, values, axis=1).T
    upper = np.take_along_axis(below, values + 1, axis=1).T
    across = np.ascontiguousarray(values.T)
    less = ((across[None] < across[:, None]) & _EARLIER).sum(axis=1, dtype=np.int8)
    equal = ((across[None] == across[:, None]) & _NOT_LATER).sum(axis=1, dtype=np.int8)
    seen = ((across[None] < bins) & _NOT_LATER).sum(axis=1, dtype=np.int8)
    return lower + less, upper - lower + equal, below[:, bins] + seen
