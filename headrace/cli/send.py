"""``headrace send``: events into a pipeline."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Annotated, Any

import msgspec
import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from headrace.cli.output import Json, console, notes, write_json
from headrace.cli.target import Bootstrap, FileOrName, IdField, Key, KeyField, client_of
from schemas.errors import BadRecord, UserError

#: Events between two steps of the progress line.
STEP = 500


def command(
    pipeline: FileOrName,
    event: Annotated[
        str,
        typer.Argument(metavar="[JSON|FILE|-]", help="One event; or a file, or - for stdin, one event per line."),
    ] = "-",
    key: Key = None,
    id_field: IdField = None,
    key_field: KeyField = None,
    bootstrap: Bootstrap = None,
    json: Json = False,
) -> None:
    """Send events and wait until Kafka has them."""
    with client_of(pipeline, bootstrap, id_field, key_field) as client:
        if event.lstrip().startswith("{"):
            sent = client.send(event_of(event), key=key)
            if json:
                write_json(sent)
            else:
                console().print(f"sent {sent.id} to {sent.address}", markup=False)
            return
        if key is not None:
            raise UserError("--key is for one event; many take it from their key field")
        lines = _Lines(event)
        try:
            count = client.send_many(_shown(lines))
        except BadRecord as error:
            raise lines.mistake(error) from None
        if json:
            write_json({"sent": count})
        else:
            console().print(f"sent {count:,} events", markup=False)


def event_of(text: str | bytes) -> dict[str, Any]:
    """An event that was typed.

    Raises
    ------
    UserError
        If it is no JSON object.
    """
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UserError(f"an event is a JSON object: {error}") from None


class _Lines:
    """Events read line by line, with the number of the line for whoever has to find a bad one."""

    def __init__(self, name: str) -> None:
        self.number = 0
        self._where = "stdin" if name == "-" else name
        self._name = name

    def mistake(self, error: Exception) -> UserError:
        """A mistake in the line that was read last."""
        return UserError(f"{self._where}, line {self.number}: {error}; the lines before it are sent")

    def __iter__(self) -> Iterator[dict[str, Any]]:
        with _opened(self._name) as lines:
            for line in lines:
                self.number += 1
                if line.strip():
                    try:
                        event = event_of(line)
                    except UserError as error:
                        raise self.mistake(error) from None
                    yield event


def _opened(name: str) -> IO[bytes]:
    if name == "-":
        return sys.stdin.buffer
    try:
        return Path(name).open("rb")
    except OSError as error:
        raise UserError(f"{name}: {error.strerror}; give an event as JSON, a file, or - for stdin") from None


def _shown(events: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    console = notes()
    columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f} events sent"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("", total=None)
        for count, event in enumerate(events, start=1):
            yield event
            if count % STEP == 0:
                progress.update(bar, completed=count)
