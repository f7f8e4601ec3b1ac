"""What decides who is in charge, told in records: decisions with their evidence, and what takes effect."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal

from models.outcomes import Key
from models.pairs import Scale, unit_of
from models.pipeline import Pipeline
from models.reigns import Reigns, state_of
from models.trials import Verdict
from schemas.examples import Control
from schemas.promotions import Promotion


class Rulings:
    """The records of decisions, from how things stand.

    Parameters
    ----------
    pipeline
        Its policy.
    reigns
        Who is in charge and on trial.
    scale
        From which error on all errors count alike.

    Attributes
    ----------
    position, time
        Up to where in the log things stand, and event time as far as it has come.
    """

    def __init__(self, pipeline: Pipeline, reigns: Reigns, scale: Scale) -> None:
        self.position = 0
        self.time: datetime | None = None
        self.reigns = reigns
        self.scale = scale
        self._pipeline = pipeline

    @property
    def loss(self) -> str:
        """The loss that decides."""
        return self.reigns.terms.loss

    @property
    def unit(self) -> float:
        """The loss that a difference of one between clipped losses is; 1 while it is not known."""
        return unit_of(self.loss, self.scale.value) if self.scale.known else 1.0

    def promotion(self, key: Key, verdict: Verdict, reason: str, **more: Any) -> Promotion:
        """The record of a decision about a challenger.

        Parameters
        ----------
        more
            Further fields of the record; the evidence is that of its trial where none is given.
        """
        trial = self.reigns.trials.get(key)
        assert self.reigns.champion is not None
        assert self.time is not None
        fields: dict[str, Any] = {
            "verdict": verdict,
            "champion": state_of(self.reigns.champion),
            "challenger": state_of(key),
            "since": 0 if trial is None else trial.since,
            "position": self.position,
            "time": self.time,
            "examples": 0 if trial is None else round(trial.cohorts.examples),
            "evidence": {} if trial is None or "evidence" in more else trial.evidence(self.unit),
            "policy": "" if self._pipeline.promotion is None else self.reigns.terms.digest,
            "reason": reason,
        }
        return Promotion(**(fields | more))

    def control(self, key: Key, action: Literal["promoted", "rolled_back"], reason: str) -> Control:
        """The record that puts a model in charge."""
        definition = self.reigns.models[key].definition
        return Control(action=action, model=key[0], version=key[1], definition=definition, reason=reason)

    def shared(self, key: Key, share: float, reason: str, step: int = 0) -> Control:
        """The record that gives a challenger another share."""
        definition = self.reigns.models[key].definition
        return Control(
            action="shared",
            model=key[0],
            version=key[1],
            definition=definition,
            reason=reason,
            share=share,
            step=step,
        )

    def takes_effect(self, key: Key, reason: str, why: str, **more: Any) -> Iterator[Promotion | Control]:
        """A challenger is put in charge; where a canary is declared, it serves the next of its steps before.

        Parameters
        ----------
        reason, why
            Of the decision, and of the control record.
        more
            Further fields of the decision.
        """
        canary, steps, shares = self.reigns.canary, self.reigns.policy.canary, self.reigns.shares
        step = canary.step if canary is not None and canary.key == key else 0
        if step < len(steps):
            # A person may have given it more already, or others so much that less is left.
            own = shares.share(key)
            share = min(max(steps[step], own), own + shares.free)
            step += 1
            before = f"canary, step {step} of {len(steps)}, {share:.4g} of the traffic; "
            yield self.promotion(key, "promote", before + reason, status="canary", **more)
            yield self.shared(key, share, before + why, step)
        else:
            yield self.promotion(key, "promote", reason, **more)
            yield self.control(key, "promoted", why)
