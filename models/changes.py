"""What differs between a pipeline file and its learning log: the control records that make the log follow the file."""

from __future__ import annotations

from typing import Any

from models.definitions import definition
from models.learning import Learning, declared
from models.pipeline import Pipeline
from schemas.examples import Control


def definitions(pipeline: Pipeline) -> dict[str, str]:
    """By name, the digest of every model that may be active: baselines included, and what a search may find."""
    return {name: definition(model) for name, model in (pipeline.estimators | declared(pipeline)).items()}


def changes(pipeline: Pipeline, learning: Learning) -> list[Control]:
    """The control records that make the active models those that the pipeline file declares.

    A model whose declaration changed comes back as its next version; the champion of the log stays in charge
    as long as it is declared. One that was quarantined stays out for as long as it is declared as it was, unless it is
    needed as the champion.
    """
    known = definitions(pipeline)
    digests = {name: known[name] for name in declared(pipeline)}
    # Of one declaration several versions may be active, for challengers are trained from it.
    # What a search has found stays too, as long as the file says the same about it.
    kept = [member for member in learning.members.values() if member.definition == known.get(member.name)]
    versions = {member.name: member.version for member in sorted(kept, key=lambda member: -member.version)}
    heir = None
    if learning.champion is None or learning.champion.name not in pipeline.estimators or learning.champion not in kept:
        # A champion that was only declared anew stays the champion: its next version takes over.
        heir = pipeline.champion
        if learning.champion is not None and learning.champion.name in pipeline.models:
            heir = learning.champion.name
    added: dict[str, Control] = {}
    for name, digest in digests.items():
        if name not in versions and (name == heir or learning.quarantined.get(name) != digest):
            version = learning.versions.get(name, 0) + 1
            added[name] = _control("added", name, version, digest, name not in pipeline.models)
    promoted = []
    if heir is not None:
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
