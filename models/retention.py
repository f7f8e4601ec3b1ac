"""Versions that have left: which of them may come back, and which nobody needs any more."""

from __future__ import annotations

from models.changes import definitions
from models.learning import Learning
from models.members import Member
from models.pipeline import Pipeline
from schemas.commands import Command
from schemas.errors import BadRecord
from schemas.examples import Control


def deleted(pipeline: Pipeline, learning: Learning) -> list[Control]:
    """The control records that delete what is beyond the declared retention.

    Only what has left is ever deleted: not an active version, so neither one that waits for approval nor the former
    champion that the promotion test would go back to. And of those that have left never the champion before, nor what
    an active version began as a copy of.
    """
    needed = {learning.former, *(member.parent for member in learning.members.values())}
    kept = pipeline.retention.versions
    spare = list(learning.left.values())[: max(0, len(learning.left) - kept)]
    return [
        Control(
            action="deleted",
            model=member.name,
            version=member.version,
            definition=member.definition,
            reason=f"the pipeline keeps {kept:,} of the versions that have left",
        )
        for member in spare
        if member.state not in needed
    ]


def returning(pipeline: Pipeline, learning: Learning, command: Command) -> Control | None:
    """The record that added the version that a rollback goes to, if it has left; None: no such one is meant.

    An active version goes before one that has left. A rollback that names nobody goes to the champion before, also if
    that has left.

    Raises
    ------
    BadRecord
        If its model is no longer declared as it was: it would have to leave again at once.
    """
    if command.action != "roll_back":
        return None
    if command.model is None:
        found = [member for member in learning.left.values() if member.state == learning.former]
    elif any(_meant(member, command) for member in learning.members.values()):
        return None
    else:
        found = [member for member in learning.left.values() if _meant(member, command)]
    if not found:
        return None
    member = max(found, key=lambda one: one.version)
    if any((one.model, one.version) == (member.name, member.version) for one in deleted(pipeline, learning)):
        # That may be on its way to the log already.
        raise BadRecord("command", f"{member.state} has left, and is no longer kept", "$.model")
    if member.definition != definitions(pipeline).get(member.name):
        detail = f"{member.state} has left, and can come back once the pipeline file declares {member.name!r} as it did"
        raise BadRecord("command", detail, "$.model")
    return member.control


def _meant(member: Member, command: Command) -> bool:
    return command.model in (member.name, member.state) and command.version in (None, member.version)
