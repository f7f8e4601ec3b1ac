"""``drift``: signals that the world is no longer what the models learnt."""

from __future__ import annotations

from typing import Literal

from schemas.values import Record, Time


class Drift(Record, frozen=True, kw_only=True):
    """One signal of one detector at one position of the learning log.

    Parameters
    ----------
    detector, stream
        Which detector fired on which stream of numbers (a feature, a score, a loss).
    cause
        What it points to.
    evidence
        The detector's own numbers, by name.
    """

    position: int
    time: Time
    detector: str
    stream: str
    cause: Literal["labels_late", "feed_broken", "covariate", "prior", "concept", "mixed"]
    evidence: dict[str, float]
