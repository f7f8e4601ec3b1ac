"""Who is in charge, who was before, and who is on trial."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from models.canaries import Canary
from models.emergency import Emergency
from models.gains import spent
from models.outcomes import Key
from models.pipeline import Pipeline
from models.policies import Promotion as Policy
from models.shares import Shares
from models.trials import Trial, terms_of
from schemas.examples import Control


def state_of(key: Key) -> str:
    """``model@version``."""
    return f"{key[0]}@{key[1]}"


class Reigns:
    """The active models in their parts.

    On trial is every active model that is no baseline and not the champion, unless the policy names others. A new
    champion begins new trials. Each trial, whoever it is about and whichever way, has the next number in the life of
    the pipeline, and trial ``k`` may err with probability ``rate * 6 / (pi * k)**2``; all together with ``rate``.

    Parameters
    ----------
    pipeline
        Its policy; without one nobody is on trial.
    sizes
        Rows of each declared group.
    """

    def __init__(self, pipeline: Pipeline, sizes: list[int]) -> None:
        self.policy = pipeline.promotion or Policy()
        self.terms = terms_of(pipeline, self.policy)
        #: The active models, by the control record that added them.
        self.models: dict[Key, Control] = {}
        self.champion: Key | None = None
        #: The former champion, while it is active.
        self.previous: Key | None = None
        #: Whether the champion has begun to lose to the former one; only after a promotion.
        self.emergency: Emergency | None = None
        self.trials: dict[Key, Trial] = {}
        #: Whom challengers serve.
        self.shares = Shares()
        #: Who has won, and serves growing shares before it is put in charge.
        self.canary: Canary | None = None
        #: Promotions that wait for a person, and until when.
        self.proposed: dict[Key, datetime] = {}
        #: Outcomes that have come.
        self.outcomes = 0
        #: Whether there is a policy at all.
        self.tried = pipeline.promotion is not None
        self._binary = pipeline.problem == "binary"
        self._sizes = sizes
        self._begun = 0
        self._promotions = 0
        #: Outcomes from which on a challenger that was given up is tried again.
        self._resting: dict[Key, int] = {}

    def follow(self, control: Control, position: int) -> None:
        """A control record takes effect; predictions from ``position`` on count for the trials that follow from it."""
        key = control.model, control.version
        is_able = key in self.models and key != self.champion
        self.shares.follow(position - 1, control, able=is_able)
        if control.action == "added":
            self.models[key] = control
        elif control.action == "shared":
            if is_able:
                self._share(key, control, position)
        elif control.action in ("removed", "quarantined"):
            self.models.pop(key, None)
            self.close(key)
            if key == self.champion:
                self.champion = self.previous = self.emergency = None
                self.trials, self.proposed = {}, {}
            elif key == self.previous:
                self.previous = self.emergency = None
            if self.canary is not None and self.canary.key == key:
                self.canary = None
        elif key != self.champion and key in self.models:
            self._crown(key, control)
        self.begin(position)

    def _share(self, key: Key, control: Control, position: int) -> None:
        """A challenger serves another share: as a step of its canary, or because a person wants it so."""
        mine = self.canary is not None and self.canary.key == key
        if not control.share:
            if mine:
                self.canary = None
                self.rest(key)
        elif control.step:
            if self.canary is None or not mine:
                trial = self.trials.get(key)
                self._promotions += 1
                rate = spent(self.policy.emergency_rate, self._promotions)
                self.canary = Canary(key, 0 if trial is None else trial.number, rate, self.policy.emergency_gap)
                if trial is not None:
                    trial.proposed = True
                self.proposed.pop(key, None)
            self.canary.begin(control.step, position)

    def _crown(self, key: Key, control: Control) -> None:
        former, self.champion = self.champion, key
        if self.canary is not None and self.canary.key == key:
            self.canary = None
        self.previous = former if former in self.models else None
        self.emergency = None
        self.trials, self.proposed = {}, {}
        if former is None:
            return
        if control.action == "rolled_back":
            self.rest(former)
        elif self.previous is not None:
            self._resting.pop(former, None)
            self._promotions += 1
            self.emergency = Emergency(spent(self.policy.emergency_rate, self._promotions), self.policy.emergency_gap)

    def begin(self, position: int) -> None:
        """Whoever may be put in charge and is not on trial is now, in the order in which they were added."""
        if self.champion is None or not self.tried:
            return
        for key, control in self.models.items():
            named = self.policy.challengers is None or key[0] in self.policy.challengers
            # Who was the champion before may always come back.
            eligible = key == self.previous or (named and not control.baseline)
            if not eligible or key == self.champion or key in self.trials:
                continue
            if self._resting.get(key, 0) > self.outcomes:
                continue
            self._resting.pop(key, None)
            self._begun += 1
            back = key == self.previous and self.emergency is not None
            self.trials[key] = Trial(self.terms, key, self._begun, position, back, self._sizes, self._binary)

    def given_up(self, among: Collection[Key]) -> Key | None:
        """Of these models the one that rests the longest since its trial was given up.

        None that may be needed again: the former champion, or the only version of what the pipeline file declares.
        """
        kept = {self.champion, self.previous, *self.trials}
        digests = [control.definition for control in self.models.values()]
        resting = [
            key
            for key in self._resting
            if key in among
            and key not in kept
            and key in self.models
            and digests.count(self.models[key].definition) > 1
        ]
        return min(resting, key=self._resting.__getitem__, default=None)

    def close(self, key: Key) -> None:
        """A trial is over."""
        self.trials.pop(key, None)
        self.proposed.pop(key, None)
        self._resting.pop(key, None)

    def rest(self, key: Key) -> None:
        """A trial is over, and the next one of this challenger begins after a while."""
        self.close(key)
        self._resting[key] = self.outcomes + self.policy.retest_examples

    def renew(self, other: Reigns, position: int) -> None:
        """Go on from another policy: its trials are given up, and what they have spent stays spent."""
        self.models, self.champion, self.previous = other.models, other.champion, other.previous
        self.shares, self.canary = other.shares, other.canary
        self.outcomes, self._begun, self._promotions = other.outcomes, other._begun, other._promotions
        if other.emergency is not None:
            self.emergency = Emergency(spent(self.policy.emergency_rate, self._promotions), self.policy.emergency_gap)
        self.begin(position)
