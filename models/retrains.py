"""From occasions and commands to retrainings: what is asked for, within bounds, and what has become of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from msgspec import structs

from models.budget import Budget, Moment, WallClock
from models.estimators import one_by_one
from models.occasions import Occasion, Occasions
from models.parameters import adjusted, altered, seed_of
from models.pipeline import Pipeline, duration
from models.policies import Retraining
from schemas.commands import Command
from schemas.errors import BadRecord
from schemas.examples import Control, LogRecord
from schemas.retrains import Method, Retrain
from schemas.values import FeatureValue, Record

#: Retrainings that wait or run at most.
OPEN_MAX = 16

#: Letters and digits of the longest id, reason and name in a command.
CHARACTERS_MAX = 1000


class Retrains:
    """The retrainings of one pipeline: a fold over the log for what asks for them, and over their own steps.

    The steps are what has been said on the topic ``retrains``, so that a new leader knows what was asked for and what
    is still to be done. What asks for one anew is folded from the log.

    Parameters
    ----------
    pipeline
        What is declared.

    Attributes
    ----------
    open
        By id, the last step of each that is neither finished nor failed, in the order in which they were asked for.
    held
        Occasions that a bound has held back.
    """

    layout: ClassVar[int] = 2

    def __init__(self, pipeline: Pipeline) -> None:
        self.occasions = Occasions(pipeline)
        self.budget = Budget()
        self.open: dict[str, Retrain] = {}
        self.held = 0
        self._pipeline = pipeline
        self.declared = pipeline.retraining or Retraining()
        self._cooldown = duration(self.declared.cooldown)
        self._clock = WallClock(self.declared) if self.declared.clock == "wall" else None
        self._asked: dict[str, datetime] = {}
        self._episodes: dict[tuple[str, str], float] = {}
        self._reported = 0

    @property
    def position(self) -> int:
        """Up to where in the log it has folded."""
        return self.occasions.position

    def fold(self, offset: int, record: LogRecord, said: Sequence[Record] = ()) -> list[Occasion]:
        """Take in the record at ``offset``, and what health and drift say about it; gives reasons to retrain."""
        if isinstance(record, Control) and record.trained is not None:
            # It has come to its end, even if its last step was never told.
            self.open.pop(record.trained.retrain, None)
        return self.occasions.fold(offset, record, said)

    def hear(self, step: Retrain) -> None:
        """Take in a step that has been told."""
        self.budget.hear(step)
        if self._clock is not None:
            self._clock.hear(step)
        if step.step == "requested":
            self.open[step.id] = step
            if step.trigger != "command":
                self._asked[step.model] = max(step.time, self._asked.get(step.model, step.time))
            if "episode" in step.evidence:
                self._episodes[step.model, step.subject] = step.evidence["episode"]
        elif step.step in ("finished", "failed"):
            self.open.pop(step.id, None)
        elif step.id in self.open and step.step == "started":
            self.open[step.id] = step

    # What is asked for.

    def due(self, now: Moment) -> list[Retrain]:
        """What is asked for by the clock on the wall."""
        occasion = self._clock.look(now.clock) if self._clock is not None else None
        return [] if occasion is None or self.occasions.blocked else self.of_occasion(occasion, now)

    def of_occasion(self, occasion: Occasion, now: Moment) -> list[Retrain]:
        """What is asked for on an occasion: one request for each model, unless a bound holds it back."""
        asked = []
        place = occasion.evidence.get("slot", now.position)
        for model in self._models():
            if self._held_back(occasion, model, now):
                self.held += 1
                continue
            step = self._request(
                f"{occasion.subject}-{model}-{place:.0f}", model, occasion.reason, now, window=self.declared.window
            )
            evidence = dict(occasion.evidence)
            if self.held > self._reported:
                evidence["held_back"] = float(self.held - self._reported)
                self._reported = self.held
            searches = self.declared.search is not None
            step = structs.replace(step, search=searches, batch=self.declared.batch, evidence=evidence)
            asked.append(structs.replace(step, trigger=occasion.trigger, subject=occasion.subject))
        return asked

    def _models(self) -> list[str]:
        if self.declared.models:
            return list(self.declared.models)
        champion = self.occasions.champion
        return [champion[0]] if champion is not None and champion[0] in self._pipeline.estimators else []

    def _held_back(self, occasion: Occasion, model: str, now: Moment) -> bool:
        episode = occasion.evidence.get("episode")
        last = self._asked.get(model)
        return (
            self.occasions.milestones.count < self.declared.examples_min
            or (episode is not None and self._episodes.get((model, occasion.subject)) == episode)
            or (last is not None and now.time < last + self._cooldown)
            or self.budget.is_spent(self.declared, now)
            or self._running(model, occasion.subject) is not None
            or len(self.open) >= OPEN_MAX
        )

    def of_command(self, command: Command, models: Mapping[str, Any], champion: Any, now: Moment) -> Retrain:
        """What a person asks for; cool-down and budget do not hold it back.

        Parameters
        ----------
        models
            The declared ones, fresh, by name.
        champion
            The state in charge, which a warm start copies.

        Raises
        ------
        BadRecord
            If it can't be done.
        """
        for name in ("id", "by", "reason"):
            if len(getattr(command, name)) > CHARACTERS_MAX:
                raise BadRecord("command", f"it has more than {CHARACTERS_MAX:,} characters", f"$.{name}")
        model = command.model or ""
        if model not in models:
            raise BadRecord("command", f"no model {model!r} is declared; there are {', '.join(models)}", "$.model")
        other = self._running(model, "command")
        if other is not None:
            raise BadRecord("command", f"{model!r} is being retrained by command already: {other}", "$.model")
        if len(self.open) >= OPEN_MAX:
            raise BadRecord("command", f"{OPEN_MAX} retrainings wait already")
        window = command.window if command.window is not None else self.declared.window
        method: Method = "warm" if command.warm else "fresh" if window is None else "window"
        try:
            if method == "warm":
                self._check_warm(model, command, champion)
            else:
                adjusted(models[model], command.parameters)
                self._check_search(command)
        except (ValueError, TypeError) as error:
            raise BadRecord("command", str(error), "$.parameters") from None
        try:
            step = self._request(
                command.id, model, command.reason or "asked for", now, window, method, command.parameters
            )
        except ValueError as error:
            raise BadRecord("command", str(error), "$.window") from None
        batch = self._batch(model, models[model], command)
        step = structs.replace(step, search=command.search, batch=0 if method == "warm" else batch)
        return structs.replace(step, subject="command", by=command.by, seed=seed_of(models[model]))

    def _check_search(self, command: Command) -> None:
        if command.search and self.declared.search is None:
            raise ValueError("no search is declared: write Retraining(search=Search(...)) in the pipeline file")
        if command.search and command.parameters:
            raise ValueError("a search chooses the parameters itself: leave them out")

    def _batch(self, name: str, model: Any, command: Command) -> int:
        batch = self.declared.batch if command.batch is None else command.batch
        if batch < 0:
            raise BadRecord("command", f"{batch} is no number of labels", "$.batch")
        tried = {name: model}
        if command.search and self.declared.search is not None:
            tried |= self.declared.search.models
        single = [f"{one!r} can't: {', '.join(found)}" for one, way in tried.items() if (found := one_by_one(way))]
        if batch and single:
            text = f"without learn_many nothing is learnt in batches; {'; '.join(single)}"
            raise BadRecord("command", text, "$.batch")
        return batch

    def _check_warm(self, model: str, command: Command, champion: Any) -> None:
        in_charge = self.occasions.champion
        # A leader that has not read the log yet knows of none; it looks again before it begins.
        if in_charge is not None and in_charge[0] != model:
            raise ValueError(f"a warm start copies the champion, which is no {model!r}")
        if command.search:
            raise ValueError("a search begins fresh, and a warm start does not")
        if not command.parameters:
            raise ValueError("a copy of the champion without another parameter would only say the same")
        if champion is not None:
            altered(champion, command.parameters)

    def _running(self, model: str, subject: str) -> str | None:
        """The id of what is done for the same reason."""
        return next((one.id for one in self.open.values() if (one.model, one.subject) == (model, subject)), None)

    def _request(
        self,
        id: str,
        model: str,
        reason: str,
        now: Moment,
        window: Any = None,
        method: Method | None = None,
        parameters: Mapping[str, FeatureValue] | None = None,
    ) -> Retrain:
        return Retrain(
            id=id,
            step="requested",
            model=model,
            time=now.time,
            reason=reason,
            first=now.position if method == "warm" else self._first(window, now.time),
            end=now.position,
            method=method or ("fresh" if window is None else "window"),
            window=None if window is None else str(_size(window)),
            parameters=dict(parameters or {}),
            position=now.position,
            clock=now.clock,
        )

    def _first(self, window: Any, time: datetime) -> int:
        """Where a window begins; a count of examples may come as text."""
        if window is None:
            return 0
        size = _size(window)
        if isinstance(size, int):
            return self.occasions.milestones.last(size)
        return self.occasions.milestones.since(time - duration(size))

    def begun(self, step: Retrain, now: Moment, seed: int) -> Retrain:
        """The step ``started``: its range is that of now, unless a leader before had begun."""
        again = step.step != "requested"
        first, end = (step.first, step.end) if again else (self._first(step.window, now.time), now.position)
        return told(step, now, step="started", seed=seed, first=first, end=end)

    # What becomes of it.

    def next(self) -> Retrain | None:
        """The first that waits, if there is room for another challenger."""
        return next(iter(self.open.values()), None) if self.has_room else None

    @property
    def has_room(self) -> bool:
        """Whether one more challenger may become active."""
        return len(self.occasions.challengers) < self.declared.challengers_max

    def state(self) -> dict[str, Any]:
        """What was folded from the log, for a checkpoint; the steps are read again from their topic."""
        return self.occasions.state()

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state` gave."""
        self.occasions.restore(state)


def told(before: Retrain, now: Moment, **changes: Any) -> Retrain:
    """The next step of a retraining, after the one before."""
    return structs.replace(before, time=now.time, position=now.position, clock=now.clock, **changes)


def _size(window: Any) -> int | str:
    """A window as it is kept: a count of examples, or a span as text.

    Raises
    ------
    ValueError
        If it is neither.
    """
    if isinstance(window, int) or (isinstance(window, str) and window.isdecimal()):
        return int(window)
    return f"{duration(window).total_seconds()}s"
