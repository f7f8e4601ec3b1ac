"""What all commands share by which a person decides who is in charge."""

from __future__ import annotations

from typing import Annotated

import typer

from headrace import promotions
from headrace.asking import noticed
from headrace.cli.output import console, write_json
from headrace.cli.person import person, short
from headrace.cli.target import topology_of
from schemas.promotions import Promotion
from streams.settings import load

#: Seconds that a command waits for the leader's answer.
ANSWER_S = 15.0

Reason = Annotated[str, typer.Option("--reason", help="Why, for the others and for the record.", show_default=False)]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Do not wait until the leader has decided.")]
Waiting = Annotated[
    str | None,
    typer.Argument(metavar="MODEL", help="MODEL@VERSION; otherwise the only one that waits.", show_default=False),
]


def decide(
    action: promotions.Action,
    pipeline: str,
    model: str | None,
    *,
    by: str | None,
    reason: str,
    no_wait: bool,
    bootstrap: str | None,
    json: bool,
) -> None:
    """Ask the leader, and say what it has decided."""
    asked = promotions.command(action, model, person(by), short("--reason", reason))
    settings, topology = load(bootstrap=bootstrap), topology_of(pipeline)
    decision = promotions.ask(settings, topology, asked, 0.0 if no_wait else ANSWER_S)
    if json:
        write_json(decision if decision is not None else {"command": asked.id})
    else:
        console().print(f"{asked.id} waits for a leader" if decision is None else told(decision), markup=False)


def order(
    action: promotions.Order,
    pipeline: str,
    model: str | None,
    *,
    by: str | None,
    reason: str,
    no_wait: bool,
    bootstrap: str | None,
    json: bool,
) -> None:
    """Ask the leader for what is no decision between models, and say that it is so."""
    asked = promotions.command(action, model, person(by), short("--reason", reason))
    notice = noticed(load(bootstrap=bootstrap), topology_of(pipeline), asked, 0.0 if no_wait else ANSWER_S)
    if json:
        write_json(notice if notice is not None else {"command": asked.id})
    elif notice is None:
        console().print(f"{asked.id} waits for a leader", markup=False)
    else:
        what = notice.target if notice.target is not None else "promotions: from now on"
        console().print(f"{what} {notice.action} by {notice.by}", markup=False)


def told(decision: Promotion) -> str:
    """A decision in words."""
    on = f" on {decision.examples:,} examples" if decision.examples else ""
    by = f" by {decision.by}" if decision.by else ""
    return (
        f"{decision.verdict.replace('_', ' ')} {decision.challenger} against {decision.champion}: {decision.status}{by}"
        f"{on}, at position {decision.position} ({decision.time:%Y-%m-%dT%H:%M:%SZ}): {decision.reason}"
    )
