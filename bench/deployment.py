"""Headrace as the bench runs it: a pipeline with topics of its own, and workers in processes of their own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition

from bench import declared
from schemas.errors import HeadraceError
from streams import apply
from streams.members import INPUTS, LOG
from streams.settings import load
from streams.topology import Topology

PROJECT = Path(__file__).resolve().parent.parent
STOP_SECONDS_MAX = 30.0
SEAT_SECONDS_MAX = 30.0


class Died(HeadraceError):
    """A worker of the bench ended by itself; the text is the last thing it said."""


class Worker:
    """One worker process; its processor time and its memory can be asked for."""

    def __init__(self, name: str, command: list[str], environment: dict[str, str], log: Path) -> None:
        self.name = name
        self._log = log
        self.started_s = time.time()
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command, cwd=PROJECT, env=environment, stdout=output, stderr=subprocess.STDOUT
            )
        self._seen = psutil.Process(self._process.pid)

    def cpu_s(self) -> float:
        """Seconds of processor time so far, all threads, in the kernel too."""
        self.check()
        times = self._seen.cpu_times()
        return float(times.user + times.system)

    def memory_mb(self) -> float:
        """Resident memory in MB (a million bytes)."""
        self.check()
        return float(self._seen.memory_info().rss) / 1e6

    def check(self) -> None:
        """Raise :class:`Died` if it has ended."""
        if self._process.poll() is not None:
            said = self._log.read_text(errors="replace").strip().splitlines() or ["nothing"]
            raise Died(f"worker {self.name} ended with code {self._process.returncode}: {said[-1]}")

    def kill(self) -> None:
        """End it as a power cut would."""
        self._process.kill()
        self._process.wait(STOP_SECONDS_MAX)

    def stop(self) -> None:
        """Ask it to end; kill it if it does not."""
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS_MAX)
            return
        self.kill()


class Deployment:
    """A pipeline, its topics and its workers; used in a ``with`` block, after which all workers have ended.

    Parameters
    ----------
    bootstrap
        Address of the broker, ``host:port``.
    name
        Of the pipeline; characters that a name may not have become ``-``.
    timed
        Whether the events carry their time.
    watched
        Whether drift is looked for.
    training_s
        A search is declared that may take so many seconds; 0: none.
    """

    def __init__(
        self, bootstrap: str, name: str, *, timed: bool = False, watched: bool = True, training_s: float = 0.0
    ) -> None:
        self.name = name.replace(".", "-").lower()
        self.bootstrap = bootstrap
        self.pipeline = declared.pipeline(self.name, timed=timed, watched=watched, training_s=training_s)
        self.topology = Topology(self.name, self.pipeline.partitions)
        self._flags = ["--timed"] * timed + ["--unwatched"] * (not watched)
        self._flags += ["--training-s", str(training_s)] if training_s else []
        self._folder = tempfile.TemporaryDirectory(prefix="headrace-bench-")
        self.settings = load(bootstrap=bootstrap, data=Path(self._folder.name))
        self.workers: dict[str, Worker] = {}
        self._group = Consumer({"bootstrap.servers": bootstrap, "group.id": self.name, "log_level": 4})
        apply.carry_out(apply.plan(self.topology, self.settings), self.settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self.workers.values():
            worker.stop()
        self._group.close()
        self._folder.cleanup()

    def start(self, name: str = "w0") -> Worker:
        """Start a worker; one of the same name is restarted."""
        environment = os.environ | {
            "HEADRACE_BOOTSTRAP": self.bootstrap,
            "HEADRACE_DATA": self._folder.name,
            "HEADRACE_WORKER": name,
        }
        command = [sys.executable, "-m", "bench.declared", self.name, *self._flags]
        self.workers[name] = Worker(name, command, environment, Path(self._folder.name) / f"{name}.log")
        return self.workers[name]

    def check(self) -> None:
        """Raise :class:`Died` if a worker has ended."""
        for worker in self.workers.values():
            worker.check()

    def processed(self, *nouns: str) -> int:
        """Say up to which offset the workers have committed these topics, all partitions together."""
        places = [TopicPartition(self.topology.name(noun), n) for noun in nouns for n in self._partitions(noun)]
        return sum(max(place.offset, 0) for place in self._group.committed(places, timeout=30.0))

    def end(self, noun: str) -> int:
        """Say how many offsets a topic has, all partitions together."""
        places = [TopicPartition(self.topology.name(noun), number) for number in self._partitions(noun)]
        return sum(self._group.get_watermark_offsets(place, timeout=30.0)[1] for place in places)

    def _partitions(self, noun: str) -> range:
        return range(self.topology.partitions_of(noun))

    def reader(self, noun: str, *, beginning: bool = True) -> Consumer:
        """Give a consumer of all partitions of a topic, ``read_committed``, from its beginning or its end."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": f"{self.name}-bench",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 20,
            }
        )
        name = self.topology.name(noun)
        places = [TopicPartition(name, number) for number in self._partitions(noun)]
        for place in places:
            place.offset = OFFSET_BEGINNING if beginning else consumer.get_watermark_offsets(place, timeout=30.0)[1]
        consumer.assign(places)
        return consumer

    def watch(self, noun: str, until: Callable[[Message], bool], timeout_s: float) -> Message:
        """Read a topic from its beginning until a record is the one that is waited for.

        Raises
        ------
        TimeoutError
            It did not come.
        Died
            A worker has ended.
        """
        consumer = self.reader(noun)
        try:
            return next(message for message in self.messages(consumer, timeout_s) if until(message))
        finally:
            consumer.close()

    def messages(self, consumer: Consumer, timeout_s: float) -> Iterator[Message]:
        """Give what comes, while all workers live, until the time is over."""
        end_s = time.monotonic() + timeout_s
        while time.monotonic() < end_s:
            message = consumer.poll(0.1)
            if message is not None and message.error() is None:
                yield message
            elif message is None:
                self.check()
        raise TimeoutError(f"{self.name}: what was waited for did not come within {timeout_s:.0f} s")

    @contextlib.contextmanager
    def seats(self, names: list[str]) -> Iterator[None]:
        """Share the partitions among workers that are still to come.

        The first worker of a group is given all partitions, and shares them when the second has come: the first
        seconds would be those of one worker. So members with the workers' names join before them, wait until
        each has its share, and leave without a word; the workers then take over their seats.
        """
        members = [Consumer(self._seat(name)) for name in names]
        topics = [self.topology.name(noun) for noun in (*INPUTS, LOG)]
        for member in members:
            member.subscribe(topics)
        end_s = time.monotonic() + SEAT_SECONDS_MAX
        wanted = self.pipeline.partitions * len(INPUTS) + 1
        while True:
            for member in members:
                member.poll(0.05)
            shares = [len(member.assignment()) for member in members]
            if sum(shares) == wanted and min(shares) >= wanted // len(members) - 1:
                break
            if time.monotonic() > end_s:
                raise TimeoutError(f"{self.name}: the partitions were not shared within {SEAT_SECONDS_MAX:.0f} s")
        for member in members:
            # What is fetched from now on would only be thrown away.
            member.pause(member.assignment())
        yield
        for member in members:
            member.close()

    def _seat(self, name: str) -> dict[str, Any]:
        return {
            "bootstrap.servers": self.bootstrap,
            "group.id": self.name,
            "group.instance.id": name,
            "partition.assignment.strategy": "range",
            "session.timeout.ms": 60_000,
            "heartbeat.interval.ms": 200,
            "enable.auto.commit": False,
            "auto.offset.reset": "latest",
        }
