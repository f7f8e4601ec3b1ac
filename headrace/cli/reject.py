"""``headrace reject``: the same, the other way."""

from __future__ import annotations

from headrace.cli.decisions import NoWait, Reason, Waiting, decide
from headrace.cli.output import Json
from headrace.cli.person import By
from headrace.cli.target import Bootstrap, FileOrName


def command(
    pipeline: FileOrName,
    reason: Reason,
    model: Waiting = None,
    by: By = None,
    no_wait: NoWait = False,
    bootstrap: Bootstrap = None,
    json: Json = False,
) -> None:
    """Keep the champion: a challenger that waits for a person does not take over."""
    decide("reject", pipeline, model, by=by, reason=reason, no_wait=no_wait, bootstrap=bootstrap, json=json)
