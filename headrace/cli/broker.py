"""``headrace broker``: a real Kafka on this machine until Ctrl-C."""

from __future__ import annotations

import signal
from pathlib import Path
from types import FrameType
from typing import Annotated, Literal, cast

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from headrace.cli.output import Json, console, notes, write_json
from schemas.errors import UserError
from streams.broker import Broker, start

PORT = 9092


def command(
    port: Annotated[int, typer.Option(help="Where to listen; 0 takes a free port.")] = PORT,
    data: Annotated[Path | None, typer.Option(help="Folder to keep the data in; otherwise nothing is kept.")] = None,
    nodes: Annotated[int, typer.Option(help="1, or 3 of which one may fail.")] = 1,
    memory_mb: Annotated[int, typer.Option(help="Megabytes of memory for each node.")] = 512,
    json: Json = False,
) -> None:
    """Run Kafka and print its address once it can be used."""
    if nodes not in (1, 3):
        raise UserError(f"--nodes {nodes}: 1 or 3 are possible")
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with _start(port, data, cast(Literal[1, 3], nodes), memory_mb) as broker:
            if json:
                write_json({"bootstrap": broker.bootstrap, "data": str(broker.data), "pids": broker.pids})
            else:
                _say(broker, data)
            broker.wait()
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _start(port: int, data: Path | None, nodes: Literal[1, 3], memory_mb: int) -> Broker:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=notes(), transient=True) as progress:
        bar: list[TaskID] = []

        def fetched(what: str, done_bytes: int, total_bytes: int) -> None:
            if not bar:
                bar.append(progress.add_task(what))
            progress.update(bar[0], description=what, completed=done_bytes, total=total_bytes)

        return start(port=port, data=data, nodes=nodes, memory_mb=memory_mb, on_progress=fetched)


def _say(broker: Broker, data: Path | None) -> None:
    out = console()
    kept = f"data in {data}" if data is not None else "nothing is kept; --data FOLDER would"
    out.print(f"Kafka listens on [bold]{broker.bootstrap}[/bold] ({kept}). Ctrl-C stops it.")
    if broker.bootstrap != f"127.0.0.1:{PORT}":
        out.print(f"In other terminals: export HEADRACE_BOOTSTRAP={broker.bootstrap}", markup=False)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
