"""``headrace profile``: what came in, field by field, over time."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import msgspec
import typer

from headrace.cli.output import Json, console, table, write_json
from headrace.cli.target import Bootstrap, File, declared
from headrace.history import (
    BLOCKS,
    LETTERS,
    Row,
    findings,
    refuse_nothing,
    row_of,
    spark,
    stretches,
)
from headrace.profiles import ROWS, known, read
from models.data_quality import Finding
from models.pipeline import Pipeline
from schemas.errors import UserError
from schemas.examples import Profile
from streams.settings import load

#: What is shown of a field's numbers.
NUMBERS = ("mean", "deviation", "least", "p1", "p50", "p99", "most")

#: Categories of one row that are shown.
CATEGORIES = 3


def command(
    file: File,
    field: Annotated[
        str | None,
        typer.Argument(metavar="FIELD", help="A feature, or score:<model>@<version>.", show_default=False),
    ] = None,
    rows: Annotated[int, typer.Option("-n", min=1, max=1000, help="Stretches of time at most.")] = ROWS,
    partition: Annotated[int | None, typer.Option("--partition", help="Only this one.", show_default=False)] = None,
    bootstrap: Bootstrap = None,
    json: Json = False,
) -> None:
    """Read the profiles in the learning log: all fields in brief, or one field over time."""
    pipeline, topology = declared(file)
    if partition is not None and not 0 <= partition < topology.partitions:
        raise UserError(f"there is no partition {partition}; the pipeline has 0 to {topology.partitions - 1}")
    everything = read(load(bootstrap=bootstrap), topology)
    profiles = [profile for profile in everything if partition in (None, profile.partition)]
    refuse_nothing(profiles, pipeline)
    names = known(field, profiles)
    found = _about(findings(pipeline, everything), field, partition)
    parts = stretches(profiles, rows)
    history = {name: [row_of(part, name) for part in parts] for name in names}
    if json:
        write_json({"pipeline": pipeline.name, "fields": msgspec.to_builtins(history), "findings": found})
    elif field is None:
        _show_all(pipeline, profiles, history, found)
    else:
        _show_one(pipeline, field, history[field], found)


def _about(found: Sequence[Finding], field: str | None, partition: int | None) -> list[Finding]:
    """What concerns a field or the events as such, everywhere or in a partition."""
    return [
        finding
        for finding in found
        if field in (None, finding.field) or finding.field is None
        if partition is None or finding.partition in (None, partition)
    ]


def _levels() -> str:
    return BLOCKS if "utf" in (sys.stdout.encoding or "").lower() else LETTERS


def _show_all(
    pipeline: Pipeline, profiles: Sequence[Profile], history: dict[str, list[Row]], found: Sequence[Finding]
) -> None:
    """Every field on a line of its own."""
    whole = stretches(profiles, 1)[0]
    out = console()
    out.print(
        f"{pipeline.name}: {whole.events:,} events in {len(profiles):,} profiles, {_time(whole.start)} to "
        f"{_time(whole.until)}; {whole.duplicates:,} duplicates, {sum(whole.rejected.values()):,} rejected",
        markup=False,
    )
    shown = []
    for name, rows in history.items():
        total = row_of(whole, name)
        most = _categories(total)
        curve = [_share_of_first(total, row) if most else row.mean for row in rows]
        numbers = (total.mean, total.deviation, total.minimum, total.p1, total.p50, total.p99, total.maximum)
        shown.append((name, _percent(total.missing), *map(_number, numbers), most, spark(curve, _levels())))
    columns = ("field", "missing", *NUMBERS, "categories", "over time")
    out.print(table(columns, shown, right=columns[1:-2]))
    _show_findings(found)


def _show_one(pipeline: Pipeline, field: str, rows: Sequence[Row], found: Sequence[Finding]) -> None:
    """One field, a line for each stretch of time."""
    out, levels = console(), _levels()
    out.print(f"{field} of {pipeline.name}", markup=False)
    bars = spark([row.mean for row in rows], levels)
    shown = [
        (
            _time(row.start),
            f"{row.events:,}",
            _percent(row.missing),
            _number(row.mean),
            bar,
            *map(_number, (row.deviation, row.minimum, row.p1, row.p50, row.p99, row.maximum)),
            _categories(row),
            spark([float(count) for count in row.bins], levels, from_zero=True),
        )
        for row, bar in zip(rows, bars, strict=True)
    ]
    columns = ("from", "events", "missing", NUMBERS[0], "", *NUMBERS[1:], "categories", "bins")
    right = ("events", "missing", *NUMBERS)
    # What has nothing to show takes no room.
    kept = [place for place, name in enumerate(columns) if name == "from" or any(row[place].strip() for row in shown)]
    lines = [[row[place] for place in kept] for row in shown]
    out.print(table([columns[place] for place in kept], lines, right=right))
    _show_findings(found)


def _show_findings(found: Sequence[Finding]) -> None:
    out = console()
    if not found:
        out.print("Nothing wrong was found in the data.")
        return
    lines = [
        (_time(finding.since), "now" if finding.until is None else _time(finding.until), finding.kind, finding.sentence)
        for finding in found
    ]
    out.print("Findings:", style="bold yellow")
    out.print(table(("from", "to", "kind", "what"), lines))


def _time(time: object) -> str:
    return f"{time:%Y-%m-%d %H:%M}"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _categories(row: Row) -> str:
    values = sum(row.categories.values())
    return ", ".join(f"{name} {count / values:.0%}" for name, count in list(row.categories.items())[:CATEGORIES])


def _share_of_first(total: Row, row: Row) -> float | None:
    """The share of what is the most frequent category over all, in one stretch."""
    first = next(iter(total.categories))
    values = sum(row.categories.values())
    return row.categories.get(first, 0) / values if values else None
