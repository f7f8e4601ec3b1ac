"""What a trainer writes is whole and ours or not there; one that can't work ends with a reason."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest
from river import dummy

from agents.trainer import Report, folder_of, read_signed, write_signed
from agents.trainings import STARTS_MAX, TrainerProcess, tidy
from schemas.retrains import Retrain
from streams.settings import load
from tests.models.stories import pipeline_for

KEY = b"ours"

PATIENCE_S = 60.0


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    write_signed(tmp_path / "model", KEY, b"content")
    assert read_signed(tmp_path / "model", KEY) == b"content"
    write_signed(tmp_path / "model", KEY, b"")
    assert read_signed(tmp_path / "model", KEY) == b""


@pytest.mark.parametrize("wrong", ["absent", "altered", "cut", "empty", "other key", "other name"])
def test_what_is_not_ours_is_not_read(tmp_path: Path, wrong: str) -> None:
    path = tmp_path / "model"
    write_signed(path, b"theirs" if wrong == "other key" else KEY, b"content")
    match wrong:
        case "absent":
            path.unlink()
        case "altered":
            path.write_bytes(path.read_bytes()[:-1] + b"!")
        case "cut":
            path.write_bytes(path.read_bytes()[:-1])
        case "empty":
            path.write_bytes(b"")
        case "other name":
            path = path.rename(tmp_path / "checkpoint")
    assert read_signed(path, KEY) is None


def test_what_is_left_of_other_retrainings_is_cleared_away(tmp_path: Path) -> None:
    settings = load(data=tmp_path)
    kept, over, other = (
        folder_of(settings, *names) for names in (("flights", "kept"), ("flights", "over"), ("flights-2", "other"))
    )
    for folder in (kept, over, other):
        folder.mkdir(parents=True)
    tidy(settings, "flights", {"kept"})
    assert (kept.exists(), over.exists(), other.exists()) == (True, False, True)


def test_trainer_that_cannot_import_the_model_ends_with_that_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ghost = ModuleType("ghost")
    model = type("Ghost", (dummy.PriorClassifier,), {"__module__": "ghost"})
    monkeypatch.setattr(ghost, "Ghost", model, raising=False)
    monkeypatch.setitem(sys.modules, "ghost", ghost)
    now = datetime(2026, 5, 1, tzinfo=UTC)
    step = Retrain(id="ghost", step="started", model="ghost", time=now, reason="", first=0, end=9)
    settings = load(data=tmp_path, bootstrap="127.0.0.1:1")
    process = TrainerProcess(pipeline_for("binary", models={"ghost": model()}), settings, "story.examples", step, 60.0)
    report: Report | None = None
    deadline_s = time.monotonic() + PATIENCE_S
    while report is None and time.monotonic() < deadline_s:
        report = process.look()
        time.sleep(0.05)
    process.clear()
    assert report is not None
    assert report.failed == f"the trainer ended {STARTS_MAX} times: ModuleNotFoundError: No module named 'ghost'"
    assert not list((tmp_path / "trainings").iterdir())
