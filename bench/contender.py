"""What every contender's process shares: its arguments, its clock and the one JSON object it prints."""

from __future__ import annotations

import argparse
import json
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Task:
    """What a contender is told to do.

    Parameters
    ----------
    bootstrap
        Address of the broker, ``host:port``; empty where none is needed.
    events
        How many events the pre-filled topics hold. The contender ends when it has done them all.
    topics
        Prefix of the topics' names: input is ``<topics>.events`` and ``<topics>.feedback``.
    run
        A word of its own for every run; consumer groups and output topics carry it, so that each run starts
        at the beginning.
    timeout_s
        The contender gives up after this long.
    """

    bootstrap: str
    events: int
    topics: str
    run: str
    timeout_s: float


@dataclass
class Stopwatch:
    """Wall and processor time from the first record consumed to the last prediction committed.

    The processor time is that of the whole process, all threads, in the kernel too.
    """

    started_s: float = 0.0
    stopped_s: float = 0.0
    cpu_started_s: float = 0.0
    cpu_stopped_s: float = 0.0
    details: dict[str, Any] = field(default_factory=dict)

    def start(self) -> None:
        """Take the time, the first time it is called; later calls change nothing."""
        if not self.started_s:
            self.started_s = time.perf_counter()
            self.cpu_started_s = time.process_time()

    def stop(self) -> None:
        """Take the time; the last call counts."""
        self.stopped_s = time.perf_counter()
        self.cpu_stopped_s = time.process_time()

    def result(self, events: int) -> dict[str, Any]:
        """Give the figures of a run of ``events`` events."""
        seconds = self.stopped_s - self.started_s
        cpu = self.cpu_stopped_s - self.cpu_started_s
        return {
            "events": events,
            "seconds": round(seconds, 4),
            "per_s": round(events / seconds, 1),
            "cpu_s": round(cpu, 4),
            "cpu_us": round(cpu / events * 1e6, 3),
            **self.details,
        }


def main(name: str, run: Callable[[Task], dict[str, Any]]) -> None:
    """Run a contender as a process: read the arguments, run, print.

    Parameters
    ----------
    name
        Of the module, for the usage line and for the topics' names where none are given.
    run
        Does the task and gives its figures.
    """
    parser = argparse.ArgumentParser(prog=f"python -m bench.{name}", description=f"Contender {name} of the bench.")
    parser.add_argument("--bootstrap", default="", help="address of the broker, host:port")
    parser.add_argument("--events", type=int, default=100_000, help="events in the pre-filled topics")
    parser.add_argument("--topics", default=f"bench.{name}", help="prefix of the topics' names")
    parser.add_argument("--run", default=uuid.uuid4().hex[:8], help="word of its own for this run")
    parser.add_argument("--timeout", type=float, default=300.0, help="give up after so many seconds")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    task = Task(arguments.bootstrap, arguments.events, arguments.topics, arguments.run, arguments.timeout)
    result = run(task)
    # Faust turns the standard output into log lines; this one is the real one.
    output = sys.__stdout__ or sys.stdout
    if arguments.json:
        print(json.dumps(result), file=output, flush=True)
        return
    for key, value in result.items():
        print(f"{key:>24}  {value}", file=output, flush=True)
