"""The fold over the learning log: which models are active, and what each of them has learnt."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from models.answers import Answer, answering
from models.baselines import baselines
from models.definitions import definition
from models.parameters import altered
from models.pipeline import Pipeline, label_of
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


@dataclass(slots=True)
class Member:
    """One active model.

    Parameters
    ----------
    failed
        Why it no longer answers: it raised an error when it learnt. The same example raises it on every
        worker, so all copies fail at the same position.
    """

    name: str
    version: int
    baseline: bool
    definition: str
    model: Any
    answer: Answer
    learn: Callable[[dict[str, Any], Any], None]
    failed: str | None = None

    @property
    def state(self) -> str:
        """``model@version``."""
        return f"{self.name}@{self.version}"


def declared(pipeline: Pipeline) -> dict[str, Any]:
    """Every model that a pipeline file asks for, baselines included, by name."""
    return {**pipeline.models, **baselines(pipeline.problem)}


def fresh_from(pipeline: Pipeline) -> Fresh:
    """Takes fresh models from the pipeline's declaration.

    The returned function raises :class:`~schemas.errors.PipelineError` where the log asks for a model that the
    file no longer declares, or declares otherwise.
    """
    models = declared(pipeline)

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
    """

    def __init__(self, pipeline: Pipeline, fresh: Fresh) -> None:
        self.position = 0
        self.members: dict[str, Member] = {}
        self.champion: Member | None = None
        self.versions: dict[str, int] = {}
        self._pipeline = pipeline
        self._default = pipeline.label.default
        self._fresh = fresh

    def fold(self, offset: int, record: LogRecord) -> None:
        """Take in the record at ``offset``; those before the own position are skipped, they are known."""
        if offset < self.position:
            return
        if isinstance(record, Example):
            # An event whose label did not come in time has the declared one, if there is any.
            label = self._default if record.label is None else record.label
            if label is not None:
                self._learn(record, label)
        elif isinstance(record, Control):
            self._control(record)
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
                continue
            if score is not None or member is self.champion:
                said.append(Said(model=member.name, version=member.version, score=score))
        return said

    def _failed(self, member: Member) -> Score | None:
        raise BadRecord("prediction", f"model {member.state} failed when it learnt: {member.failed}")

    def _learn(self, example: Example, value: LabelValue) -> None:
        label = label_of(self._pipeline, value)
        for member in self.members.values():
            if member.failed is None:
                try:
                    member.learn(example.features, label)
                except Exception as error:
                    member.failed = repr(error)

    def _control(self, control: Control) -> None:
        state = f"{control.model}@{control.version}"
        if control.action == "added":
            model = self._begun(control)
            self.members[state] = self._member(control, model)
            self.versions[control.model] = max(control.version, self.versions.get(control.model, 0))
        elif control.action in ("removed", "quarantined"):
            if self.members.pop(state, None) is self.champion:
                self.champion = None
        else:
            self._crown(state)

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
            model=model,
            learn=model.learn_one,
            answer=answering(self._pipeline.problem, f"{control.model}@{control.version}", model),
            failed=failed,
        )

    def _crown(self, state: str) -> None:
        if state not in self.members:
            # It was removed while the decision was on its way: who is in charge stays so.
            return
        self.champion = self.members.pop(state)
        self.members = {state: self.champion, **self.members}

    def state(self) -> dict[str, Any]:
        """Everything the fold has brought about, as plain values and River models, for a checkpoint."""
        return {
            "position": self.position,
            "versions": self.versions,
            "champion": self.champion.state if self.champion else None,
            "members": [
                (member.name, member.version, member.baseline, member.definition, member.model, member.failed)
                for member in self.members.values()
            ],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state` gave."""
        self.members = {}
        for name, version, baseline, digest, model, failed in state["members"]:
            control = Control(
                action="added", model=name, version=version, definition=digest, baseline=baseline, reason=""
            )
            self.members[f"{name}@{version}"] = self._member(control, model, failed)
        self.champion = self.members[state["champion"]] if state["champion"] else None
        self.versions = dict(state["versions"])
        self.position = state["position"]


def changes(pipeline: Pipeline, learning: Learning) -> list[Control]:
    """The control records that make the active models those that the pipeline file declares.

    A model whose declaration changed comes back as its next version; the champion of the log stays in charge
    as long as it is declared.
    """
    models = declared(pipeline)
    digests = {name: definition(model) for name, model in models.items()}
    # Of one declaration several versions may be active, for challengers are trained from it.
    kept = [member for member in learning.members.values() if member.definition == digests.get(member.name)]
    versions = {member.name: member.version for member in sorted(kept, key=lambda member: -member.version)}
    added: dict[str, Control] = {}
    for name, digest in digests.items():
        if name not in versions:
            version = learning.versions.get(name, 0) + 1
            added[name] = _control("added", name, version, digest, name not in pipeline.models)
    promoted = []
    if learning.champion is None or learning.champion.name not in pipeline.models or learning.champion not in kept:
        # A champion that was only declared anew stays the champion: its next version takes over.
        heir = pipeline.champion
        if learning.champion is not None and learning.champion.name in pipeline.models:
            heir = learning.champion.name
        version = added[heir].version if heir in added else versions[heir]
        promoted.append(_control("promoted", heir, version, digests[heir], False))
    removed = [
        _control("removed", member.name, member.version, member.definition, member.baseline)
        for member in learning.members.values()
        if member not in kept
    ]
    return [*added.values(), *promoted, *removed]


def _control(action: Any, model: str, version: int, digest: str, baseline: bool) -> Control:
    return Control(
        action=action,
        model=model,
        version=version,
        definition=digest,
        baseline=baseline,
        reason="as declared in the pipeline file",
    )
