"""``headrace run``: a worker."""

from __future__ import annotations

import logging
from typing import Annotated

import typer

from agents import worker
from headrace.cli.output import notes
from headrace.cli.target import Bootstrap, File, declared
from schemas.errors import UserError
from streams.apply import carry_out, plan
from streams.settings import Settings, load
from streams.topology import Topology


def command(
    file: File,
    apply: Annotated[bool, typer.Option("--apply", help="Create missing topics first.")] = False,
    bootstrap: Bootstrap = None,
) -> None:
    """Work until Ctrl-C. Start it several times, on any machines, to share the work."""
    pipeline, topology = declared(file)
    settings = load(bootstrap=bootstrap)
    _topics(topology, settings, str(file), apply)
    # On stderr: Faust redirects stdout.
    logging.basicConfig(
        level=settings.log_level,
        format="%(asctime)s %(levelname)-7s %(message)s",
        datefmt="%Y-%m-%dT%H:%M:%S%z",
    )
    for chatty in ("faust", "mode"):
        # The frame tells of each of its services at each start, which hides what the worker says.
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.getLogger().level))
    worker.run(pipeline, settings)


def _topics(topology: Topology, settings: Settings, file: str, apply: bool) -> None:
    steps = plan(topology, settings)
    if apply:
        carry_out(steps, settings)
        return
    wrong = [step for step in steps.steps if step.action in ("create", "refuse")]
    if wrong:
        missing = ", ".join(step.topic for step in wrong if step.action == "create")
        differ = "\n".join(f"{step.topic}: {step.reason}" for step in wrong if step.action == "refuse")
        told = f"these topics do not exist: {missing}\n" if missing else ""
        raise UserError(f"{told}{differ}".strip() + f"\nCreate them with `headrace apply {file}`, or run with --apply")
    for step in steps.work:
        notes().print(f"{step.topic}: {step.reason}; `headrace apply {file}` would set it", markup=False)
