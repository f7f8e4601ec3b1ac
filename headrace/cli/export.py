"""``headrace export``: the contract, for those who do not read Python."""

from __future__ import annotations

from typing import Annotated

import typer

import headrace
from headrace.cli.output import Json, write_pretty
from headrace.cli.target import Bootstrap, pipeline_of
from headrace.event_schema import event_schema, label_schema
from headrace.messages import Messages
from schemas.records import RECORDS
from streams.asyncapi import document
from streams.settings import load

app = typer.Typer()


@app.command("asyncapi")
def asyncapi(
    pipeline: Annotated[
        str, typer.Argument(metavar="[PIPELINE]", help="The pipeline file, or a pipeline's name.")
    ] = "pipeline",
    bootstrap: Bootstrap = None,
    json: Json = False,
) -> None:
    """Write the AsyncAPI 3.0 document: topics, records, keys, settings."""
    messages = Messages(pipeline_of(pipeline))
    declared = messages.declared
    given = {} if declared is None else {"event": event_schema(declared), "label": label_schema(declared)}
    written = document(
        messages.topology,
        version=headrace.__version__,
        bootstrap=load(bootstrap=bootstrap).bootstrap,
        **given,
    )
    write_pretty(written, compact=json)


@app.command("schemas")
def schemas(json: Json = False) -> None:
    """Write the JSON Schema of every record, by its name and version."""
    write_pretty({entry.name: entry.json_schema() for entry in RECORDS}, compact=json)
