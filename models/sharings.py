"""Which challenger served which share of the traffic, when: a fold over the control records."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from models.shares import Shares
from schemas.examples import Control


@dataclass(frozen=True, slots=True)
class Sharing:
    """A stretch of the log over which a challenger served a part of the traffic.

    Parameters
    ----------
    position, end
        Of the control records that it began and ended with; ``None``: it has not ended.
    since, until
        When Kafka took them.
    state
        ``model@version``.
    share
        The part of all entities.
    step
        Which declared step of a canary it was; 0: none.
    experiment
        Position at which the experiment began that it belongs to. Within it entities stay on their side but for its
        steps; for the next one they are drawn anew.
    reason
        What the record says.
    """

    position: int
    since: datetime
    state: str
    share: float
    step: int
    experiment: int
    reason: str
    end: int | None = None
    until: datetime | None = None

    def overlaps(self, position: int, end: int | None) -> bool:
        """Whether part of it lies between two positions; ``None``: up to now."""
        return (end is None or self.position < end) and (self.end is None or self.end > position)


class Sharings:
    """Every share there is and was, oldest first."""

    def __init__(self) -> None:
        self.every: list[Sharing] = []
        self._shares = Shares()

    def fold(self, offset: int, taken: datetime, control: Control, *, able: bool) -> None:
        """Take in a control record.

        Parameters
        ----------
        offset, taken
            Where it stands in the log, and when Kafka took it.
        able
            Whether it is about an active challenger.
        """
        key, state = (control.model, control.version), f"{control.model}@{control.version}"
        self._shares.follow(offset, control, able=able)
        if control.action != "added":
            self.every = [
                replace(one, end=offset, until=taken) if one.state == state and one.end is None else one
                for one in self.every
            ]
        share = self._shares.share(key)
        if share and control.action == "shared":
            self.every.append(Sharing(offset, taken, state, share, control.step, self._shares.salt, control.reason))

    def now(self, state: str) -> Sharing | None:
        """The share of a challenger; ``None`` if it has none."""
        return next((one for one in self.every if one.state == state and one.end is None), None)

    def at(self, moment: datetime | int) -> list[Sharing]:
        """The shares at a time, or for predictions made from a position of the log."""
        if isinstance(moment, int):
            return [one for one in self.every if one.position < moment and (one.end is None or moment <= one.end)]
        return [one for one in self.every if one.since <= moment and (one.until is None or moment < one.until)]
