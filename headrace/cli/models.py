"""``headrace models``: which versions there are, how they compare, who is and was in charge."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, get_args

import msgspec
import typer

from headrace import registry
from headrace.cli.decisions import Name, about_all, about_one, about_one_unsaid, share, told
from headrace.cli.output import Json, console, table, write_json
from headrace.cli.target import Bootstrap, FileOrName, topology_of
from headrace.registry import Models
from models.registry import Role, Version
from schemas.costs import Cost
from schemas.envelope import parse_time
from schemas.errors import BadRecord, UserError
from streams.settings import load

app = typer.Typer()


@app.command("ls")
def ls(
    pipeline: FileOrName,
    every: Annotated[bool, typer.Option("--all", help="Those too that are no longer active.")] = False,
    bootstrap: Bootstrap = None,
    json: Json = False,
) -> None:
    """List the versions with their newest metrics, the champion first."""
    models = _read(pipeline, bootstrap)
    versions = [each for each in models.registry.versions.values() if every or each.left is None]
    order = get_args(Role)
    versions.sort(key=lambda version: (order.index(version.role), version.added))
    if json:
        write_json([facts_of(models, version) for version in versions])
        return
    names = list(dict.fromkeys(name for each in models.health.values() for name in each.metrics))
    rows = [_row(models, version, names) for version in versions]
    columns = ("model", "role", "share", "since", "position", "labels", *names, "µs", "why")
    console().print(table(columns, rows, right=("share", "position", "labels", *names, "µs")))


@app.command("show")
def show(pipeline: FileOrName, model: Name, bootstrap: Bootstrap = None, json: Json = False) -> None:
    """Show all that is known of one version."""
    models = _read(pipeline, bootstrap)
    version = models.version(model)
    if json:
        write_json(facts_of(models, version) | history_of(models, version))
        return
    console().print(table(("what", ""), list(_flat(facts_of(models, version)))))
    show_history(models, version)


@app.command("diff")
def diff(
    pipeline: FileOrName,
    model: Name,
    other: Annotated[
        str, typer.Argument(metavar="OTHER", help="Another; the champion if none is named.")
    ] = "@champion",
    bootstrap: Bootstrap = None,
    json: Json = False,
) -> None:
    """Show in what two versions differ."""
    models = _read(pipeline, bootstrap)
    one, two = models.version(model), models.version(other)
    facts = [dict(_flat(facts_of(models, version))) for version in (one, two)]
    names = list(dict.fromkeys([*facts[0], *facts[1]]))
    rows = [(name, *(each.get(name) for each in facts)) for name in names if facts[0].get(name) != facts[1].get(name)]
    if json:
        write_json({name: {one.state: left, two.state: right} for name, left, right in rows})
    elif not rows:
        console().print(f"{one.state} and {two.state} are the same.")
    else:
        console().print(table(("what", one.state, two.state), rows))


@app.command("charge")
def charge(
    pipeline: FileOrName,
    at: Annotated[
        str | None, typer.Option("--at", help="An RFC 3339 time or a position of the learning log.", show_default=False)
    ] = None,
    bootstrap: Bootstrap = None,
    json: Json = False,
) -> None:
    """Say who was in charge, and who had a share: at a time, at a position, or all through."""
    models = _read(pipeline, bootstrap)
    reigns, shares = models.registry.reigns, models.registry.sharings.every
    if at is not None:
        moment = _moment(at)
        found, shares = models.registry.reign_at(moment), models.registry.sharings.at(moment)
        reigns = [] if found is None else [found]
    if json:
        ends = [*(reign.position for reign in reigns[1:]), None]
        beside = [
            [one for one in shares if one.overlaps(reign.position, end)]
            for reign, end in zip(reigns, ends, strict=False)
        ]
        facts = zip(map(msgspec.to_builtins, reigns), map(msgspec.to_builtins, beside), strict=True)
        write_json([reign | {"shares": own} for reign, own in facts])
        return
    if not reigns:
        console().print("Nobody was in charge yet.")
    else:
        rows = [(each.state or "nobody", each.since, each.position, each.action, each.reason) for each in reigns]
        console().print(table(("in charge", "since", "position", "how", "why"), rows, right=("position",)))
    if shares:
        told = [(each.state, each.share, each.since, each.position, each.until, each.reason) for each in shares]
        columns = ("beside it", "share", "since", "position", "until", "why")
        console().print(table(columns, told, right=("share", "position")))


app.command("promote", help="Put an active version in charge, by hand.")(about_one("promote"))
app.command("rollback", help="Put the champion before back in charge, or another version that still exists.")(
    about_one_unsaid("roll_back")
)
app.command("share", help="Let a challenger serve a part of the traffic, always the same keys.")(share)
app.command("freeze", help="Let no model be promoted by itself any more; ways back stay open.")(about_all("pause"))
app.command("thaw", help="Let models be promoted by themselves again.")(about_all("resume"))
app.command("remove", help="Take a version out of service that is not the champion.")(about_one("retire"))


def _read(pipeline: str, bootstrap: str | None) -> Models:
    return registry.read(load(bootstrap=bootstrap), topology_of(pipeline))


def _moment(text: str) -> datetime | int:
    if text.isdecimal():
        return int(text)
    try:
        return parse_time(text, "--at")
    except BadRecord as error:
        raise UserError(f"--at {text!r} is neither an RFC 3339 time nor a position: {error.detail}") from None


def facts_of(models: Models, version: Version) -> dict[str, Any]:
    """What is known of a version now."""
    facts: dict[str, Any] = {
        "state": version.state,
        "role": version.role,
        "since": version.since,
        "position": version.added,
        "left": version.left,
        "share": msgspec.to_builtins(models.registry.sharings.now(version.state)),
        "reason": version.reason,
        **{key: value for key, value in msgspec.to_builtins(version.control).items() if key not in _SAID_ALREADY},
    }
    health = models.health.get(version.state)
    if health is not None:
        facts |= {"labels": health.count, "metrics": health.metrics, "rolling": health.rolling}
    if version.state in models.costs:
        cost = msgspec.to_builtins(models.costs[version.state])
        facts["cost"] = {name: value for name, value in cost.items() if name not in ("model", "version")}
    return facts


_SAID_ALREADY = {"kind", "action", "model", "version", "reason", "shard"}


def share_of(models: Models, version: Version) -> float | None:
    """The part of the traffic that a version serves as a challenger."""
    sharing = models.registry.sharings.now(version.state)
    return None if sharing is None else sharing.share


def history_of(models: Models, version: Version) -> dict[str, Any]:
    return {
        "decisions": models.decisions_about(version),
        "retrains": models.retrains_of(version),
        "reigns": [reign for reign in models.registry.reigns if reign.state == version.state],
    }


def show_history(models: Models, version: Version) -> None:
    out = console()
    history = history_of(models, version)
    for reign in history["reigns"]:
        out.print(
            f"In charge from position {reign.position} ({reign.since}): {reign.action}, {reign.reason}", markup=False
        )
    for step in history["retrains"]:
        out.print(f"Retraining {step.id}, {step.step} at {step.time}: {step.reason}", markup=False)
    for decision in history["decisions"]:
        out.print(f"Decision: {told(decision)}", markup=False)


def _row(models: Models, version: Version, names: list[str]) -> tuple[object, ...]:
    health = models.health.get(version.state)
    metrics = health.metrics if health is not None else {}
    return (
        version.state,
        version.role,
        share_of(models, version),
        f"{version.since:%Y-%m-%dT%H:%M:%SZ}",
        version.added,
        None if health is None else health.count,
        *(f"{metrics[name]:.4f}" if name in metrics else "" for name in names),
        _cost(models.costs.get(version.state)),
        version.reason,
    )


def _cost(cost: Cost | None) -> str:
    """Microseconds to answer and to learn."""
    if cost is None:
        return ""
    return " + ".join("?" if each is None else f"{each:.0f}" for each in (cost.answer_us, cost.learn_us))


def _flat(facts: dict[str, Any], before: str = "") -> list[tuple[str, Any]]:
    """Nested facts as rows: ``metrics LogLoss``, ...; what is absent is left out."""
    rows: list[tuple[str, Any]] = []
    for name, value in facts.items():
        if isinstance(value, dict):
            rows += _flat(value, f"{before}{name} ")
        elif value is not None:
            rows.append((f"{before}{name}", value))
    return rows
