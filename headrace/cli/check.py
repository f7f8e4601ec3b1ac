"""``headrace check``: every mistake in a pipeline file, at once."""

from __future__ import annotations

import typer

from headrace.cli.failure import MISTAKE
from headrace.cli.output import Json, console, write_json
from headrace.cli.target import File
from headrace.files import Report, check_pipeline


def command(file: File, json: Json = False) -> None:
    """Look at a pipeline file as a worker would, without a broker."""
    report = check_pipeline(file)
    if json:
        write_json(_as_json(report))
    else:
        _show(report)
    if not report.passed:
        raise typer.Exit(MISTAKE)


def _as_json(report: Report) -> dict[str, object]:
    return {
        "file": report.where,
        "pipeline": None if report.pipeline is None else report.pipeline.name,
        "passed": report.passed,
        "mistakes": report.mistakes,
        "checks": [{"name": check.name, "passed": check.passed, "problem": check.problem} for check in report.checks],
    }


def _show(report: Report) -> None:
    out = console()
    for mistake in report.mistakes:
        out.print(f"{report.where}: {mistake}", markup=False)
    failed = [check for check in report.checks if not check.passed]
    for check in failed:
        out.print(f"{report.where}: {check.name}: {check.problem}", markup=False)
    wrong = len(report.mistakes) + len(failed)
    if report.passed:
        name = "" if report.pipeline is None else f", pipeline {report.pipeline.name}"
        out.print(f"{report.where} is right{name}: {len(report.checks)} checks passed", markup=False)
    else:
        out.print(f"{wrong} mistake{'s' if wrong > 1 else ''}", markup=False)
