"""Which versions of which models there are and were, and who was in charge when: a fold over the control records."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from models.sharings import Sharings
from schemas.examples import Control

Role = Literal["champion", "challenger", "baseline", "removed", "quarantined", "deleted"]

#: Names that stand for whoever has the part: the champion, and the newest challenger.
ALIASES = ("champion", "challenger")


@dataclass(slots=True)
class Version:
    """One version of one model.

    Parameters
    ----------
    role
        What it is now. One that was removed or quarantined may come back, one that was deleted may not.
    added, left
        Position of the control record that first made it active, and of the one that ended that.
    since
        When Kafka took the first of these.
    control
        The record that added it.
    reason
        Of the last control record about it.
    """

    model: str
    version: int
    role: Role
    added: int
    since: datetime
    control: Control
    reason: str
    left: int | None = None

    @property
    def state(self) -> str:
        """``model@version``."""
        return f"{self.model}@{self.version}"


@dataclass(frozen=True, slots=True)
class Reign:
    """A stretch of the log over which one version was the champion.

    Parameters
    ----------
    position
        Of the control record that put it in charge: predictions from a later position are its own.
    since
        When Kafka took that record.
    state
        ``model@version``; empty: nobody, for the champion was removed.
    action, reason
        What the record says.
    """

    position: int
    since: datetime
    state: str
    action: str
    reason: str


class Registry:
    """The versions, in the order in which they came, and the reigns, oldest first.

    Parameters
    ----------
    pipeline
        Its name: MLflow's ``models:/flights@champion`` names the champion of a pipeline by it.
    """

    def __init__(self, pipeline: str = "") -> None:
        self._pipeline = pipeline
        self.versions: dict[str, Version] = {}
        self.reigns: list[Reign] = []
        self.sharings = Sharings()

    def fold(self, offset: int, taken: datetime, control: Control) -> None:
        """Take in a control record.

        Parameters
        ----------
        offset, taken
            Where it stands in the log, and when Kafka took it.
        """
        state = f"{control.model}@{control.version}"
        if control.action == "added":
            role: Role = "baseline" if control.baseline else "challenger"
            back = self.versions.get(state)
            if back is not None:
                back.role, back.left, back.reason = role, None, control.reason
                return
            self.versions[state] = Version(control.model, control.version, role, offset, taken, control, control.reason)
            return
        version = self.versions.get(state)
        if version is None:
            return  # the log begins behind the record that added it
        version.reason = control.reason
        self.sharings.fold(offset, taken, control, able=version.left is None and state != self.champion)
        if control.action == "shared":
            return
        if control.action in ("removed", "quarantined"):
            version.role = "removed" if control.action == "removed" else "quarantined"
            version.left = offset
            if self.champion == state:
                self.reigns.append(Reign(offset, taken, "", control.action, control.reason))
            return
        if control.action == "deleted":
            version.role = "deleted"
        if control.action not in ("promoted", "rolled_back"):
            return
        before = self.versions.get(self.champion)
        if before is not None and before.left is None:
            before.role = "challenger"
        version.role = "champion"
        self.reigns.append(Reign(offset, taken, state, control.action, control.reason))

    @property
    def champion(self) -> str:
        """``model@version`` of who is in charge; empty if nobody is."""
        return self.reigns[-1].state if self.reigns else ""

    def reign_at(self, moment: datetime | int) -> Reign | None:
        """Who was in charge at a time, or for predictions made from a position of the log; ``None``: nobody yet."""
        if isinstance(moment, int):
            place = bisect_right(self.reigns, moment - 1, key=lambda reign: reign.position)
        else:
            place = bisect_right(self.reigns, moment, key=lambda reign: reign.since)
        return self.reigns[place - 1] if place else None

    def find(self, name: str) -> Version | None:
        """A version by ``model@version``, by a model's name for its newest, or by an alias.

        Aliases are ``@champion`` and ``@challenger``, the newest one; before them may stand a model's name or the
        pipeline's. The prefix ``models:/`` may always stand before, and then ``/`` in place of ``@`` before a number.
        """
        uri = name.startswith("models:/")
        name = name.removeprefix("models:/")
        if uri and "@" not in name:
            name = name.replace("/", "@")
        model, _, version = name.partition("@")
        if version in ALIASES:
            able = [each for each in self.versions.values() if each.role == version]
            found = [each for each in able if model in ("", self._pipeline, each.model)]
        elif version:
            found = [each for each in self.versions.values() if each.state == name]
        else:
            found = [each for each in self.versions.values() if each.model == model]
        return found[-1] if found else None
