"""The fold over the learning log that says who should be in charge."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import datetime
from typing import Any, ClassVar

import numpy as np

from models.canaries import Canary
from models.emergency import Emergency
from models.groups import Groups
from models.outcomes import Key
from models.pairs import Pairs, Scale, pairs
from models.pipeline import Pipeline, duration
from models.reigns import Reigns, state_of
from models.rulings import Rulings
from models.trials import Trial, Verdict
from schemas.examples import Control, Example, LogRecord, Notice, Profile
from schemas.promotions import Promotion

#: Outcomes that are looked at together: fewer where an accident may have to be seen. Where in the log they end follows
#: from the log alone.
CHUNK, CHUNK_ALERT = 256, 128

#: Recent examples that are kept to try challengers on.
RECENT_MAX = 64


class Verdicts(Rulings):
    """Every challenger on trial, and the decisions that follow.

    A decision is made at one place of the log, and takes effect where its control record stands. Until that has come,
    nothing else is decided. What decides is only what the log says, so that a leader that takes over comes to the same.

    Parameters
    ----------
    pipeline
        Its models, groups and policy; without a policy nothing is tried, and only who is in charge is followed.
    """

    layout: ClassVar[int] = 2

    def __init__(self, pipeline: Pipeline) -> None:
        self.groups = Groups(pipeline.groups, 1)
        reigns = Reigns(pipeline, self.groups.sizes)
        super().__init__(pipeline, reigns, Scale(pipeline.problem, reigns.policy.error_max))
        #: Whether a person has said that no model is promoted by itself.
        self.frozen = False
        self.recent: deque[Example] = deque(maxlen=RECENT_MAX)
        self._gathered: list[Example] = []
        self._pending = False
        #: Whose next share is what is waited for.
        self._awaited: Key | None = None

    def fold(self, offset: int, record: LogRecord) -> list[Promotion | Control]:
        """Take in the record at ``offset``; gives decisions, and the control records that follow from them."""
        if offset < self.position:
            return []
        self.position = offset + 1
        if isinstance(record, Example):
            if self.time is None or record.time > self.time:
                self.time = record.time
            if self._pipeline.promotion is not None:
                self._gathered.append(record)
                enough = CHUNK_ALERT if self.reigns.emergency or self.reigns.canary else CHUNK
                return self._look() if len(self._gathered) >= enough else []
        elif isinstance(record, Profile):
            self.time = record.until if self.time is None else max(self.time, record.until)
            return self._look() if self._gathered or self.reigns.proposed or self.reigns.canary else []
        elif isinstance(record, Control):
            # What a person or the file decides stands, whatever the last few examples say.
            self._count()
            if record.action in ("promoted", "rolled_back") or (
                record.action == "shared" and record.step and self._awaited == (record.model, record.version)
            ):
                self._pending, self._awaited = False, None
            self.reigns.follow(record, self.position)
        elif isinstance(record, Notice):
            return self._notice(record)
        return []

    def _notice(self, notice: Notice) -> list[Promotion | Control]:
        if notice.action in ("frozen", "thawed"):
            self.frozen = notice.action == "frozen"
        elif notice.action == "refused":
            self._count()
            self._pending = False
            canary = self.reigns.canary
            if canary is not None and state_of(canary.key) == notice.target:
                return list(self._withdraw(canary, "promote", f"refused by {notice.by}: {notice.reason}"))
            for key in [key for key in self.reigns.trials if state_of(key) == notice.target]:
                self.reigns.rest(key)
        return []

    def _look(self) -> list[Promotion | Control]:
        self._count()
        return self.decide()

    def _count(self) -> None:
        """Put what was gathered into the trials."""
        reigns = self.reigns
        examples, self._gathered = self._gathered, []
        reigns.outcomes += len(examples)
        self.recent.extend(example for example in examples if example.label is not None)
        if not examples or reigns.champion is None or (self.scale.known and not reigns.trials and not reigns.emergency):
            return
        former = [reigns.previous] if reigns.previous is not None else []
        keys = list(dict.fromkeys([reigns.champion, *reigns.trials, *former]))
        told = pairs(self._pipeline, self.loss, examples, keys, self.scale, self.groups)
        if told is not None and len(told):
            self.take(told)

    def take(self, told: Pairs) -> None:
        """Labels have come."""
        reigns = self.reigns
        assert reigns.champion is not None
        for trial in reigns.trials.values():
            trial.add(told, reigns.champion)
        if reigns.emergency is not None and reigns.previous is not None:
            lost = (told.losses[reigns.champion] - told.losses[reigns.previous])[told.weights > 0]
            reigns.emergency.add(lost[~np.isnan(lost)])
        if reigns.canary is not None:
            reigns.canary.add(told, reigns.champion)

    def decide(self) -> list[Promotion | Control]:
        """What follows from what has been taken in."""
        if self._pending or self.reigns.champion is None or self.time is None:
            return []
        self.reigns.begin(self.position)
        if self.reigns.emergency is not None and self.reigns.emergency.calls:
            return list(self._hasten(self.reigns.emergency))
        return [*self._go_on(), *self._lapse(self.time), *self._judge(self.time)]

    def _hasten(self, emergency: Emergency) -> Iterator[Promotion | Control]:
        former = self.reigns.previous
        assert former is not None
        self._pending = True
        reason = f"emergency: the champion has begun to lose to the former one, {emergency.labels:,} labels after it"
        evidence = {
            "e_value": emergency.e_value,
            "threshold": 1 / emergency.rate,
            "rate": emergency.rate,
            "emergency": 1.0,
        }
        yield self.promotion(former, "roll_back", reason, evidence=evidence, examples=emergency.labels)
        yield self.control(former, "rolled_back", reason)

    def _go_on(self) -> Iterator[Promotion | Control]:
        """With the canary, if it is time: one step further, in charge, or back."""
        canary = self.reigns.canary
        if canary is None:
            return
        trial, watch = self.reigns.trials.get(canary.key), canary.watch
        if trial is None or trial.number != canary.test:
            yield from self._withdraw(canary, "undecided", "the trial that its canary rests on is over")
        elif watch.calls:
            reason = f"emergency: in its canary it has begun to lose to the champion, on {watch.labels:,} labels"
            yield from self._withdraw(canary, "keep", reason, evidence=canary.evidence(), examples=watch.labels)
        elif canary.labels >= self.reigns.policy.canary_examples and not self.frozen:
            yield from self._put_in_charge(trial, "promote", None)

    def _withdraw(self, canary: Canary, verdict: Verdict, reason: str, **more: Any) -> Iterator[Promotion | Control]:
        self._pending, self._awaited = True, canary.key
        yield self.promotion(canary.key, verdict, reason, status="withdrawn", **more)
        yield self.shared(canary.key, 0.0, reason, canary.step)
        self.reigns.canary = None
        self.reigns.rest(canary.key)

    def _lapse(self, time: datetime) -> Iterator[Promotion]:
        for key in [key for key, until in self.reigns.proposed.items() if until < time]:
            yield self.promotion(key, "promote", "nobody answered in time", status="lapsed")
            self.reigns.rest(key)

    def _judge(self, time: datetime) -> Iterator[Promotion | Control]:
        found: list[tuple[float, Trial, Verdict]] = []
        canary = self.reigns.canary
        for trial in list(self.reigns.trials.values()):
            verdict = trial.judge(self.unit) if trial.cohorts.release(time.timestamp()) else None
            if verdict in ("promote", "roll_back"):
                found.append((trial.lower(), trial, verdict))
            elif verdict is not None and canary is not None and canary.key == trial.key:
                if not self._pending:
                    yield from self._withdraw(canary, verdict, trial.reason(verdict, self.unit))
            elif verdict is not None:
                yield self.promotion(trial.key, verdict, trial.reason(verdict, self.unit))
                self.reigns.rest(trial.key)
        for _, trial, verdict in sorted(found, key=lambda one: -one[0]):
            # Frozen, or behind the canary of another, a challenger that has won goes on; the way back stays open.
            if not self._pending and not (verdict == "promote" and (self.frozen or canary is not None)):
                yield from self._put_in_charge(trial, verdict, time)

    def _put_in_charge(self, trial: Trial, verdict: Verdict, time: datetime | None) -> Iterator[Promotion | Control]:
        key, reason = trial.key, trial.reason(verdict, self.unit)
        if verdict == "roll_back":
            self._pending = True
            yield self.promotion(key, verdict, reason)
            yield self.control(key, "rolled_back", reason)
            return
        policy = self.reigns.policy
        trained = self.reigns.models[key].trained
        guards = trial.guards.judge(self._group_values(), self.unit, None if trained is None else trained.fit)
        vetoes = list(dict.fromkeys(guard.name for guard in guards if not guard.passed))
        canary = self.reigns.canary
        if vetoes:
            trial.not_before = trial.cohorts.examples + policy.examples_min
            reason = f"vetoed by {', '.join(vetoes)}; {reason}"
            if canary is not None:
                yield from self._withdraw(canary, verdict, reason, guards=guards)
                return
            yield self.promotion(key, verdict, reason, status="vetoed", guards=guards)
        elif policy.mode == "approval" and canary is None:
            assert time is not None
            trial.proposed = True
            until = self.reigns.proposed[key] = time + duration(policy.approval_timeout)
            yield self.promotion(key, verdict, reason, status="waiting", guards=guards, until=until)
        else:
            self._pending, self._awaited = True, key
            yield from self.takes_effect(key, reason, reason, guards=guards)

    def _group_values(self) -> list[tuple[str, list[str]]]:
        return [
            (name, ["other values" if others else str(value) for _, value, others in self.groups.values(place)])
            for place, name in enumerate(self.groups.names)
        ]

    def state(self) -> dict[str, Any]:
        """Everything the fold has brought about, for a checkpoint."""
        return {name: value for name, value in vars(self).items() if name != "_pipeline"}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state` gave; from nothing, begin with the log.

        With another policy, other groups or another problem all trials begin anew, under numbers of their own: what was
        spent is spent.
        """
        fresh = Verdicts(self._pipeline)
        vars(self).update(vars(fresh) | state)
        told, declared = ((one.reigns.terms, one.reigns.tried, one.groups.names) for one in (self, fresh))
        if told != declared:
            fresh.reigns.renew(self.reigns, self.position)
            self.reigns, self.groups, self.scale = fresh.reigns, fresh.groups, fresh.scale
            self._gathered, self._pending = [], False
