"""``headrace label``: the truth about one event, or that it will never be known."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
import typer

from headrace.cli.output import Json, console, write_json
from headrace.cli.target import Bootstrap, FileOrName, IdField, Key, KeyField, client_of
from schemas.envelope import parse_time
from schemas.errors import UserError
from schemas.values import LabelValue


def command(
    pipeline: FileOrName,
    id: Annotated[str, typer.Argument(metavar="ID", help="The event's id.", show_default=False)],
    label: Annotated[
        str | None, typer.Argument(metavar="LABEL", help="true, false, a number, or a text.", show_default=False)
    ] = None,
    unavailable: Annotated[
        bool, typer.Option("--unavailable", help="In place of a label: there will never be one.")
    ] = False,
    reason: Annotated[str | None, typer.Option("--reason", help="With --unavailable: why.", show_default=False)] = None,
    key: Key = None,
    time: Annotated[
        str | None,
        typer.Option("--time", help="When it became known, RFC 3339; otherwise now.", show_default=False),
    ] = None,
    id_field: IdField = None,
    key_field: KeyField = None,
    bootstrap: Bootstrap = None,
    json: Json = False,
) -> None:
    """Send a label, or with --unavailable that there is none. Another one for the same id later is a correction."""
    if unavailable == (label is not None):
        raise UserError("give a LABEL or --unavailable, " + ("not both" if unavailable else "one of them is needed"))
    if reason is not None and not unavailable:
        raise UserError("--reason says why a label is unavailable: give it with --unavailable")
    known: datetime | None = None if time is None else parse_time(time, "--time")
    with client_of(pipeline, bootstrap, id_field, key_field) as client:
        if label is None:
            sent = client.unavailable(id, reason=reason, key=key, time=known)
        else:
            sent = client.label(id, _value(label), key=key, time=known)
    if json:
        write_json(sent)
    else:
        what = "unavailable label" if label is None else "label"
        console().print(f"{what} of {sent.id} sent to {sent.address}", markup=False)


def _value(text: str) -> LabelValue:
    """What was typed: JSON where it is some, otherwise the text itself."""
    try:
        return msgspec.json.decode(text, type=bool | int | float | str)
    except msgspec.DecodeError:
        return text
