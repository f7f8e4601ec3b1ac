"""A trained challenger that was given up leaves when another one waits for its place, and nobody else does."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from models.rooms import leaving
from schemas.examples import Control, Trained
from tests.models.trial_logs import Log, noisy, pipeline_of

OLD, WORSE = noisy(0.15, 1), noisy(0.3, 3)


def log_of() -> Log:
    """A declared champion, a trained challenger that is worse, and a declared one beside it."""
    log = Log(pipeline_of(retest_examples=50_000), {"old": OLD, "new": WORSE, "other": OLD})
    log.write(Control(action="added", model="new", version=2, reason="trained", trained=trained("first")))
    log._models["new"] = WORSE
    return log


def trained(retrain: str) -> Trained:
    return Trained(retrain=retrain, method="fresh", first=0, end=9, examples=4)


def left(log: Log, *, waits: bool = True, has_room: bool = False) -> list[Control]:
    """Who leaves."""
    retrains = SimpleNamespace(
        has_room=has_room,
        open={"next": None} if waits else {},
        occasions=SimpleNamespace(challengers={("new", 2)}),
        declared=SimpleNamespace(challengers_max=1),
    )
    return leaving(retrains, log.verdicts.reigns)  # type: ignore[arg-type]


def test_who_was_given_up_makes_room_for_the_next() -> None:
    log = log_of()
    assert left(log) == [], "it is on trial"
    log.verdicts.reigns.rest(("new", 2))
    (control,) = left(log)
    assert (control.action, control.model, control.version) == ("removed", "new", 2)
    assert "another challenger waits for one of 1 places" in control.reason


def test_nobody_leaves_while_there_is_room_or_nobody_waits() -> None:
    log = log_of()
    log.verdicts.reigns.rest(("new", 2))
    assert left(log, waits=False) == []
    assert left(log, has_room=True) == []


def test_the_former_champion_and_the_only_version_of_a_declaration_stay() -> None:
    log = log_of()
    log.write(Control(action="promoted", model="new", version=2, reason="by hand"))
    log.write(Control(action="rolled_back", model="old", version=1, reason="by hand"))
    assert left(log) == [], "it may come back"
    log = log_of()
    log.verdicts.reigns.rest(("new", 2))
    log.write(Control(action="removed", model="new", version=1, reason="by hand"))
    log.verdicts.reigns.models = {
        key: control if key != ("new", 2) else Control(**{**fields(control), "definition": "its own"})
        for key, control in log.verdicts.reigns.models.items()
    }
    assert left(log) == [], "it would be added again"


def fields(control: Control) -> dict[str, Any]:
    return {name: getattr(control, name) for name in control.__struct_fields__}
