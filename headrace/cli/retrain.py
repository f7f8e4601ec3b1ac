"""``headrace retrain``: a challenger, asked for by hand."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from headrace import retrains
from headrace.cli.failure import OUTSIDE
from headrace.cli.output import Json, console, notes, write_json
from headrace.cli.person import ANSWER_S, By, Reason, person, short
from headrace.cli.target import Bootstrap, File, declared
from models.names import nearest
from models.parameters import adjusted
from models.pipeline import Pipeline
from schemas.errors import UserError
from schemas.retrains import Retrain
from schemas.values import FeatureValue
from streams.settings import load

#: Seconds that `--wait` follows a training.
TRAIN_S = 3600.0


def command(
    file: File,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A declared model.", show_default=False)],
    reason: Reason,
    window: Annotated[
        str | None,
        typer.Option(
            "--window", help="Learn only the last examples (5000) or so much event time (7d).", show_default=False
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="Another parameter than declared; repeatable.", show_default=False
        ),
    ] = None,
    warm: Annotated[bool, typer.Option("--warm", help="Begin with a copy of the champion as it is.")] = False,
    search: Annotated[bool, typer.Option("--search", help="Choose among the declared alternatives.")] = False,
    batch: Annotated[
        int | None,
        typer.Option("--batch", min=0, help="Learn so many labels at a time with learn_many.", show_default=False),
    ] = None,
    by: By = None,
    wait: Annotated[bool, typer.Option("--wait", help="Follow it until it has finished or failed.")] = False,
    bootstrap: Bootstrap = None,
    json: Json = False,
) -> None:
    """Train a challenger from the learning log; it joins the shadows once it is trained."""
    pipeline, topology = declared(file)
    parameters = dict(_parameter(text) for text in set_ or ())
    _check(pipeline, model, parameters, search)
    asked = retrains.command(
        model,
        person(by),
        short("--reason", reason),
        window=window,
        parameters=parameters,
        warm=warm,
        search=search,
        batch=batch,
    )
    screen = notes()
    last = retrains.ask(
        load(bootstrap=bootstrap),
        topology,
        asked,
        answer_s=ANSWER_S,
        train_s=TRAIN_S if wait else 0.0,
        tell=(lambda step: None) if json else (lambda step: screen.print(_told(step), markup=False)),
    )
    assert last is not None, "it waits for an answer"
    if json:
        write_json(last)
    elif last.step == "finished":
        console().print(f"{last.model}@{last.version} is among the shadows", markup=False)
    if last.step == "failed":
        raise typer.Exit(OUTSIDE)


def _check(pipeline: Pipeline, model: str, parameters: dict[str, FeatureValue], search: bool) -> None:
    """What the leader would refuse is told at once."""
    models = pipeline.estimators
    if model not in models:
        raise UserError(f"MODEL {model!r} is not one of {', '.join(map(repr, models))}{nearest(model, list(models))}")
    if search and (pipeline.retraining is None or pipeline.retraining.search is None):
        raise UserError("--search: none is declared; write Retraining(search=Search(...)) in the pipeline file")
    try:
        adjusted(models[model], parameters)
    except (ValueError, TypeError) as error:
        raise UserError(f"--set: {error}") from None


def _parameter(text: str) -> tuple[str, FeatureValue]:
    name, equal, value = text.partition("=")
    if not (name and equal and value):
        raise UserError(f"--set {text!r} is no NAME=VALUE, like LogisticRegression.l2=0.1")
    try:
        return name, msgspec.json.decode(value, type=FeatureValue)
    except msgspec.DecodeError:
        return name, value


def _told(step: Retrain) -> str:
    match step.step:
        case "requested":
            how = f"{step.method}, among alternatives" if step.search else step.method
            return f"{step.id}: {step.model} is to be trained, {how}, from position {step.first} of the log on"
        case "started":
            return f"{step.id}: started"
        case "progress":
            seen = step.evidence
            left = f", {seen['candidates']:.0f} candidates left" if "candidates" in seen else ""
            return f"{step.id}: {seen.get('examples', 0):,.0f} examples learnt{left}"
        case "finished":
            seen = step.evidence
            measured = f", loss {seen['loss']:.4f} (prior {seen['prior']:.4f})" if "loss" in seen else ""
            won = f" is {step.alternative}," if step.alternative else ""
            return f"{step.id}: {step.model}@{step.version}{won} trained in {step.duration_s or 0:.1f} s{measured}"
        case _:
            return f"{step.id}: failed: {step.reason}"
