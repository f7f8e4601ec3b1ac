"""The bins of values in the order in which they came, written as a letter each and read again.

Counts say how many values were in each bin; whether the odd ones came last, they do not say. With the order, drift is
bet on value by value, and a window may end where its values give reason to (:mod:`models.looks`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from models.bins import Bins, NumberBins, Places
from schemas.values import FeatureValue

MISSING, WITHOUT = "-", "."

#: Of each byte: 0 for a missing value, the bin plus one, or :data:`NOTHING` for a value that has no bin.
NOTHING = -1
_RANKS = np.full(256, NOTHING, np.int32)
_RANKS[ord(MISSING)] = 0
_RANKS[ord("A") : ord("Z") + 1] = np.arange(1, 27)

Ranks = npt.NDArray[np.int32]


def letters(places: Places) -> str:
    """Of values that all have a bin."""
    return (places + ord("A")).astype(np.uint8).tobytes().decode("ascii")


def written(column: Sequence[FeatureValue], ruler: Bins) -> str:
    """Of any column.

    >>> from models.bins import CategoryBins
    >>> written(["b", None, "a", 3.0], CategoryBins(("a", "b")))
    'B-AC'
    """
    if isinstance(ruler, NumberBins):
        numbers = [value for value in column if value is not None and not isinstance(value, str)]
        known = iter(letters(ruler.places(np.array(numbers, dtype=np.float64))))
        return "".join(
            MISSING if value is None else WITHOUT if isinstance(value, str) else next(known) for value in column
        )
    places = ruler.places(column)
    return "".join(
        MISSING if value is None else chr(ord("A") + place) for value, place in zip(column, places, strict=True)
    )


def ranks(column: Sequence[FeatureValue], ruler: Bins) -> Ranks:
    """What :func:`read` says of the written column."""
    if isinstance(ruler, NumberBins):
        # The type is left to numpy to find out, which is far quicker where all are numbers.
        numbers = np.array(column)
        if numbers.dtype.kind in "fib":
            return (ruler.places(numbers) + 1).astype(np.int32)
    return read(written(column, ruler))


def read(order: str) -> Ranks:
    """For each value 0 if it is missing, else its bin plus one; :data:`NOTHING` where it has none."""
    return _RANKS[np.frombuffer(order.encode("ascii"), np.uint8)]
