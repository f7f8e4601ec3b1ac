"""``headrace replay``: was it really so?"""

from __future__ import annotations

from typing import Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from agents.replay import Report, replay
from headrace.cli.failure import OUTSIDE
from headrace.cli.output import Json, console, notes, table, write_json
from headrace.cli.predict import score_text
from headrace.cli.target import Bootstrap, File, declared
from models.pipeline import Pipeline
from schemas.errors import UserError
from schemas.predictions import Said
from streams.settings import Settings, load

SAMPLE = 1000


def command(
    file: File,
    id: Annotated[
        str | None, typer.Option("--id", help="Compare the prediction of this event.", show_default=False)
    ] = None,
    sample: Annotated[int, typer.Option("--sample", min=1, help="Compare about so many, chosen by id.")] = SAMPLE,
    all_: Annotated[bool, typer.Option("--all", help="Compare all.")] = False,
    bootstrap: Bootstrap = None,
    json: Json = False,
) -> None:
    """Fold the learning log from its beginning and compare predictions with what was served, bit for bit."""
    if id is not None and all_:
        raise UserError("--id and --all exclude each other")
    pipeline, _ = declared(file)
    report = _run(pipeline, load(bootstrap=bootstrap), id, None if all_ or id is not None else sample)
    if json:
        write_json({**_counts(report), "differences": report.differences})
    else:
        _show(report)
    if not report.agrees:
        raise typer.Exit(OUTSIDE)


def _run(pipeline: Pipeline, settings: Settings, id: str | None, sample: int | None) -> Report:
    screen = notes()
    columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f} predictions compared"), TimeElapsedColumn())
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as progress:
        bar = progress.add_task("", total=None)
        return replay(
            pipeline,
            settings,
            id=id,
            sample=sample,
            progress=lambda done: progress.update(bar, completed=done),
        )


def _counts(report: Report) -> dict[str, int | bool]:
    return {
        "agrees": report.agrees,
        "compared": report.compared,
        "equal": report.equal,
        "folded": report.folded,
        "without_features": report.without_features,
    }


def _show(report: Report) -> None:
    out = console()
    out.print(
        f"{report.compared:,} predictions compared, {report.equal:,} equal to the last bit; "
        f"{report.folded:,} records of the learning log folded"
    )
    if report.without_features:
        out.print(f"{report.without_features:,} could not be compared: their features are no longer kept")
    if report.compared == 0:
        out.print("There was nothing to compare.")
    if report.differences:
        rows = [
            (found.id, found.position, _said(found.served), _said(found.replayed), found.reason)
            for found in report.differences
        ]
        out.print(table(("id", "position", "served", "replayed", "why"), rows, right=("position",)))


def _said(answers: list[Said]) -> str:
    return "; ".join(f"{said.model}@{said.version} {score_text(said.score)}" for said in answers)
