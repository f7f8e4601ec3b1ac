"""The leader's side of a training: it starts the trainer, looks how far it is, and starts it again after a crash."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from agents.tasks import Report, Task, folder_of, light, read_signed
from agents.trainer import LENGTH_BYTES
from models.definitions import definition
from models.pipeline import Pipeline
from models.policies import Search
from models.search import Alternative, alternatives
from schemas.retrains import Retrain
from streams.checkpoints import signing_key
from streams.settings import Settings

#: How often a trainer is started for one retraining.
STARTS_MAX = 3

#: Seconds beyond its own bound after which a trainer is ended.
GRACE_S = 30.0

#: Seconds that a trainer takes to die.
DEATH_S = 5.0

#: The names that pipeline files are loaded under begin so; no import finds them.
_FILES = "pipeline_file_"


class TrainerProcess:
    """One retraining, in a process of its own.

    Parameters
    ----------
    pipeline, settings, topic
        What is trained, and where the learning log is.
    step
        The retraining.
    duration_s_max
        Seconds that it may take.
    """

    def __init__(
        self, pipeline: Pipeline, settings: Settings, topic: str, step: Retrain, duration_s_max: float
    ) -> None:
        self._key = signing_key(settings)
        self._folder = folder_of(settings, pipeline.name, step.id)
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        search, candidates = candidates_of(pipeline, step)
        models = {name: pipeline.estimators[name] for name in dict.fromkeys(one.model for one in candidates)}
        declared = "|".join(map(definition, models.values()))
        names = "|".join(one.name for one in candidates)
        self._task = Task(
            name=f"{step.id}|{step.first}|{step.end}|{step.batch}|{search.eta}|{search.budget}|{declared}|{names}",
            content=pickle.dumps(light(pipeline, models), protocol=5),
            modules=_modules(),
            alternatives=candidates,
            search=search,
            settings=settings,
            topic=topic,
            first=step.first,
            end=step.end,
            folder=self._folder,
            key=self._key,
            duration_s_max=duration_s_max,
            batch=step.batch,
        )
        self._starts = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._until_s = time.monotonic() + duration_s_max + GRACE_S
        self._start()

    def _start(self) -> None:
        self._starts += 1
        path = os.pathsep.join(part for part in sys.path if part)
        # One thread computes: more would take the processor from the service.
        quiet = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        with (self._folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "agents.yielding", "agents.trainer"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | quiet | {"PYTHONPATH": path},
            )
        self._process = process
        content = pickle.dumps(self._task, protocol=5)
        # It reads once it has loaded its libraries: whoever writes to the pipe waits for that.
        threading.Thread(target=_hand_over, args=(process, content), name="task", daemon=True).start()

    def look(self) -> Report | None:
        """What has come of it, None while it works. A trainer that crashed is started again, and goes on."""
        assert self._process is not None
        if self._process.poll() is None:
            if time.monotonic() < self._until_s:
                return None
            self.stop()
            return Report(position=self._task.first, failed="its time is over, and it did not end by itself")
        self.stop()
        found = read_signed(self._folder / "result", self._key)
        if found is not None:
            return msgspec.json.decode(found, type=Report)
        if self._starts < STARTS_MAX:
            self._start()
            return None
        return Report(position=self._task.first, failed=f"the trainer ended {self._starts} times: {self._last_words()}")

    def progress(self) -> Report | None:
        """How far it is, if it has said so."""
        found = read_signed(self._folder / "progress", self._key)
        return None if found is None else msgspec.json.decode(found, type=Report)

    @property
    def pid(self) -> int:
        """Of the process."""
        assert self._process is not None
        return self._process.pid

    def model(self) -> bytes | None:
        """The pickle of the trained state, verified; None if it is not there."""
        return read_signed(self._folder / "model", self._key)

    def _last_words(self) -> str:
        lines = (self._folder / "log").read_text(errors="replace").strip().splitlines()
        return lines[-1][:500] if lines else f"exit code {self._process.returncode if self._process else None}"

    def stop(self) -> None:
        """End it; what it wrote down stays for the next one."""
        assert self._process is not None and self._process.stdin is not None
        if self._process.poll() is None:
            self._process.kill()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(DEATH_S)
        # What could not be handed over is still in its buffer.
        with suppress(OSError):
            self._process.stdin.close()

    def clear(self) -> None:
        """End it, and leave nothing behind."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


def tidy(settings: Settings, pipeline: str, ids: Collection[str]) -> None:
    """Leave nothing behind of retrainings that have come to their end elsewhere.

    Parameters
    ----------
    ids
        Of those that go on.
    """
    kept = {folder_of(settings, pipeline, id) for id in ids}
    for folder in (settings.data / "trainings").glob(f"{pipeline}.*"):
        if folder not in kept:
            shutil.rmtree(folder, ignore_errors=True)


def candidates_of(pipeline: Pipeline, step: Retrain) -> tuple[Search, list[Alternative]]:
    """How is searched, without what is searched; and the candidates, which are one where nothing is searched.

    Raises
    ------
    ValueError
        If the search is no longer declared.
    """
    if not step.search:
        return Search(), [Alternative(model=step.model, parameters=step.parameters)]
    search = pipeline.retraining.search if pipeline.retraining is not None else None
    if search is None:
        raise ValueError("no search is declared any more")
    return Search(eta=search.eta, budget=search.budget), alternatives(search, step.model, pipeline.estimators)


def _hand_over(process: subprocess.Popen[bytes], content: bytes) -> None:
    assert process.stdin is not None
    # It may be dead by now; whoever looks after it finds out.
    with suppress(OSError, ValueError):
        process.stdin.write(len(content).to_bytes(LENGTH_BYTES, "big") + content)
        process.stdin.flush()


def _modules() -> list[tuple[str, str]]:
    return [
        (name, str(Path(path).resolve()))
        for name, module in list(sys.modules.items())
        if name.startswith(_FILES) and (path := getattr(module, "__file__", None))
    ]


@dataclass(slots=True)
class Running:
    """What the leader is at.

    Parameters
    ----------
    step
        The last step that was told.
    process
        The trainer.
    told_s, told_at
        When and of which position its progress was told last.
    stored
        The version under which its result was stored; None before.
    report
        What the trainer said at its end; None while it works.
    """

    step: Retrain
    process: TrainerProcess
    told_s: float
    told_at: int = -1
    stored: int | None = None
    report: Report | None = None

    @property
    def winner(self) -> Alternative:
        """What was trained, once it is done."""
        found = None if self.report is None else self.report.alternative
        return found or Alternative(model=self.step.model, parameters=self.step.parameters)
