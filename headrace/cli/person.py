"""What all commands share that ask the leader for something: who asks, why, and how long the answer is waited for."""

from __future__ import annotations

import getpass
import os
from typing import Annotated

import typer

from schemas.errors import UserError

#: Characters of a name or a reason; the leader refuses longer ones.
CHARACTERS_MAX = 1000

#: Seconds that a command waits for the leader's answer.
ANSWER_S = 15.0

Reason = Annotated[str, typer.Option("--reason", help="Why, for the others and for the record.", show_default=False)]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Do not wait until the leader has answered.")]
By = Annotated[str | None, typer.Option("--by", help="Who asks; otherwise you.", show_default=False)]


def person(given: str | None) -> str:
    """The name given, else that of the user of this process.

    Raises
    ------
    UserError
        If it is too long.
    """
    if given is not None:
        return short("--by", given)
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container may run as a number that has no name.
        return str(os.getuid())


def short(option: str, text: str) -> str:
    """A text that the leader will not refuse for its length.

    Raises
    ------
    UserError
        If it is too long.
    """
    if len(text) > CHARACTERS_MAX:
        raise UserError(f"{option} has {len(text):,} characters; {CHARACTERS_MAX:,} are accepted")
    return text
