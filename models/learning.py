"""The fold over the learning log: which models are active, and what each of them has learnt."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, ClassVar

from models.answers import answering
from models.baselines import baselines
from models.definitions import definition
from models.members import Clock, Member
from models.parameters import altered
from models.pipeline import Pipeline, label_of
from models.shares import Shares
from schemas.errors import BadRecord, PipelineError
from schemas.examples import Control, Example, LogRecord
from schemas.predictions import Said
from schemas.values import FeatureValue, LabelValue, Score

#: Gives the fresh model of a control record; raises PipelineError where it cannot.
Fresh = Callable[[Control], Any]


def _refusal(member: Member, error: Exception) -> BadRecord:
    if isinstance(error, BadRecord):
        return error
    return BadRecord("prediction", f"model {member.state} raised {error!r}")


def declared(pipeline: Pipeline) -> dict[str, Any]:
    """Every model that a pipeline file asks for, baselines included, by name."""
    return {**pipeline.models, **baselines(pipeline.problem)}


def fresh_from(pipeline: Pipeline) -> Fresh:
    """Takes fresh models from the pipeline's declaration.

    The returned function raises :class:`~schemas.errors.PipelineError` where the log asks for a model that the
    file no longer declares, or declares otherwise.
    """
    models = {**pipeline.estimators, **baselines(pipeline.problem)}

    def fresh(control: Control) -> Any:
        model = models.get(control.model)
        if model is None or definition(model) != control.definition:
            found = "is not declared" if model is None else "is declared otherwise"
            raise PipelineError(
                pipeline.name,
                [
                    f"model {control.model!r} {found} here, but the learning log of this pipeline was begun with "
                    "it: put the declaration back as it was, or give the new one another name"
                ],
            )
        return copy.deepcopy(model)

    return fresh


class Learning:
    """The active models at one position of the learning log.

    A model is a fold over the log: :meth:`fold` with the same records in the same order gives the same answers
    to the last bit, wherever it runs.

    Parameters
    ----------
    pipeline
        The declaration.
    fresh
        Where the fresh model of an ``added`` control record comes from.

    Attributes
    ----------
    members, champion
        The active models by ``model@version``, the champion first.
    left
        Those that are no longer active, as they were when they left, in that order; they may come back until a control
        record deletes them. Baselines are not kept.
    former
        ``model@version`` of who was in charge before the champion.
    shares
        Whom challengers serve.
    quarantined
        Digest of each declaration that was taken out because it endangered the service, by the model's name.
    """

    layout: ClassVar[int] = 2

    def __init__(self, pipeline: Pipeline, fresh: Fresh) -> None:
        self.position = 0
        self.members: dict[str, Member] = {}
        self.champion: Member | None = None
        self.left: dict[str, Member] = {}
        self.former: str | None = None
        self.versions: dict[str, int] = {}
        self.shares = Shares()
        self.quarantined: dict[str, str] = {}
        self._pipeline = pipeline
        self._default = pipeline.label.default
        self._fresh = fresh

    def fold(self, offset: int, record: LogRecord, clock: Clock | None = None) -> None:
        """Take in the record at ``offset``; those before the own position are skipped, they are known.

        Parameters
        ----------
        clock
            Measures what the lesson costs each model.
        """
        if offset < self.position:
            return
        if isinstance(record, Example):
            # An event whose label did not come in time has the declared one, if there is any; one whose label is
            # unavailable has none.
            label = self._default if record.label is None and record.status == "expired" else record.label
            if label is not None:
                self._learn(record, label, clock)
        elif isinstance(record, Control):
            self._control(offset, record)
        self.position = offset + 1

    def predict(self, features: dict[str, FeatureValue]) -> list[Said]:
        """What every active model says, the champion first. Learns nothing.

        Raises
        ------
        BadRecord
            If the champion's answer is unusable. A shadow's is left out: it must not harm the service.
        """
        said = []
        for member in self.members.values():
            try:
                score = member.answer(features) if member.failed is None else self._failed(member)
            except Exception as error:  # a model is the user's code: whatever it raises is about this record
                if member is self.champion:
                    raise _refusal(member, error) from error
                member.errors += 1
                continue
            if score is not None or member is self.champion:
                said.append(Said(model=member.name, version=member.version, score=score))
        return said

    def _failed(self, member: Member) -> Score | None:
        raise BadRecord("prediction", f"model {member.state} failed when it learnt: {member.failed}")

    def _learn(self, example: Example, value: LabelValue, clock: Clock | None) -> None:
        label = label_of(self._pipeline, value)
        for member in self.members.values():
            if member.failed is None:
                try:
                    if clock is None:
                        member.learn(example.features, label)
                    else:
                        member.measured_learn(example.features, label, clock)
                except Exception as error:
                    member.failed = repr(error)

    def _control(self, offset: int, control: Control) -> None:
        state = f"{control.model}@{control.version}"
        member = self.members.get(state)
        self.shares.follow(offset, control, able=member not in (None, self.champion))
        if control.action == "added":
            back = self.left.pop(state, None)
            begun = (self._begun(control), None) if back is None else (back.model, back.failed)
            self.members[state] = self._member(control, *begun)
            self.versions[control.model] = max(control.version, self.versions.get(control.model, 0))
            self.quarantined.pop(control.model, None)
        elif control.action in ("removed", "quarantined"):
            self._leave(self.members.pop(state, None))
            if control.action == "quarantined":
                self.quarantined[control.model] = control.definition
        elif control.action in ("promoted", "rolled_back"):
            self._crown(state)
        elif control.action == "deleted":
            self.left.pop(state, None)

    def _leave(self, member: Member | None) -> None:
        if member is None:
            return
        if member is self.champion:
            self.champion, self.former = None, member.state
        if not member.baseline:
            self.left[member.state] = member

    def _begun(self, control: Control) -> Any:
        """The model that an ``added`` control record begins with."""
        trained = control.trained
        parent = self.members.get(trained.parent or "") if trained is not None else None
        if trained is None or trained.method != "warm" or parent is None:
            return self._fresh(control)
        # Its state is known here to all who fold the log: nobody needs to store it or read it again.
        return altered(parent.model, trained.parameters)

    def _member(self, control: Control, model: Any, failed: str | None = None) -> Member:
        return Member(
            name=control.model,
            version=control.version,
            baseline=control.baseline,
            definition=control.definition,
            control=control,
            model=model,
            learn=model.learn_one,
            answer=answering(self._pipeline.problem, f"{control.model}@{control.version}", model),
            failed=failed,
        )

    def _crown(self, state: str) -> None:
        if state not in self.members:
            # It was removed while the decision was on its way: who is in charge stays so.
            return
        if self.champion is not None and self.champion.state != state:
            self.former = self.champion.state
        self.champion = self.members.pop(state)
        self.members = {state: self.champion, **self.members}

    def state(self) -> dict[str, Any]:
        """Everything the fold has brought about, as plain values and River models, for a checkpoint."""
        return {
            "position": self.position,
            "versions": self.versions,
            "shares": self.shares,
            "quarantined": self.quarantined,
            "champion": self.champion.state if self.champion else None,
            "former": self.former,
            "members": [(member.control, member.model, member.failed) for member in self.members.values()],
            "left": [(member.control, member.model, member.failed) for member in self.left.values()],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state` gave."""
        members, left = ([self._member(*entry) for entry in state[key]] for key in ("members", "left"))
        self.members = {member.state: member for member in members}
        self.left = {member.state: member for member in left}
        self.former = state["former"]
        self.champion = self.members[state["champion"]] if state["champion"] else None
        self.versions = dict(state["versions"])
        self.shares = state["shares"]
        self.quarantined = state["quarantined"]
        self.position = state["position"]
