"""The trainer: a process of its own that folds a range of the learning log into a fresh model.

``python -m agents.yielding agents.trainer`` reads its task from stdin and works in a folder of its own:

1. Every few seconds it writes down how far it is, signed, so that it goes on from there if it is started again.
2. At the end it writes the result, signed, or why there is none.

It is nice to all other processes and ends with the one that started it, whose end closes stdin.
"""

from __future__ import annotations

import importlib.util
import os
import pickle
import sys
import threading
import time
from pathlib import Path

import msgspec

from agents.tasks import Report, Task, read_signed, write_signed
from models.halving import Halving
from models.pipeline import Pipeline
from models.training import Training, Unfit
from streams.log import LogReader
from streams.settings import Settings

#: Seconds between two checkpoints of a training.
CHECKPOINT_S = 5.0

#: Seconds between two words about its progress.
PROGRESS_S = 0.5

#: Records read at once, of all candidates together: the time until the clock is looked at again.
PIECE, PIECE_MIN = 500, 20

#: Seconds without the processor from which on it stays away, and for how long at most.
WAITING_S_MIN, WAITING_S_MAX = 0.002, 0.25

#: How often it goes on to where the log has come meanwhile, and the rest, a share of the range, that is the last.
ROUNDS_MAX = 8
REST_SHARE = 0.01

#: Bytes that say how long a task on stdin is.
LENGTH_BYTES = 8


def read_range(training: Training, settings: Settings, topic: str, end: int, until_s: float) -> None:
    """Let a training learn the log up to ``end``.

    Raises
    ------
    Unfit
        If the model fails, or the time is over.
    BrokerUnavailable
        If the log can't be read.
    """
    with LogReader(settings, topic, 0, training.position) as reader:
        while reader.position < end:
            _learn_piece(training, reader, end, until_s)


def _learn_piece(training: Training | Halving, reader: LogReader, end: int, until_s: float, piece: int = PIECE) -> None:
    if time.monotonic() > until_s:
        raise Unfit(f"its time is over at {training.position} of {end}")
    records = reader.read(0.2, piece)
    begun_s, worked_s = time.perf_counter(), time.thread_time()
    training.learn((record.offset, record.value or b"") for record in records if record.offset < end)
    kept_waiting_s = time.perf_counter() - begun_s - (time.thread_time() - worked_s)
    # Others want the processor: to be nice is not enough where they are many, so it stays away for as long again.
    if kept_waiting_s > WAITING_S_MIN:
        time.sleep(min(kept_waiting_s, WAITING_S_MAX))


class Trainer:
    """One training, from its checkpoint to its result."""

    def __init__(self, task: Task) -> None:
        pipeline: Pipeline = pickle.loads(task.content)  # it came through our own pipe
        self._task = task
        self._end = task.end
        self._rounds = 0
        self._spent_s = self._spent_cpu_s = 0.0
        self._training = Halving(
            pipeline, pipeline.models, task.alternatives, task.search, task.first, task.end, task.batch
        )
        kept = read_signed(task.folder / "checkpoint", task.key)
        if kept is not None:
            state = pickle.loads(kept)  # the signature has been verified
            if state["name"] == task.name:
                self._training.restore(state["training"])
                self._end, self._rounds, self._spent_s = state["end"], state["rounds"], state["spent_s"]
                self._spent_cpu_s = state["spent_cpu_s"]
        self._begun_s = time.monotonic() - self._spent_s
        self._written_s = self._told_s = time.monotonic()

    def run(self) -> None:
        """Train, and write what has come of it."""
        task, training = self._task, self._training
        try:
            self._learn()
            alternative, found = training.result()
        except Unfit as error:
            self._report(Report(position=training.position, examples=training.examples, failed=str(error)))
            return
        write_signed(task.folder / "model", task.key, pickle.dumps(found.model, protocol=5))
        self._report(
            Report(
                position=self._end,
                examples=found.examples,
                digest=found.digest,
                evidence=found.evidence,
                alternative=alternative,
                rungs=training.rungs,
                fit=found.fit,
            )
        )

    def _report(self, report: Report) -> None:
        write_signed(self._task.folder / "result", self._task.key, msgspec.json.encode(self._timed(report)))

    def _timed(self, report: Report) -> Report:
        """With what it has taken so far."""
        duration_s = round(time.monotonic() - self._begun_s, 3)
        return msgspec.structs.replace(report, duration_s=duration_s, cpu_s=round(self._cpu_s(), 3))

    def _cpu_s(self) -> float:
        return self._spent_cpu_s + time.process_time()

    def _learn(self) -> None:
        task, training = self._task, self._training
        until_s = self._begun_s + task.duration_s_max
        with LogReader(task.settings, task.topic, 0, training.position) as reader:
            while True:
                while reader.position < self._end:
                    _learn_piece(training, reader, self._end, until_s, max(PIECE // training.left, PIECE_MIN))
                    self._tell()
                newest = reader.end()
                # The log has gone on meanwhile, and what is not learnt now is not learnt at all.
                if self._rounds >= ROUNDS_MAX or newest <= self._end:
                    return
                # A small rest is soon learnt, and it is the newest: features with a short memory live on it.
                is_last = newest - self._end <= (self._end - task.first) * REST_SHARE
                self._end, self._rounds = newest, ROUNDS_MAX if is_last else self._rounds + 1
                # What was read beyond the former end was left out, and is read again.
                reader.seek(training.position)

    def _tell(self) -> None:
        now_s = time.monotonic()
        training, folder = self._training, self._task.folder
        if now_s - self._told_s >= PROGRESS_S:
            self._told_s = now_s
            report = Report(
                position=training.position, examples=training.examples, left=training.left, rungs=training.rungs
            )
            write_signed(folder / "progress", self._task.key, msgspec.json.encode(self._timed(report)))
        if now_s - self._written_s >= CHECKPOINT_S:
            state = {
                "name": self._task.name,
                "training": training.state(),
                "end": self._end,
                "rounds": self._rounds,
                "spent_s": now_s - self._begun_s,
                "spent_cpu_s": self._cpu_s(),
            }
            write_signed(folder / "checkpoint", self._task.key, pickle.dumps(state, protocol=5))
            # A large model takes long to write down: it is written down less often.
            self._written_s = time.monotonic() + 10 * (time.monotonic() - now_s)


def main() -> None:
    """Read a task from stdin and do it."""
    length = int.from_bytes(sys.stdin.buffer.read(LENGTH_BYTES), "big")
    task: Task = pickle.loads(sys.stdin.buffer.read(length))  # from the process that started this one
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    for name, path in task.modules:
        _load(name, Path(path))
    Trainer(task).run()


def _end_with_parent() -> None:
    # Not through its buffer, whose lock would be held when the interpreter ends.
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)


def _load(name: str, path: Path) -> None:
    """Run a pipeline file, as the module that pickles refer to."""
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)


if __name__ == "__main__":
    main()
