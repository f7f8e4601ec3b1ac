"""What was decided in a run, and why: retrainings, challengers, promotions, ways back, each in one line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from schemas.examples import Control
from schemas.promotions import Promotion
from schemas.retrains import Retrain

#: A trial that ends without a change.
GIVEN_UP = ("keep done", "futile done", "undecided done")

#: Decisions that are remembered, the newest; a year has a few dozens.
DECISIONS_MAX = 1_000


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """One of them.

    Parameters
    ----------
    time
        Event time.
    kind
        ``retrain``, ``challenger`` or ``failed`` of a retraining, otherwise verdict and status: ``promote done``.
    about
        The model, or ``model@version``.
    reason
        Why, with numbers.
    """

    time: datetime
    kind: str
    about: str
    reason: str

    def sentence(self) -> str:
        """The same as a line, without an end."""
        # %-d is not known everywhere.
        return f"{self.time.day} {self.time:%b %H:%M}  {self.about} {_MEANING.get(self.kind, self.kind)}: {self.reason}"


_MEANING = {
    "retrain": "is retrained",
    "challenger": "joins the shadows",
    "failed": "was not retrained",
    "promote done": "takes over",
    "promote waiting": "waits for a person",
    "promote vetoed": "is not put in charge",
    "promote rejected": "was refused",
    "promote lapsed": "is not put in charge",
    "keep done": "is given up",
    "futile done": "is given up",
    "undecided done": "is given up",
    "roll_back done": "is back in charge",
}


class Decisions:
    """The account of a run's decisions, fed with what the leader wrote.

    Parameters
    ----------
    challengers_max
        As the pipeline declares: beyond it a retraining waits.

    Attributes
    ----------
    told
        The decisions, oldest first.
    steps
        How many records have come, so that it can be seen that something moves.
    """

    def __init__(self, challengers_max: int) -> None:
        self.told: list[Decision] = []
        self.steps = 0
        self._challengers_max = challengers_max
        self._open: set[str] = set()
        self._challengers: set[str] = set()

    @property
    def training(self) -> bool:
        """Whether a retraining is under way; those that wait for room are not."""
        return bool(self._open) and len(self._challengers) < self._challengers_max

    def retrain(self, step: Retrain) -> None:
        """A step of a retraining."""
        self.steps += 1
        if step.step == "requested":
            self._open.add(step.id)
            self._tell(step.time, "retrain", step.model, step.reason)
        elif step.step == "finished":
            self._open.discard(step.id)
            examples = step.evidence.get("examples", 0.0)
            reason = f"trained on {examples:,.0f} labels in {step.duration_s or 0.0:.1f} s"
            self._tell(step.time, "challenger", f"{step.model}@{step.version}", reason)
        elif step.step == "failed":
            self._open.discard(step.id)
            self._tell(step.time, "failed", step.model, step.reason)

    def promotion(self, decision: Promotion) -> None:
        """A decision about who is in charge."""
        self.steps += 1
        kind = f"{decision.verdict} {decision.status}"
        self._tell(decision.time, kind, decision.challenger, _with_evidence(decision))

    def control(self, control: Control) -> None:
        """A change of who is active."""
        state = f"{control.model}@{control.version}"
        if control.action == "added":
            if control.trained is not None:
                self._open.discard(control.trained.retrain)
                self._challengers.add(state)
        elif control.action != "shared":
            self._challengers.discard(state)

    def _tell(self, time: datetime, kind: str, about: str, reason: str) -> None:
        self.told.append(Decision(time=time, kind=kind, about=about, reason=reason))
        del self.told[:-DECISIONS_MAX]


def _with_evidence(decision: Promotion) -> str:
    evidence = decision.evidence
    if decision.verdict not in ("promote", "roll_back") or "e_value" not in evidence:
        return decision.reason
    return f"{decision.reason} (e-value {_size(evidence['e_value'])}, {_size(evidence['threshold'])} were needed)"


def _size(value: float) -> str:
    return f"{value:,.0f}" if value < 1e6 else f"{value:.0e}"


def first_of_each(decisions: Iterable[Decision]) -> Iterator[Decision]:
    """All decisions but those that give up the same challenger once more."""
    given_up: set[str] = set()
    for each in decisions:
        if each.kind in GIVEN_UP:
            if each.about in given_up:
                continue
            given_up.add(each.about)
        yield each
