"""``headrace export``: the contract, and what operators put into their own tools."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
import typer

import headrace
from headrace.cli.output import Json, notes, write_pretty
from headrace.cli.target import Bootstrap, pipeline_of
from headrace.event_schema import event_schema, label_schema
from headrace.exports.dashboards import dashboards, datasources, providers
from headrace.exports.rules import rules
from headrace.exports.targets import WEBHOOK
from headrace.exports.targets import alertmanager as alertmanager_file
from headrace.exports.targets import prometheus as prometheus_file
from headrace.exports.yaml import written
from headrace.messages import Messages
from schemas.errors import UserError
from schemas.records import RECORDS
from streams.asyncapi import document
from streams.settings import load

app = typer.Typer()

Folder = Annotated[Path, typer.Argument(metavar="[FOLDER]", help="Where to write; it is made if it is not there.")]

#: The first line of each file, for whoever finds it.
WRITTEN_BY = "Written by `headrace export {command}`; run it again to renew it."


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


@app.command("prometheus")
def prometheus(
    folder: Folder = Path("prometheus"),
    target: Annotated[
        list[str] | None, typer.Option("--target", metavar="HOST:PORT", help="A worker's /metrics; once for each.")
    ] = None,
    dns: Annotated[
        list[str] | None,
        typer.Option("--dns", metavar="NAME:PORT", help="A name in the DNS that stands for several workers."),
    ] = None,
    alertmanager: Annotated[
        list[str] | None, typer.Option("--alertmanager", metavar="HOST:PORT", help="Where alerts go.")
    ] = None,
) -> None:
    """Write Prometheus' configuration, recording rules and alert rules."""
    targets, names = target or [], dns or []
    if not targets and not names:
        targets = ["127.0.0.1:9464"]
    for place in (*targets, *names, *(alertmanager or [])):
        _check_place(place)
    configured = prometheus_file(targets, names, alertmanager or ["127.0.0.1:9093"])
    comment = WRITTEN_BY.format(command="prometheus")
    _write(
        folder,
        {"prometheus.yml": written(configured, comment), "headrace.rules.yml": written(rules(), comment)},
    )


@app.command("alertmanager")
def alertmanager(
    folder: Folder = Path("alertmanager"),
    webhook: Annotated[
        str,
        typer.Option(
            "--webhook",
            metavar="URL",
            envvar="ALERTMANAGER_WEBHOOK",
            help="Who is sent the messages; otherwise ALERTMANAGER_WEBHOOK.",
        ),
    ] = WEBHOOK,
) -> None:
    """Write Alertmanager's configuration: routes by severity, inhibition, one webhook."""
    if not webhook.startswith(("http://", "https://")):
        raise UserError(f"--webhook {webhook!r} is no address of a webhook: it begins with http:// or https://")
    comment = WRITTEN_BY.format(command="alertmanager")
    _write(folder, {"alertmanager.yml": written(alertmanager_file(webhook), comment)})


@app.command("grafana")
def grafana(
    folder: Folder = Path("grafana"),
    prometheus: Annotated[
        str, typer.Option("--prometheus", metavar="URL", help="Where Grafana reaches Prometheus.")
    ] = "http://127.0.0.1:9090",
    dashboards_at: Annotated[
        str | None,
        typer.Option(
            "--dashboards-at",
            metavar="PATH",
            help="Where Grafana finds the dashboards; otherwise where they are written.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write Grafana's dashboards, and the provisioning that loads them."""
    comment = WRITTEN_BY.format(command="grafana")
    found = dashboards_at or str((folder / "dashboards").resolve())
    files = {
        "provisioning/datasources/prometheus.yml": written(datasources(prometheus), comment),
        "provisioning/dashboards/headrace.yml": written(providers(found), comment),
    }
    for name, made in dashboards().items():
        files[f"dashboards/headrace-{name}.json"] = (
            msgspec.json.format(msgspec.json.encode(made), indent=2).decode() + "\n"
        )
    _write(folder, files)


def _check_place(place: str) -> None:
    host, _, port = place.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise UserError(f"{place!r} is no place: write host:port, like 127.0.0.1:9464")


def _write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UserError(f"{path} can't be written: {error.strerror}") from None
        notes().print(str(path), markup=False)
