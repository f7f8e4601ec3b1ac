"""What people ask about who is in charge: records for the log once the leader accepts it, or a reason why not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import structs

from models.guards import nearest
from models.outcomes import Key
from models.promotions import Verdicts
from models.reigns import state_of
from models.shares import SLOTS, slots_of
from schemas.commands import Command
from schemas.errors import BadRecord
from schemas.examples import Control, Notice
from schemas.promotions import Guard, Promotion

#: The commands that are answered here.
ACTIONS = ("promote", "roll_back", "approve", "reject", "pause", "resume", "retire", "share")

CHARACTERS_MAX = 1000

Answer = list[Promotion | Control | Notice]


def accept(verdicts: Verdicts, command: Command, back: Control | None = None) -> Answer:
    """What is to be written for a command; only from its place in the log on it takes effect.

    Parameters
    ----------
    back
        The record that added the version that a rollback goes to, if that has left; see
        :func:`models.retention.returning`.

    Raises
    ------
    BadRecord
        If it can't be done.
    """
    for name in ("id", "by", "reason"):
        if len(getattr(command, name)) > CHARACTERS_MAX:
            raise BadRecord("command", f"it has more than {CHARACTERS_MAX:,} characters", f"$.{name}")
    if not command.by.strip():
        raise BadRecord("command", "nobody is named who decides this", "$.by")
    if verdicts.reigns.champion is None or verdicts.time is None:
        raise BadRecord("command", "nothing has been served yet, so there is nobody to replace")
    said = {"by": command.by, "command": command.id}
    if command.action in ("approve", "reject"):
        key = _proposed(verdicts, command)
        if command.action == "approve":
            canary = verdicts.reigns.canary
            if canary is not None:
                detail = f"the canary of {state_of(canary.key)} is under way: approve this when it is over"
                raise BadRecord("command", detail, "$.model")
            why = f"approved by {command.by}: {command.reason}"
            return list(verdicts.takes_effect(key, command.reason, why, **said))
        refused = verdicts.promotion(key, "promote", command.reason, status="rejected", **said)
        return [refused, _refusal(state_of(key), command.id, command.by, command.reason)]
    if command.action in ("pause", "resume"):
        return [_frozen(verdicts, command)]
    if back is not None:
        return _returned(verdicts, back, command)
    key = _active(verdicts, command)
    if command.action == "retire":
        return _retired(verdicts, key, command)
    if command.action == "share":
        return _shared(verdicts, key, command)
    if command.action == "promote":
        return [
            verdicts.promotion(key, "promote", command.reason, **said),
            verdicts.control(key, "promoted", f"by {command.by}: {command.reason}"),
        ]
    return [
        verdicts.promotion(key, "roll_back", command.reason, **said),
        verdicts.control(key, "rolled_back", f"by {command.by}: {command.reason}"),
    ]


def also(decided: Promotion, guards: Sequence[Guard]) -> Promotion:
    """The same decision with what more guards have found."""
    return structs.replace(decided, guards=[*decided.guards, *nearest(guards)])


def veto(decided: Promotion, guards: Sequence[Guard]) -> Answer:
    """What takes the place of a promotion that guards veto which know more than the log says."""
    names = ", ".join(dict.fromkeys(guard.name for guard in guards if not guard.passed))
    reason = f"vetoed by {names}; {decided.reason}"
    vetoed = structs.replace(also(decided, guards), status="vetoed", until=None, reason=reason)
    return [vetoed, _refusal(decided.challenger, f"guards-{decided.position}", "guards", reason)]


def _refusal(target: str, command: str, by: str, reason: str) -> Notice:
    return Notice(action="refused", command=command, target=target, by=by, reason=reason)


def _frozen(verdicts: Verdicts, command: Command) -> Notice:
    action: Literal["frozen", "thawed"] = "frozen" if command.action == "pause" else "thawed"
    if verdicts.frozen == (action == "frozen"):
        state = "frozen already" if verdicts.frozen else "not frozen"
        raise BadRecord("command", f"promotions are {state}", "$.action")
    return Notice(action=action, command=command.id, by=command.by, reason=command.reason)


def _returned(verdicts: Verdicts, back: Control, command: Command) -> Answer:
    """It comes back as it left, and is in charge from the next record on."""
    key, reason = (back.model, back.version), f"by {command.by}: {command.reason}"
    return [
        verdicts.promotion(key, "roll_back", command.reason, by=command.by, command=command.id),
        structs.replace(back, reason=f"back {reason}"),
        Control(action="rolled_back", model=key[0], version=key[1], definition=back.definition, reason=reason),
    ]


def _retired(verdicts: Verdicts, key: Key, command: Command) -> Answer:
    control, models = verdicts.reigns.models[key], verdicts.reigns.models
    if all(other == key or models[other].definition != control.definition for other in models):
        raise BadRecord(
            "command",
            f"{state_of(key)} is the only version of what the pipeline file declares as {key[0]!r}: take it out there",
            "$.model",
        )
    reason = f"retired by {command.by}: {command.reason}"
    return [
        Notice(action="retired", command=command.id, target=state_of(key), by=command.by, reason=command.reason),
        Control(action="removed", model=key[0], version=key[1], definition=control.definition, reason=reason),
    ]


def _shared(verdicts: Verdicts, key: Key, command: Command) -> Answer:
    share, own = command.share, verdicts.reigns.shares.share(key)
    if share is None or not 0 <= share < 1 or (share and not slots_of(share)):
        least = f"{1 / SLOTS:g} or more, or 0 to end it"
        raise BadRecord("command", f"a share is a part of all entities below 1 and {least}; got {share}", "$.share")
    if not share and not own:
        raise BadRecord("command", f"{state_of(key)} has no share", "$.share")
    if slots_of(share) > slots_of(own + verdicts.reigns.shares.free):
        free = own + verdicts.reigns.shares.free
        raise BadRecord("command", f"others have shares: {free:g} is left for {state_of(key)}", "$.share")
    target = state_of(key)
    return [
        Notice(action="shared", command=command.id, target=target, by=command.by, reason=command.reason),
        verdicts.shared(key, share, f"by {command.by}: {command.reason}"),
    ]


def _proposed(verdicts: Verdicts, command: Command) -> Key:
    """The challenger that is meant among those that wait for an answer."""
    waiting = list(verdicts.reigns.proposed)
    found = [key for key in waiting if _fits(key, command)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(map(state_of, waiting)) or "none"
    raise BadRecord("command", f"waiting for an answer: {names}; {_asked(command)} is not one of them", "$.model")


def _active(verdicts: Verdicts, command: Command) -> Key:
    """The model that is meant among the active ones; the newest version where none is named."""
    reigns = verdicts.reigns
    if command.model is None and command.action == "roll_back":
        if reigns.previous is None:
            raise BadRecord("command", "there is no former champion that is still active", "$.model")
        return reigns.previous
    able = [key for key, control in reigns.models.items() if not control.baseline]
    found = [key for key in able if command.model is not None and _fits(key, command)]
    if not found:
        names = ", ".join(map(state_of, able))
        raise BadRecord("command", f"{_asked(command)} is not active; these are: {names}", "$.model")
    key = max(found, key=lambda one: one[1])
    if key == reigns.champion:
        raise BadRecord("command", f"{state_of(key)} is the champion already", "$.model")
    return key


def _fits(key: Key, command: Command) -> bool:
    return command.model in (None, key[0], state_of(key)) and command.version in (None, key[1])


def _asked(command: Command) -> str:
    return repr(command.model if command.version is None else f"{command.model}@{command.version}")
