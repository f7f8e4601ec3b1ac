"""``promotions``: decisions about who is in charge, with their evidence."""

from __future__ import annotations

from typing import Literal

from schemas.values import Record, Time


class Guard(Record, frozen=True, kw_only=True):
    """What was looked at besides the loss, and may veto.

    Parameters
    ----------
    name
        ``group``, ``demographic_parity``, ``equal_opportunity``, ``group_calibration``, ``calibration``, ``size``,
        ``cost`` or ``robustness``.
    about
        Which group, feature or disturbance; empty: all.
    passed
        Whether it lets the challenger pass.
    value, bound
        What was found, and what is tolerated.
    examples
        How many it rests on.
    """

    name: str
    about: str = ""
    passed: bool
    value: float
    bound: float
    examples: int = 0


class Promotion(Record, frozen=True, kw_only=True):
    """One decision.

    Parameters
    ----------
    verdict
        What was decided about the challenger. ``promote``, ``roll_back``: it is better. ``keep``: the champion is
        better. ``futile``: no gain that is worth the change is possible. ``undecided``: it took too long.
    status
        ``done``: it takes effect, where a change follows from it. ``waiting``: for a person, until ``until``.
        ``vetoed``: by a guard. ``rejected``: by a person. ``lapsed``: nobody answered in time. ``canary``: before it
        takes effect, the challenger serves the next declared share. ``withdrawn``: it serves none any more, for it lost
        there.
    examples
        How many paired losses it rests on.
    evidence
        The test's numbers by name: ``mean_difference`` (of the loss, champion's minus challenger's), ``lower`` and
        ``upper`` bound of it, ``e_value``, ``threshold``, ``rate``, ``test``, ...
    guards
        What else was looked at: every guard that vetoes, and of the others the nearest to it.
    since, position
        The predictions it rests on were made from the one position of the learning log on; at the other it was decided.
    policy
        Digest of the declared policy.
    until
        Event time until which a person may answer.
    by, command
        The person who decided, and the command with which.
    """

    verdict: Literal["promote", "keep", "undecided", "futile", "roll_back"]
    status: Literal["done", "waiting", "vetoed", "rejected", "lapsed", "canary", "withdrawn"] = "done"
    champion: str
    challenger: str
    since: int = 0
    position: int
    time: Time
    examples: int
    evidence: dict[str, float]
    guards: list[Guard] = []
    policy: str = ""
    until: Time | None = None
    by: str | None = None
    command: str | None = None
    reason: str
    shard: int = 0
