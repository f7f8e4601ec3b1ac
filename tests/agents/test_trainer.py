"""What a trainer writes is whole and ours or not there; one that can't work ends with a reason."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import ClassVar, Self

import msgspec
import pytest
from river import dummy

from agents import trainer
from agents.tasks import Report, Task, folder_of, light, read_signed, write_signed
from agents.trainings import STARTS_MAX, TrainerProcess, candidates_of, tidy
from schemas.retrains import Retrain
from streams.settings import load
from tests.models.stories import pipeline_for

KEY = b"ours"

PATIENCE_S = 240.0


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


class GrowingLog:
    """A log that has grown each time its end is asked for, and whose reader reads beyond what is wanted of it."""

    ends: ClassVar[list[int]] = []

    def __init__(self, settings: object, topic: str, partition: int, start: int) -> None:
        self.position = start

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def seek(self, start: int) -> None:
        self.position = start

    def end(self) -> int:
        return self.ends.pop(0)

    def read(self, timeout_s: float, records_max: int) -> list[SimpleNamespace]:
        first, self.position = self.position, self.position + records_max
        value = msgspec.json.encode({"kind": "example", "label": True, "features": {"size": 1.0}})
        return [SimpleNamespace(offset=offset, value=value) for offset in range(first, self.position)]


@pytest.mark.parametrize(("ends", "last"), [([1_000], 1_000), ([1_004, 2_000], 1_004), ([1_200, 1_205, 1_300], 1_205)])
def test_what_has_come_meanwhile_is_learnt_too_each_example_once_and_a_small_rest_is_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: list[int], last: int
) -> None:
    monkeypatch.setattr(GrowingLog, "ends", list(ends))
    monkeypatch.setattr(trainer, "LogReader", GrowingLog)
    pipeline = pipeline_for("binary", models={"prior": dummy.PriorClassifier()})
    now = datetime(2026, 5, 1, tzinfo=UTC)
    step = Retrain(id="r", step="started", model="prior", time=now, reason="", first=0, end=1_000)
    search, candidates = candidates_of(pipeline, step)
    task = Task(
        name="r",
        content=pickle.dumps(light(pipeline, {"prior": pipeline.models["prior"]})),
        modules=[],
        alternatives=candidates,
        search=search,
        settings=load(data=tmp_path),
        topic="story.examples",
        first=0,
        end=1_000,
        folder=tmp_path,
        key=KEY,
    )
    trainer.Trainer(task).run()
    found = read_signed(tmp_path / "result", KEY)
    assert found is not None
    report = msgspec.json.decode(found, type=Report)
    assert (report.failed, report.position, report.examples) == (None, last, last)


@pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="Linux alone has it")
def test_trainer_yields_to_all_others_from_its_first_import_on(tmp_path: Path) -> None:
    told = "import os, sys; print(os.nice(0), os.sched_getscheduler(0) == os.SCHED_IDLE, __name__, sys.argv[0]);"
    told += "print(os.getsid(0) == os.getpid())"
    (tmp_path / "told.py").write_text(told)
    path = os.pathsep.join((str(tmp_path), *sys.path))
    command = [sys.executable, "-P", "-m", "agents.yielding", "told"]
    result = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, timeout=PATIENCE_S, check=True
    )
    assert result.stdout.split() == ["19", "True", "__main__", str(tmp_path / "told.py"), "True"]
