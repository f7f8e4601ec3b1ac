"""``retrains``: the life of each retraining."""

from __future__ import annotations

from typing import Literal

from schemas.values import Record, Time


class Retrain(Record, frozen=True, kw_only=True):
    """One step of one retraining.

    Parameters
    ----------
    id
        Of the retraining; all its steps share it.
    first, end
        The range of the learning log it learns from: ``first`` to before ``end``.
    """

    id: str
    step: Literal["requested", "started", "progress", "finished", "failed"]
    model: str
    version: int | None = None
    time: Time
    reason: str
    first: int
    end: int
    seed: int = 0
    duration_s: float | None = None
