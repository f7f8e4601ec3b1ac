"""What a person may order about models beside who is in charge."""

from __future__ import annotations

from typing import Any

import pytest

from models.orders import accept
from schemas.commands import Command
from schemas.errors import BadRecord
from schemas.examples import Control
from tests.models.trial_logs import START, Log, noisy, pipeline_of

OLD, BETTER = noisy(0.15, 1), noisy(0.02, 2)


def order(log: Log, action: Any, model: str | None = None, version: int | None = None) -> None:
    """Write what the leader makes of it."""
    command = Command(id=f"{action}-1", action=action, model=model, version=version, by="ada", reason="so", time=START)
    for record in accept(log.verdicts, command):
        log.write(record)  # type: ignore[arg-type]


def test_frozen_nobody_is_promoted_by_itself_and_thawed_the_evidence_still_counts() -> None:
    log = Log(pipeline_of(), {"old": OLD, "new": BETTER}).go_on(100)
    order(log, "pause")
    log.go_on(4000)
    assert (log.decisions, log.champion) == ([], "old")
    with pytest.raises(BadRecord, match="frozen already"):
        order(log, "pause")
    order(log, "resume")
    log.go_on(300)
    assert [each.verdict for each in log.decisions] == ["promote"]
    assert log.champion == "new"


def test_frozen_a_person_still_decides() -> None:
    log = Log(pipeline_of(), {"old": OLD, "new": BETTER}).go_on(100)
    order(log, "pause")
    for record in accept(
        log.verdicts, Command(id="c", action="promote", model="new", by="ada", reason="so", time=START)
    ):
        if isinstance(record, Control):
            log.write(record)
    assert log.champion == "new"


def test_a_version_is_retired_once_another_stands_for_the_same_declaration() -> None:
    log = Log(pipeline_of(), {"old": OLD, "new": BETTER}).go_on(100)
    log.write(Control(action="added", model="new", version=2, definition="same", reason="trained"))
    with pytest.raises(BadRecord, match="take it out there"):
        order(log, "retire", "new", 2)
    log.write(Control(action="added", model="new", version=3, definition="same", reason="trained"))
    order(log, "retire", "new", 2)
    assert ("new", 2) not in log.verdicts.reigns.models
    with pytest.raises(BadRecord, match="is the champion already"):
        order(log, "retire", "old", 1)
