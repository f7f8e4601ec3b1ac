"""One challenger on trial against one champion: the evidence, and what follows from it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from models import gains
from models.cohorts import Cohorts
from models.guards import Guards
from models.outcomes import Key
from models.pairs import LOSSES, Pairs
from models.pipeline import Pipeline, duration
from models.policies import Promotion

Verdict = Literal["promote", "keep", "undecided", "futile", "roll_back"]

#: Chance that a test is given up although the challenger is better by what is worthwhile, or at all.
GIVE_UP_RATE = 0.05

#: A gain that is worthwhile, where none is declared, as a share of the clipped loss's range.
WORTHWHILE = 0.002

_MEANING: dict[Verdict, str] = {
    "promote": "it is better",
    "roll_back": "the former champion is better",
    "keep": "the champion is better",
    "futile": "no worthwhile gain is possible",
    "undecided": "given up without a decision",
}

#: Goes up when the test itself changes.
METHOD = "1"


@dataclass(frozen=True)
class Terms:
    """A declared policy in numbers.

    Parameters
    ----------
    loss
        Which loss.
    settle_s, block_s
        Event time, in seconds; no block: 0.
    digest
        Equal for equal policies.
    """

    policy: Promotion
    loss: str
    settle_s: float
    block_s: float
    digest: str


def terms_of(pipeline: Pipeline, policy: Promotion) -> Terms:
    """The terms on which a pipeline's challengers are tried."""
    settle = pipeline.timeout if policy.settle is None else duration(policy.settle)
    block_s = 0.0 if policy.block is None else duration(policy.block).total_seconds()
    said = f"{METHOD} {pipeline.problem} {settle} {policy!r}"
    return Terms(
        policy=policy,
        loss=policy.loss or LOSSES[pipeline.problem],
        settle_s=settle.total_seconds(),
        block_s=block_s,
        digest=hashlib.sha256(said.encode()).hexdigest()[:16],
    )


class Trial:
    """The paired losses of a challenger and the champion.

    Parameters
    ----------
    terms
        On which it is tried.
    key
        The challenger.
    number
        Of this trial in the life of the pipeline, from 1 on: it decides how much of the promised rate is spent.
    since
        Predictions count that were made from this position of the log on. Then every cohort is seen from its beginning,
        and no label is looked at that an earlier trial of the same challenger has seen.
    back
        Whether the challenger was the champion before: then its victory is a way back.
    sizes, binary
        Of the declared groups, and whether there is a probability of one class.
    """

    def __init__(
        self, terms: Terms, key: Key, number: int, since: int, back: bool, sizes: Sequence[int], binary: bool
    ) -> None:
        self.key = key
        self.number = number
        self.since = since
        self.back = back
        self.rate = gains.spent(terms.policy.false_promotion_rate, number)
        self.cohorts = Cohorts(terms.settle_s, terms.block_s)
        self.guards = Guards(terms.policy, sizes, binary)
        self.proposed = False
        #: Labels from which on it may be promoted; a veto puts it off.
        self.not_before = float(terms.policy.examples_min)
        self._policy = terms.policy
        self._loss = terms.loss

    def add(self, told: Pairs, champion: Key) -> None:
        """Labels have come."""
        differences = told.losses[champion] - told.losses[self.key]
        use = ~np.isnan(differences) & (told.positions >= self.since)
        if not use.any():
            return
        differences = differences[use]
        withdrawn = None if told.withdrawn is None else told.withdrawn[use]
        self.cohorts.add(differences, told.weights[use], told.times_s[use], withdrawn)
        self.guards.add(told, use, differences, [told.scores[key] for key in (champion, self.key) if told.scores])

    def judge(self, unit: float) -> Verdict | None:
        """What the evidence comes to; ``None``: nothing yet.

        Parameters
        ----------
        unit
            The loss that a difference of one is.
        """
        examples = self.cohorts.examples
        give_up = math.log(1 / GIVE_UP_RATE)
        better = gains.log_purse(self.cohorts.up) >= math.log(1 / self.rate)
        if better and self.back:
            return "roll_back"
        worthwhile = self._policy.worthwhile / unit if self._policy.worthwhile is not None else WORTHWHILE
        if gains.log_purse_below(self.cohorts.down, 0.0) >= give_up:
            return "keep"
        if gains.log_purse_below(self.cohorts.down, worthwhile) >= give_up:
            return "futile"
        if better and examples >= self.not_before:
            return None if self.proposed else "promote"
        return "undecided" if examples >= self._policy.examples_max and not self.proposed else None

    def lower(self) -> float:
        """Lower bound of the gain, as a share of the clipped loss's range."""
        return gains.lower(self.cohorts.up, self.rate)

    def reason(self, verdict: Verdict, unit: float) -> str:
        """Why, for a person."""
        gain = gains.mean_of(self.cohorts.up) * unit
        than = "lower" if gain >= 0 else "higher"
        said = f"{self._loss} {abs(gain):.4g} {than} than the champion's on {round(self.cohorts.examples):,} labels"
        return f"{_MEANING[verdict]}: {said}"

    def evidence(self, unit: float) -> dict[str, float]:
        """The numbers of the test, for a record."""
        purse = math.exp(min(gains.log_purse(self.cohorts.up), 690.0))
        return {
            "mean_difference": gains.mean_of(self.cohorts.up) * unit,
            "lower": self.lower() * unit,
            "upper": gains.upper(self.cohorts.down, GIVE_UP_RATE) * unit,
            "e_value": purse,
            "threshold": 1 / self.rate,
            "rate": self.rate,
            "test": float(self.number),
            "corrected_late": self.cohorts.late,
        }
