"""Occasions to retrain, as a fold over the learning log: what a declaration asks for, not yet what is done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, get_args

from models.crontab import Crontab
from models.milestones import Milestones
from models.pipeline import Pipeline, duration
from models.policies import Retraining
from models.training import LOSS
from schemas.drift import Cause, Drift
from schemas.examples import Control, Example, LogRecord, Profile
from schemas.health import Health
from schemas.retrains import Trigger
from schemas.values import Record

#: While one of these lasts, what the labels or the features say is wrong, and nothing is retrained by itself.
BLOCKING: tuple[Cause, ...] = ("labels_late", "feed_broken")

#: The causes that may ask for a retraining.
CAUSES: tuple[str, ...] = tuple(cause for cause in get_args(Cause) if cause not in BLOCKING)

#: The states of an objective that may.
STATES = ("at_risk", "broken")


NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Occasion:
    """One reason to retrain, at one position.

    Parameters
    ----------
    subject
        The reason as a key.
    reason
        The reason for a person.
    evidence
        What was seen. ``episode``: there is one retraining for an episode of drift of one cause. ``slot``: one for each
        time at which a schedule was due, in seconds since 1970.
    """

    trigger: Trigger
    subject: str
    reason: str
    evidence: dict[str, float] = field(default_factory=dict)


class Occasions:
    """Folds the log, and what health and drift say about it, into occasions.

    Parameters
    ----------
    pipeline
        What is declared.

    Attributes
    ----------
    position
        Up to where in the log it has folded.
    time
        Event time as far as it has come; None before the first.
    milestones
        Where in the log how much of it lies.
    champion
        Name and version of the model in charge; None before there is one.
    former
        The champion before, which may come back.
    trained
        Trained models that are active.
    blocked
        The cause because of which nothing is retrained by itself now.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self.position = 0
        self.time: datetime | None = None
        self.milestones = Milestones()
        self.champion: tuple[str, int] | None = None
        self.former: tuple[str, int] | None = None
        self.trained: set[tuple[str, int]] = set()
        self.blocked: Cause | None = None
        self._pipeline = pipeline
        self._declared = pipeline.retraining or Retraining()
        event = self._declared.clock == "event"
        self._crontab = Crontab.of(self._declared.crontab) if self._declared.crontab and event else None
        self._interval = None if self._declared.every is None else duration(self._declared.every)
        self._due: dict[str, datetime] = {}
        self._due_next = datetime.min.replace(tzinfo=UTC)
        self._examples = 0
        self._episode: Occasion | None = None
        self._best: float | None = None
        self._excess: float | None = None

    @property
    def challengers(self) -> set[tuple[str, int]]:
        """Trained models that are active, without the one in charge and the one before, whose way back stays open."""
        return self.trained - {key for key in (self.champion, self.former) if key is not None}

    def fold(self, offset: int, record: LogRecord, said: Sequence[Record] = ()) -> list[Occasion]:
        """Take in the record at ``offset`` and what was said about it; gives the occasions of this moment."""
        if offset < self.position:
            return []
        self.position = offset + 1
        found: list[Occasion] = []
        if type(record) is Example:
            if self.time is None or record.time > self.time:
                self.time = record.time
                if record.time >= self._due_next:
                    found += self._scheduled(record.time)
            if record.label is not None:
                self.milestones.add(offset, self.time)
                self._examples += 1
                if self._declared.examples is not None and self._examples >= self._declared.examples:
                    found.append(self._of_examples())
        elif isinstance(record, Profile):
            if self.time is None or record.until > self.time:
                self.time = record.until
                if record.until >= self._due_next:
                    found += self._scheduled(record.until)
        elif isinstance(record, Control):
            self._control(record)
        for one in said:
            if isinstance(one, Drift):
                self._drift(one)
            elif isinstance(one, Health):
                found += self._health(one)
            else:
                continue
            if self._episode is not None:
                found.append(self._episode)
        if not found or self.blocked:
            return []
        return [one for one in found if self._pays(one)]

    def _scheduled(self, time: datetime) -> Iterator[Occasion]:
        """What is due now, and when it is due again."""
        declared = self._declared
        if self._interval is not None:
            yield from self._schedule("every", time, time + self._interval, f"every {declared.every}")
        if self._crontab is not None:
            yield from self._schedule("crontab", time, self._crontab.after(time), f"crontab {declared.crontab}")
        self._due_next = min(self._due.values(), default=NEVER)

    def _schedule(self, name: str, time: datetime, after: datetime, text: str) -> Iterator[Occasion]:
        due = self._due.setdefault(name, after)
        if time >= due:
            self._due[name] = after
            yield Occasion("schedule", f"schedule:{name}", f"{text}: due since {due:%Y-%m-%dT%H:%M:%SZ} event time")

    def _of_examples(self) -> Occasion:
        count, self._examples = self._examples, 0
        return Occasion("examples", "examples", f"{count:,} new labels", {"examples": float(count)})

    def _control(self, control: Control) -> None:
        key = control.model, control.version
        if control.action == "added":
            if control.trained is not None:
                self.trained.add(key)
        elif control.action in ("promoted", "rolled_back"):
            if key != self.champion:
                self.former, self.champion = self.champion, key
            # What was best before is no measure for another model.
            self._best = self._excess = None
        elif control.action in ("removed", "quarantined"):
            self.trained.discard(key)

    def _drift(self, drift: Drift) -> None:
        if drift.phase == "signal":
            return
        if drift.phase == "end":
            self._episode = self.blocked = None
            return
        self.blocked = drift.cause if drift.cause in BLOCKING else None
        self._episode = None
        if drift.cause in self._declared.drift:
            episode = float(drift.position if drift.episode is None else drift.episode)
            reason = f"drift of cause {drift.cause}" + (f": {drift.reason}" if drift.reason else "")
            evidence = {"episode": episode} | drift.evidence
            self._episode = Occasion("drift", f"drift:{drift.cause}", reason, evidence)

    def _health(self, health: Health) -> Iterator[Occasion]:
        champion = next((one for one in health.models if one.champion), None)
        loss = champion.rolling.get(LOSS[self._pipeline.problem]) if champion is not None else None
        if loss is not None:
            self._best = loss if self._best is None else min(self._best, loss)
            self._excess = loss - self._best
        for one in health.objectives:
            if one.state in self._declared.objective:
                evidence = {"bound": one.bound, "count": float(one.count)}
                evidence |= {} if one.value is None else {"value": one.value}
                if one.interval is not None:
                    evidence |= {"low": one.interval.low, "high": one.interval.high}
                state = one.state.replace("_", " ")
                reason = f"objective {state}: {one.name}"
                yield Occasion("objective", f"objective:{one.name}", reason, evidence)

    def _pays(self, occasion: Occasion) -> bool:
        """Whether the loss that may be avoided is worth the cost, where one is declared."""
        if self._declared.cost is None or occasion.trigger not in ("drift", "objective"):
            return True
        return self._excess is not None and self._excess * self._declared.gain_examples > self._declared.cost

    def state(self) -> dict[str, Any]:
        """Everything the fold has brought about, for a checkpoint."""
        declared = ("_pipeline", "_declared", "_crontab", "_interval")
        return {name: value for name, value in vars(self).items() if name not in declared}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state` gave."""
        vars(self).update(state)
        # Another schedule may be declared by now.
        self._due_next = datetime.min.replace(tzinfo=UTC)
