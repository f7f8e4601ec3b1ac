"""``headrace predict``: ask about one event."""

from __future__ import annotations

from typing import Annotated

import typer

from headrace.cli.output import Json, console, table, write_json
from headrace.cli.send import event_of
from headrace.cli.target import Bootstrap, FileOrName, IdField, Key, KeyField, client_of
from schemas.predictions import Prediction
from schemas.values import Score


def command(
    pipeline: FileOrName,
    event: Annotated[str, typer.Argument(metavar="JSON", help="The event.", show_default=False)],
    timeout_s: Annotated[float, typer.Option("--timeout", help="Seconds to wait for the answer.")] = 10.0,
    key: Key = None,
    id_field: IdField = None,
    key_field: KeyField = None,
    bootstrap: Bootstrap = None,
    json: Json = False,
) -> None:
    """Send an event and wait until a worker has answered."""
    with client_of(pipeline, bootstrap, id_field, key_field) as client:
        prediction = client.predict(event_of(event), timeout_s=timeout_s, key=key)
    if json:
        write_json(prediction)
    else:
        _show(prediction)


def _show(prediction: Prediction) -> None:
    out = console()
    label = "" if prediction.label is None else f" -> {prediction.label}"
    out.print(f"{prediction.id}: {score_text(prediction.score)}{label}", markup=False)
    rows = [
        (
            f"{prediction.model}@{prediction.version}:{prediction.position}",
            score_text(prediction.score),
            "served",
        )
    ]
    rows += [(f"{said.model}@{said.version}", score_text(said.score), "shadow") for said in prediction.shadows]
    out.print(table(("model", "score", ""), rows, right=("score",)))


def score_text(score: Score | None) -> str:
    """A score as people read it."""
    if score is None:
        return "none"
    if isinstance(score, dict):
        return ", ".join(f"{name} {value:.4f}" for name, value in score.items())
    return f"{score:.4f}"
