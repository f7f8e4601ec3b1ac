"""Which pipeline on which cluster a command is about: the arguments, and what they mean."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headrace.client import Client
from headrace.messages import Messages, is_file
from models.pipeline import Pipeline
from streams.settings import load
from streams.topology import Topology

Bootstrap = Annotated[
    str | None,
    typer.Option(
        "--bootstrap",
        metavar="HOST:PORT",
        help="Kafka brokers; otherwise HEADRACE_BOOTSTRAP.",
        show_default=False,
    ),
]
File = Annotated[Path, typer.Argument(metavar="FILE", help="The pipeline file.", show_default=False)]
FileOrName = Annotated[
    str,
    typer.Argument(metavar="PIPELINE", help="The pipeline file, or a pipeline's name.", show_default=False),
]
Key = Annotated[
    str | None,
    typer.Option("--key", help="The key of the event, where it is not its id.", show_default=False),
]
IdField = Annotated[
    str | None,
    typer.Option("--id-field", help="With a pipeline's name: the field that is the id.", show_default=False),
]
KeyField = Annotated[
    str | None,
    typer.Option("--key-field", help="With a pipeline's name: the field that is the key.", show_default=False),
]


def pipeline_of(text: str) -> str | Path:
    """A file's path or a pipeline's name, as the clients take it; what exists as a file is one."""
    return Path(text) if is_file(text) or Path(text).is_file() else text


def topology_of(text: str) -> Topology:
    """The topics of a pipeline; with a name only, the number of partitions is what the cluster says."""
    return Messages(pipeline_of(text)).topology


def declared(file: Path) -> tuple[Pipeline, Topology]:
    """A pipeline file's declaration and its topics.

    Raises
    ------
    UserError
        If the file has mistakes.
    """
    messages = Messages(file)
    assert messages.declared is not None, "a path means a file"
    return messages.declared, messages.topology


def client_of(text: str, bootstrap: str | None, id_field: str | None, key_field: str | None) -> Client:
    """A client, connected."""
    return Client(pipeline_of(text), load(bootstrap=bootstrap), id=id_field, key=key_field)
