"""``headrace apply``: the topics of a pipeline."""

from __future__ import annotations

from typing import Annotated

import typer

from headrace.cli.failure import MISTAKE
from headrace.cli.output import Json, console, table, write_json
from headrace.cli.target import Bootstrap, File, declared
from streams.apply import Plan, carry_out, plan
from streams.settings import load

_WORDS = {"create": "create", "set": "change", "right": "is right", "refuse": "REFUSED"}


def command(
    file: File,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")] = False,
    bootstrap: Bootstrap = None,
    json: Json = False,
) -> None:
    """Create missing topics and set wrong settings; what is right is left alone."""
    _, topology = declared(file)
    settings = load(bootstrap=bootstrap)
    steps = plan(topology, settings)
    doing = not dry_run and not steps.refused
    if not json:
        _show(steps)
    if doing:
        carry_out(steps, settings)
    if json:
        write_json({"steps": steps.steps, "replicas": steps.replicas, "refused": bool(steps.refused), "done": doing})
    else:
        console().print(_summary(steps, doing))
    if steps.refused:
        raise typer.Exit(MISTAKE)


def _show(steps: Plan) -> None:
    rows = [(step.topic, step.partitions, _WORDS[step.action], step.reason) for step in steps.steps]
    console().print(table(("topic", "partitions", "plan", "why"), rows, right=("partitions",)))


def _summary(steps: Plan, done: bool) -> str:
    if steps.refused:
        return "Nothing was changed: what is refused has to be settled first."
    if not steps.work:
        return "All topics are right; nothing to do."
    counts = f"{len(steps.work)} of {len(steps.steps)} topics"
    replicas = f"{steps.replicas} replica{'s' if steps.replicas > 1 else ''}"
    return f"{counts} done, {replicas} each." if done else f"{counts} to do, {replicas} each. Nothing was changed."
