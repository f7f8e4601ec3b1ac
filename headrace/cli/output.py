"""What the commands print, and the options that they share."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

#: Columns of the tables where no terminal says how wide it is.
WIDTH_WITHOUT_TERMINAL = 160

Json = Annotated[bool, typer.Option("--json", help="Write JSON to stdout and nothing else.")]


def console() -> Console:
    """Where people read results."""
    return _console(stderr=False)


def notes() -> Console:
    """Where people read progress and remarks, apart from the results."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else WIDTH_WITHOUT_TERMINAL
    return Console(stderr=stderr, width=width, highlight=False, soft_wrap=True)


def write_json(value: Any) -> None:
    """One JSON text on a line of its own."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()


def printable(text: str) -> str:
    """Text of somebody else without the escape codes that a terminal would obey."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def write_pretty(value: Any, *, compact: bool) -> None:
    """A document in JSON: for people with line breaks, ``compact`` on one line."""
    text = msgspec.json.encode(value)
    sys.stdout.write((text if compact else msgspec.json.format(text, indent=2)).decode() + "\n")
    sys.stdout.flush()


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()) -> Table:
    """A plain table.

    Parameters
    ----------
    right
        The columns that hold numbers.
    """
    drawn = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        drawn.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*("" if cell is None else escape(printable(str(cell))) for cell in row))
    return drawn
