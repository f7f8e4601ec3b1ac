"""The fold over the learning log that says who should be in charge."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal

import numpy as np

from models.emergency import Emergency
from models.groups import Groups
from models.outcomes import Key
from models.pairs import Pairs, Scale, pairs, unit_of
from models.pipeline import Pipeline, duration
from models.reigns import Reigns, state_of
from models.trials import Trial, Verdict
from schemas.examples import Control, Example, LogRecord, Notice, Profile
from schemas.promotions import Promotion

#: Outcomes that are looked at together: fewer where an accident may have to be seen. Where in the log they end follows
#: from the log alone.
CHUNK, CHUNK_ALERT = 256, 128

#: Recent examples that are kept to try challengers on.
RECENT_MAX = 64


class Verdicts:
    """Every challenger on trial, and the decisions that follow.

    A decision is made at one place of the log, and takes effect where its control record stands. Until that has come,
    nothing else is decided. What decides is only what the log says, so that a leader that takes over comes to the same.

    Parameters
    ----------
    pipeline
        Its models, groups and policy; without a policy nothing is tried, and only who is in charge is followed.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self.position = 0
        self.time: datetime | None = None
        #: Whether a person has said that no model is promoted by itself.
        self.frozen = False
        self.groups = Groups(pipeline.groups, 1)
        self.reigns = Reigns(pipeline, self.groups.sizes)
        self.scale = Scale(pipeline.problem, self.reigns.policy.error_max)
        self.recent: deque[Example] = deque(maxlen=RECENT_MAX)
        self._pipeline = pipeline
        self._gathered: list[Example] = []
        self._pending = False

    @property
    def loss(self) -> str:
        """The loss that decides."""
        return self.reigns.terms.loss

    @property
    def unit(self) -> float:
        """The loss that a difference of one between clipped losses is; 1 while it is not known."""
        return unit_of(self.loss, self.scale.value) if self.scale.known else 1.0

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
                enough = CHUNK if self.reigns.emergency is None else CHUNK_ALERT
                return self._look() if len(self._gathered) >= enough else []
        elif isinstance(record, Profile):
            self.time = record.until if self.time is None else max(self.time, record.until)
            return self._look() if self._gathered or self.reigns.proposed else []
        elif isinstance(record, Control):
            # What a person or the file decides stands, whatever the last few examples say.
            self._count()
            self._pending &= record.action not in ("promoted", "rolled_back")
            self.reigns.follow(record, self.position)
        elif isinstance(record, Notice):
            self._notice(record)
        return []

    def _notice(self, notice: Notice) -> None:
        if notice.action in ("frozen", "thawed"):
            self.frozen = notice.action == "frozen"
        elif notice.action == "refused":
            self._count()
            self._pending = False
            for key in [key for key in self.reigns.trials if state_of(key) == notice.target]:
                self.reigns.rest(key)

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

    def decide(self) -> list[Promotion | Control]:
        """What follows from what has been taken in."""
        if self._pending or self.reigns.champion is None or self.time is None:
            return []
        self.reigns.begin(self.position)
        if self.reigns.emergency is not None and self.reigns.emergency.calls:
            return list(self._hasten(self.reigns.emergency))
        return [*self._lapse(self.time), *self._judge(self.time)]

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

    def _lapse(self, time: datetime) -> Iterator[Promotion]:
        for key in [key for key, until in self.reigns.proposed.items() if until < time]:
            yield self.promotion(key, "promote", "nobody answered in time", status="lapsed")
            self.reigns.rest(key)

    def _judge(self, time: datetime) -> Iterator[Promotion | Control]:
        found: list[tuple[float, Trial, Verdict]] = []
        for trial in list(self.reigns.trials.values()):
            verdict = trial.judge(self.unit) if trial.cohorts.release(time.timestamp()) else None
            if verdict in ("promote", "roll_back"):
                found.append((trial.lower(), trial, verdict))
            elif verdict is not None:
                yield self.promotion(trial.key, verdict, trial.reason(verdict, self.unit))
                self.reigns.rest(trial.key)
        for _, trial, verdict in sorted(found, key=lambda one: -one[0]):
            # Frozen, a challenger that has won goes on; the way back stays open.
            if not self._pending and not (self.frozen and verdict == "promote"):
                yield from self._put_in_charge(trial, verdict, time)

    def _put_in_charge(self, trial: Trial, verdict: Verdict, time: datetime) -> Iterator[Promotion | Control]:
        key, reason = trial.key, trial.reason(verdict, self.unit)
        if verdict == "roll_back":
            self._pending = True
            yield self.promotion(key, verdict, reason)
            yield self.control(key, "rolled_back", reason)
            return
        policy = self.reigns.policy
        guards = trial.guards.judge(self._group_values(), self.unit)
        vetoes = list(dict.fromkeys(guard.name for guard in guards if not guard.passed))
        if vetoes:
            trial.not_before = trial.cohorts.examples + policy.examples_min
            reason = f"vetoed by {', '.join(vetoes)}; {reason}"
            yield self.promotion(key, verdict, reason, status="vetoed", guards=guards)
        elif policy.mode == "approval":
            trial.proposed = True
            until = self.reigns.proposed[key] = time + duration(policy.approval_timeout)
            yield self.promotion(key, verdict, reason, status="waiting", guards=guards, until=until)
        else:
            self._pending = True
            yield self.promotion(key, verdict, reason, guards=guards)
            yield self.control(key, "promoted", reason)

    def _group_values(self) -> list[tuple[str, list[str]]]:
        return [
            (name, ["other values" if others else str(value) for _, value, others in self.groups.values(place)])
            for place, name in enumerate(self.groups.names)
        ]

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
