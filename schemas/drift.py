"""``drift``: signals that the world is no longer what the models learnt."""

from __future__ import annotations

from typing import Literal

from schemas.values import Record, Time

Cause = Literal["labels_late", "feed_broken", "covariate", "prior", "concept", "mixed"]
Action = Literal["wait", "quarantine", "retrain", "page"]
Phase = Literal["start", "update", "end", "signal"]


class Moved(Record, frozen=True, kw_only=True):
    """How one stream of values moved: its profile before and after.

    Parameters
    ----------
    stream
        A feature's name, ``score:<model>@<version>``, ``loss``, ``surprise``, ``label``, ``calibration``, ``delay``,
        ``expired``, ``duplicates`` or ``rejects``.
    alarmed
        Whether its own detector fired; otherwise it moved along, beyond chance, where another's did.
    distance
        Total variation between the two: the share of values that would have to move, 0 to 1.
    shift
        Chance that a later value is above an earlier one, less the chance that it is below: -1 to 1.
    before, after
        Share of values in each bin of the reference; the first bin of a feature or score is missing values.
    count_before, count_after
        Values that the two were made of.
    """

    stream: str
    alarmed: bool = False
    distance: float
    shift: float
    before: list[float]
    after: list[float]
    count_before: int
    count_after: int


class Drift(Record, frozen=True, kw_only=True):
    """One signal about drift at one position of the learning log.

    Parameters
    ----------
    position, time
        Where in the log, and the latest event time by then.
    detector, stream
        Which detector fired on which stream of numbers (a feature, a score, a loss).
    cause
        What it points to.
    evidence
        The detector's own numbers, by name.
    phase
        ``start``, ``update`` and ``end`` tell an episode; ``signal`` is one alarm of a detector that promises nothing.
    episode
        Position of the episode's start.
    since
        Event time from which the values differ, as far as can be told.
    moved
        The streams that moved, the farthest first.
    action
        What is suggested.
    ended
        With ``end``: ``returned`` to what was before, ``settled`` in a new regime that is the measure from now on, or
        ``renewed`` with the reference by a control record.
    unpromised
        It does not count in the budget of false alarms, and may come as often as it likes.
    reason
        Why, for a person.
    """

    position: int
    time: Time
    detector: str
    stream: str
    cause: Cause
    evidence: dict[str, float]
    phase: Phase = "signal"
    episode: int | None = None
    since: Time | None = None
    moved: list[Moved] = []
    action: Action | None = None
    ended: Literal["returned", "settled", "renewed"] | None = None
    unpromised: bool = False
    reason: str = ""
