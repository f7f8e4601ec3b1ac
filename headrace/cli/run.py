"""``headrace run``: a worker."""

from __future__ import annotations

from typing import Annotated

import typer

from agents import worker
from headrace.cli import logs
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
    metrics_port: Annotated[
        int | None,
        typer.Option(
            "--metrics-port",
            metavar="PORT",
            help="Where Prometheus may ask; otherwise HEADRACE_METRICS_PORT. 0: nowhere.",
            show_default=False,
        ),
    ] = None,
    log_format: Annotated[
        str | None,
        typer.Option("--log-format", metavar="text|json", help="Otherwise HEADRACE_LOG_FORMAT.", show_default=False),
    ] = None,
) -> None:
    """Work until Ctrl-C. Start it several times, on any machines, to share the work."""
    pipeline, topology = declared(file)
    settings = load(bootstrap=bootstrap, metrics_port=metrics_port, log_format=log_format)
    _topics(topology, settings, str(file), apply)
    logs.begin(settings, pipeline.name)
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
