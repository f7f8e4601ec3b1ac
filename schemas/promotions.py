"""``promotions``: decisions about who is in charge, with their evidence."""

from __future__ import annotations

from typing import Literal

from schemas.values import Record, Time


class Promotion(Record, frozen=True, kw_only=True):
    """One decision.

    Parameters
    ----------
    verdict
        What was decided about the challenger.
    examples
        How many paired losses it rests on.
    evidence
        The test's numbers by name: mean difference, interval, e-value.
    position
        Where in the learning log it was decided.
    """

    verdict: Literal["promote", "keep", "undecided", "futile", "roll_back"]
    champion: str
    challenger: str
    position: int
    time: Time
    examples: int
    evidence: dict[str, float]
    reason: str
