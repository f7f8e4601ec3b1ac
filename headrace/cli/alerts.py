"""``headrace alerts``: what is wrong, and who has taken it up."""

from __future__ import annotations

import signal
import threading
from typing import Annotated

import typer

from agents.delivery import Delivery
from agents.receivers import receivers
from headrace import alerts as asked
from headrace.asking import noticed
from headrace.cli import logs
from headrace.cli.output import Json, console, table, write_json
from headrace.cli.person import ANSWER_S, By, NoWait, Reason, person, short
from headrace.cli.target import Bootstrap, FileOrName, topology_of
from models.payloads import groups
from models.pipeline import duration
from models.silencing import matcher_of
from schemas.alerts import Alert
from schemas.commands import Command
from schemas.errors import HeadraceError, UserError
from schemas.examples import Notice
from streams.settings import load
from streams.topology import Topology

app = typer.Typer()

Fingerprint = Annotated[
    str, typer.Argument(metavar="FINGERPRINT", help="Of the alert; its beginning is enough.", show_default=False)
]


@app.command("ls")
def ls(
    pipeline: FileOrName,
    firing: Annotated[bool, typer.Option("--firing", help="Only those that fire.")] = False,
    bootstrap: Bootstrap = None,
    json: Json = False,
) -> None:
    """List the alerts: those that fire first, the worst of them on top."""
    alerts = asked.current(load(bootstrap=bootstrap), topology_of(pipeline))
    shown = [alert for alert in alerts if alert.status == "firing" or not firing]
    if json:
        write_json(shown)
    elif not shown:
        console().print("No alert fires." if firing else "There was no alert yet.")
    else:
        columns = ("fingerprint", "state", "severity", "alert", "since", "until", "summary")
        console().print(table(columns, (_row(alert) for alert in shown)))


def _row(alert: Alert) -> tuple[object, ...]:
    known = {"alertname", "pipeline", "severity"}
    labels = ", ".join(f"{name}={value}" for name, value in alert.labels.items() if name not in known)
    until = "" if alert.ends_at is None else f"{alert.ends_at:%Y-%m-%dT%H:%M:%SZ}"
    return (
        alert.fingerprint,
        _state(alert),
        alert.severity,
        f"{alert.name} {labels}".strip(),
        f"{alert.starts_at:%Y-%m-%dT%H:%M:%SZ}",
        until,
        alert.annotations.get("summary", ""),
    )


def _state(alert: Alert) -> str:
    if alert.status == "resolved":
        return "resolved"
    if alert.silenced_by:
        return "silenced"
    if alert.inhibited_by:
        return "explained"
    return "firing" if alert.acknowledged_by is None else f"taken up by {alert.acknowledged_by}"


@app.command("show")
def show(pipeline: FileOrName, fingerprint: Fingerprint, bootstrap: Bootstrap = None, json: Json = False) -> None:
    """Show all that is known of one alert."""
    alert = asked.found(asked.current(load(bootstrap=bootstrap), topology_of(pipeline)), fingerprint)
    if json:
        write_json(alert)
        return
    rows: list[tuple[str, object]] = [("alert", alert.name), ("state", _state(alert)), ("since", alert.starts_at)]
    rows += [] if alert.ends_at is None else [("until", alert.ends_at)]
    rows += [(f"label {name}", value) for name, value in alert.labels.items()]
    rows += list(alert.annotations.items())
    rows += [("silenced by", id) for id in alert.silenced_by]
    rows += [("explained by", other) for other in alert.inhibited_by]
    rows += [("log position", alert.position), ("fingerprint", alert.fingerprint)]
    console().print(table(("what", ""), rows))


@app.command("ack")
def ack(
    pipeline: FileOrName,
    fingerprint: Fingerprint,
    reason: Reason = "",
    by: By = None,
    no_wait: NoWait = False,
    bootstrap: Bootstrap = None,
    json: Json = False,
) -> None:
    """Say that you have taken an alert up: it is not repeated, and everybody sees who."""
    settings, topology = load(bootstrap=bootstrap), topology_of(pipeline)
    alert = asked.found(asked.current(settings, topology), fingerprint)
    if alert.status != "firing":
        raise UserError(f"{alert.name} {alert.fingerprint} does not fire any more")
    _ask(topology, asked.acknowledge(alert, person(by), short("--reason", reason)), bootstrap, no_wait, json)


@app.command("silence")
def silence(
    pipeline: FileOrName,
    matchers: Annotated[
        list[str],
        typer.Argument(
            metavar="MATCHER...",
            help="Labels of the alerts that are meant: name=value or name!=value, where * is any text.",
            show_default=False,
        ),
    ],
    span: Annotated[str, typer.Option("--for", help="For how much event time, like 2h.", show_default=False)],
    reason: Reason,
    by: By = None,
    no_wait: NoWait = False,
    bootstrap: Bootstrap = None,
    json: Json = False,
) -> None:
    """Let nobody be told of the alerts that match all of these, for a while."""
    try:
        lasting = duration(span)
    except ValueError as error:
        raise UserError(f"--for: {error}") from None
    command = asked.silence([matcher_of(text) for text in matchers], lasting, person(by), short("--reason", reason))
    _ask(topology_of(pipeline), command, bootstrap, no_wait, json)


@app.command("unsilence")
def unsilence(
    pipeline: FileOrName,
    silence: Annotated[str, typer.Argument(metavar="SILENCE", help="Its id.", show_default=False)],
    reason: Reason = "",
    by: By = None,
    no_wait: NoWait = False,
    bootstrap: Bootstrap = None,
    json: Json = False,
) -> None:
    """End a silence before its time."""
    command = asked.unsilence(silence, person(by), short("--reason", reason))
    _ask(topology_of(pipeline), command, bootstrap, no_wait, json)


@app.command("test")
def test(pipeline: FileOrName, json: Json = False) -> None:
    """Send a test alert to every receiver that the environment names, and show what each answered."""
    topology, whom = topology_of(pipeline), receivers(load())
    if not whom:
        raise UserError("nobody is told of alerts: set HEADRACE_ALERTS_WEBHOOKS or HEADRACE_ALERTS_APPRISE")
    (message,) = groups([asked.trial(topology.pipeline)])
    rows = []
    for receiver in whom:
        try:
            rows.append((receiver.name, True, receiver.send(message)))
        except HeadraceError as error:
            rows.append((receiver.name, False, str(error)))
    if json:
        write_json([{"receiver": name, "delivered": delivered, "answer": answer} for name, delivered, answer in rows])
    else:
        shown = [(name, "delivered" if delivered else "FAILED", answer) for name, delivered, answer in rows]
        console().print(table(("receiver", "", "answer"), shown))
    if not all(delivered for _, delivered, _ in rows):
        raise typer.Exit(1)


@app.command("deliver")
def deliver(pipeline: FileOrName, bootstrap: Bootstrap = None) -> None:
    """Deliver alerts until Ctrl-C, apart from the workers; of several such processes one does it."""
    settings, topology = load(bootstrap=bootstrap), topology_of(pipeline)
    whom = receivers(settings)
    if not whom:
        raise UserError("nobody is told of alerts: set HEADRACE_ALERTS_WEBHOOKS or HEADRACE_ALERTS_APPRISE")
    logs.begin(settings, topology.pipeline)
    # Whoever runs it as a service ends it so.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    delivery = Delivery(settings, topology, whom)
    thread = delivery.start()
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        delivery.stop()
        thread.join()


def _ask(topology: Topology, command: Command, bootstrap: str | None, no_wait: bool, json: bool) -> None:
    notice = noticed(load(bootstrap=bootstrap), topology, command, 0.0 if no_wait else ANSWER_S)
    if json:
        write_json(notice if notice is not None else {"command": command.id})
    else:
        console().print(_told(command, notice), markup=False)


def _told(command: Command, notice: Notice | None) -> str:
    if notice is None:
        return f"{command.id} waits for a leader"
    match notice.action:
        case "silenced":
            return f"{notice.command}: silent until {notice.until:%Y-%m-%dT%H:%M:%SZ} event time"
        case "unsilenced":
            return f"{notice.target} is over"
        case _:
            return f"{notice.target} is taken up by {notice.by}"
