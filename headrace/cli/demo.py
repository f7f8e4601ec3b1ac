"""``headrace demo``: a year of flights."""

from __future__ import annotations

from typing import Annotated

import typer

from headrace.cli.output import Json
from headrace.cli.target import Bootstrap
from headrace.demo import show


def command(
    events: Annotated[
        int | None, typer.Option(min=1, help="Stop after so many flights.", show_default="the whole year")
    ] = None,
    speed: Annotated[
        float | None,
        typer.Option(min=0.001, help="Seconds of 2013 in a second.", show_default="as fast as it goes"),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Delete what an earlier demo left behind.")] = False,
    bootstrap: Bootstrap = None,
    json: Json = False,
) -> None:
    """Send flights at their scheduled time and their labels when they land; show what the models make of it."""
    code = show.run(events=events, speed=speed, as_json=json, bootstrap=bootstrap, fresh=fresh)
    if code:
        raise typer.Exit(code)
