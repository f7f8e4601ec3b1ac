"""``headrace why``: why this prediction, or why this version."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import msgspec
import typer

from headrace import registry
from headrace.cli import models as versions
from headrace.cli.output import Json, console, table, write_json
from headrace.cli.predict import score_text
from headrace.cli.target import Bootstrap, FileOrName, topology_of
from headrace.registry import Explanation, Models
from models.registry import Version
from schemas.errors import UserError
from schemas.examples import Control
from streams.settings import load


def command(
    pipeline: FileOrName,
    what: Annotated[
        str, typer.Argument(metavar="ID|MODEL@VERSION", help="An event's id, or a version.", show_default=False)
    ],
    bootstrap: Bootstrap = None,
    json: Json = False,
) -> None:
    """Say why a prediction was what it was, or why a version is there: model, features, evidence, decisions."""
    settings, topology = load(bootstrap=bootstrap), topology_of(pipeline)
    models = registry.read(settings, topology)
    version = models.registry.find(what) if "@" in what or what.startswith("models:/") else None
    if version is not None:
        _say_version(models, version, json)
        return
    found = registry.explain(settings, topology, models, what)
    if found is None:
        known = ", ".join(models.registry.versions) or "none yet"
        raise UserError(f"there is neither a prediction of event {what!r} nor such a version; versions: {known}")
    _say_prediction(models, found, json)


def _say_version(models: Models, version: Version, json: bool) -> None:
    facts = versions.facts_of(models, version)
    if json:
        write_json(facts | versions.history_of(models, version))
        return
    console().print(f"{version.state} is {version.role}: {version.reason}", markup=False)
    for line in _origin(version.control):
        console().print(line, markup=False)
    versions.show_history(models, version)


def _origin(control: Control) -> Iterator[str]:
    """What a version was made of, as far as its record says."""
    trained, lineage = control.trained, control.lineage
    if trained is not None and trained.parent is not None:
        yield f"It began as a copy of {trained.parent}."
    elif trained is not None:
        batches = f", {trained.batch:,} at a time" if trained.batch else ""
        yield f"It was trained on {trained.examples:,} labels{batches} at positions {trained.first} to {trained.end}."
        if trained.alternative:
            others = len(trained.rungs[0].losses) - 1 if trained.rungs else 0
            yield f"It is {trained.alternative}, which left {others} other candidates behind."
    if lineage is not None:
        libraries = ", ".join(f"{name} {version}" for name, version in lineage.libraries.items())
        code = lineage.code or "(none of its own)"
        yield f"Made of code {code}, {libraries}, Python {lineage.python}, seed {lineage.seed}."


def _say_prediction(models: Models, found: Explanation, json: bool) -> None:
    prediction = found.prediction
    state = f"{prediction.model}@{prediction.version}"
    chosen = models.registry.versions.get(state)
    if json:
        decisions = [] if chosen is None else models.decisions_about(chosen)
        write_json({**msgspec.to_builtins(found), "decisions": decisions})
        return
    out = console()
    out.print(
        f"{prediction.id}: {score_text(prediction.score)}, said by {state}:{prediction.position} at "
        f"{prediction.predicted} about {prediction.event}",
        markup=False,
    )
    rows = [(f"{said.model}@{said.version}", score_text(said.score), "shadow") for said in prediction.shadows]
    how = "served, by its share" if prediction.served else "served"
    out.print(table(("model", "score", ""), [(state, score_text(prediction.score), how), *rows], right=("score",)))
    if found.features is None:
        out.print("Its features are no longer kept.")
    else:
        out.print(table(("feature", "value"), list(found.features.items()), right=("value",)))
    out.print(outcome_line(found), markup=False)
    if found.reign is not None:
        reign = found.reign
        out.print(
            f"{reign.state} was in charge since position {reign.position} ({reign.since}): {reign.reason}", markup=False
        )
    for sharing in models.registry.sharings.at(prediction.position):
        out.print(
            f"{sharing.state} had a share of {sharing.share:.4g} since position {sharing.position} ({sharing.since}): "
            f"{sharing.reason}",
            markup=False,
        )
    if chosen is not None:
        versions.show_history(models, chosen)
    out.print(f"To see it made again, bit for bit: headrace replay FILE --id {prediction.id}", markup=False)


def outcome_line(found: Explanation) -> str:
    """What became of the label."""
    example = found.example
    if example is None:
        return f"Its label is waited for until {found.prediction.due} of the stream's time."
    if example.status == "expired":
        return "Its label did not come in time."
    if example.status == "unavailable":
        why = "" if example.reason is None else f": {example.reason}"
        return f"Its label is unavailable, as was said at {example.labelled}{why}."
    return f"Its label was {example.label}, {example.status} at {example.labelled}."
