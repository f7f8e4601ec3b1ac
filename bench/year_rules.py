"""Who would have been in charge under another policy: the same log, other verdicts, told apart from the loop's own.

What a model says does not depend on who is in charge, so one run of the year answers for every policy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from msgspec import structs

from models.pipeline import Pipeline
from models.policies import Promotion as Policy
from models.promotions import Verdicts
from schemas.examples import Control, Example, LogRecord
from schemas.predictions import Said
from schemas.promotions import Promotion
from schemas.values import Score

#: Places between two records of the log, so that a rule's own control records stand between them.
_SPREAD = 8


@dataclass(frozen=True)
class Change:
    """Another version is in charge.

    Parameters
    ----------
    flight
        The first that it answers.
    time
        Event time at which it was decided.
    before, state
        Who was and who is in charge, as ``model@version``.
    decision
        Why; None where the pipeline file says so.
    """

    flight: int
    time: datetime
    before: str
    state: str
    decision: Promotion | None


class Rule:
    """One policy over the log of the loop.

    Parameters
    ----------
    name
        What it is called.
    pipeline
        What is declared but for the policy.
    policy
        The other policy.
    champion
        Who is in charge at first.
    """

    def __init__(self, name: str, pipeline: Pipeline, policy: Policy, champion: str) -> None:
        self.name = name
        self.champion = ""
        self.changes: list[Change] = []
        self.decisions: list[Promotion] = []
        self._verdicts = Verdicts(replace(pipeline, promotion=policy, champion=champion))
        self._first = champion

    def fold(self, offset: int, record: LogRecord, flight: int) -> None:
        """Take in a record of the loop's log; its verdicts take effect at once, here alone."""
        if isinstance(record, Control) and record.action in ("promoted", "rolled_back"):
            if self.champion:
                return
            # The file names who begins; here it may be another.
            record = structs.replace(record, model=self._first)
        if isinstance(record, Example):
            record = structs.replace(record, position=record.position * _SPREAD)
        decided = self._verdicts.fold(offset * _SPREAD, record)
        if isinstance(record, Control) and record.action == "promoted":
            self.champion = f"{record.model}@{record.version}"
        for number, one in enumerate(decided):
            if isinstance(one, Promotion):
                self.decisions.append(one)
            else:
                self._change(one, flight)
                self._verdicts.fold(offset * _SPREAD + 1 + number, one)

    def _change(self, control: Control, flight: int) -> None:
        before, self.champion = self.champion, f"{control.model}@{control.version}"
        decision = self.decisions[-1]
        self.changes.append(Change(flight, decision.time, before, self.champion, decision))

    def served(self, said: Sequence[Said]) -> Score | None:
        """What this rule would have served."""
        return next((one.score for one in said if f"{one.model}@{one.version}" == self.champion), None)
