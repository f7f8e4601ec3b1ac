"""The commands by which a person decides who is in charge: what they share, and how one is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, get_args

import typer

from headrace import promotions, registry
from headrace.asking import noticed
from headrace.cli.output import Json, console, write_json
from headrace.cli.person import ANSWER_S, By, NoWait, Reason, person, short
from headrace.cli.target import Bootstrap, FileOrName, topology_of
from schemas.examples import Notice
from schemas.promotions import Promotion
from streams.settings import Settings, load
from streams.topology import Topology

Name = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="MODEL@VERSION, MODEL for its newest, @champion or @challenger, as in models:/x@champion.",
    ),
]
Unsaid = Annotated[
    str | None,
    typer.Argument(
        metavar="MODEL",
        help="MODEL@VERSION; otherwise the only one that waits, or for a rollback the champion before.",
        show_default=False,
    ),
]

Action = promotions.Action | promotions.Order

#: A command, as typer takes it.
Command = Callable[..., None]


def about_one(action: Action) -> Command:
    """The command that asks for an action on a model which must be named."""

    def command(
        pipeline: FileOrName,
        model: Name,
        reason: Reason,
        by: By = None,
        no_wait: NoWait = False,
        bootstrap: Bootstrap = None,
        json: Json = False,
    ) -> None:
        ask(action, pipeline, model, None, by, reason, no_wait, bootstrap, json)

    return command


def about_one_unsaid(action: Action) -> Command:
    """The command that asks for an action on a model which need not be named."""

    def command(
        pipeline: FileOrName,
        reason: Reason,
        model: Unsaid = None,
        by: By = None,
        no_wait: NoWait = False,
        bootstrap: Bootstrap = None,
        json: Json = False,
    ) -> None:
        ask(action, pipeline, model, None, by, reason, no_wait, bootstrap, json)

    return command


def about_all(action: Action) -> Command:
    """The command that asks for an action on the whole pipeline."""

    def command(
        pipeline: FileOrName,
        reason: Reason,
        by: By = None,
        no_wait: NoWait = False,
        bootstrap: Bootstrap = None,
        json: Json = False,
    ) -> None:
        ask(action, pipeline, None, None, by, reason, no_wait, bootstrap, json)

    return command


def share(
    pipeline: FileOrName,
    model: Name,
    share: Annotated[float, typer.Option("--share", help="The part of all keys that it serves, like 0.1; 0 ends it.")],
    reason: Reason,
    by: By = None,
    no_wait: NoWait = False,
    bootstrap: Bootstrap = None,
    json: Json = False,
) -> None:
    ask("share", pipeline, model, share, by, reason, no_wait, bootstrap, json)


def ask(
    action: Action,
    pipeline: str,
    model: str | None,
    share: float | None,
    by: str | None,
    reason: str,
    no_wait: bool,
    bootstrap: str | None,
    json: bool,
) -> None:
    """Ask the leader, and say what has come of it."""
    who, why = person(by), short("--reason", reason)
    settings, topology = load(bootstrap=bootstrap), topology_of(pipeline)
    asked = promotions.command(action, _named(settings, topology, model), who, why, share)
    answers = promotions.ask if action in get_args(promotions.Action) else noticed
    answer = answers(settings, topology, asked, 0.0 if no_wait else ANSWER_S)
    if json:
        write_json(answer if answer is not None else {"command": asked.id})
    elif answer is None:
        console().print(f"{asked.id} waits for a leader", markup=False)
    else:
        console().print(told(answer) if isinstance(answer, Promotion) else _noted(answer, share), markup=False)


def _named(settings: Settings, topology: Topology, model: str | None) -> str | None:
    """A model as the leader knows it: aliases and MLflow's names are looked up in the log."""
    _, _, version = (model or "").partition("@")
    if model is None or not (model.startswith("models:/") or (version and not version.isdecimal())):
        return model
    return registry.read(settings, topology).version(model).state


def _noted(notice: Notice, share: float | None) -> str:
    what = notice.target if notice.target is not None else "promotions: from now on"
    done = notice.action if share is None else f"serves {share:.4g} of the traffic: set"
    return f"{what} {done} by {notice.by}"


def told(decision: Promotion) -> str:
    """A decision in words."""
    on = f" on {decision.examples:,} examples" if decision.examples else ""
    by = f" by {decision.by}" if decision.by else ""
    return (
        f"{decision.verdict.replace('_', ' ')} {decision.challenger} against {decision.champion}: {decision.status}{by}"
        f"{on}, at position {decision.position} ({decision.time:%Y-%m-%dT%H:%M:%SZ}): {decision.reason}"
    )
