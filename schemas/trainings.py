"""What a training has found out on its way, kept beside the model that came of it."""

from __future__ import annotations

from schemas.values import Record


class Rung(Record, frozen=True, kw_only=True):
    """Where a search compared its candidates, and left some of them behind.

    Parameters
    ----------
    end
        Place in the learning log.
    examples
        Labels that each candidate was compared on, answered before it learnt them.
    losses
        Mean clipped loss of each candidate, by its name, in 0 .. 1.
    kept
        Who went on.
    failed
        Candidates that could not go on, and why.
    """

    end: int
    examples: int
    losses: dict[str, float]
    kept: list[str]
    failed: dict[str, str] = {}


class Fit(Record, frozen=True, kw_only=True):
    """How well a trained model fits what it has learnt, beside what it said about the same before it learnt it.

    Parameters
    ----------
    examples
        The last so many labels of its range.
    loss, prequential
        Mean clipped loss on them at the end of the training, and before each was learnt; in 0 .. 1.
    squares
        Mean square of the difference of the two.
    unit
        The loss that a difference of one is.
    """

    examples: int
    loss: float
    prequential: float
    squares: float
    unit: float
