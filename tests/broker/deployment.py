"""One pipeline on the real broker: its file, its topics, and workers started through the real command line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition

from agents.replay import Report, replay
from headrace.files import load_pipeline
from schemas.codec import decoder
from schemas.examples import Control, Example, LogRecord
from schemas.features import Features
from schemas.predictions import Prediction
from schemas.rejects import Reject, from_headers
from streams.apply import carry_out, plan
from streams.batches import Incoming
from streams.cluster import admin
from streams.log import LogReader
from streams.members import INPUTS
from streams.partitioner import partition_of
from streams.settings import load
from streams.topology import Topology

#: Seconds that a test waits for what must come.
PATIENCE_S = 60.0

PARTITIONS = 4

FILE = """
from river import linear_model, preprocessing

from headrace import Field, Label, Pipeline

OTHERS = {{}}
{before}

pipeline = Pipeline(
    name="{name}",
    problem="binary",
    fields=[Field("id", str), Field("at", float), Field("a", float), Field("b", float), Field("word", str)],
    id="id",
    time="at",
    label=Label(timeout="10m"),
    prepare=[{prepare}],
    models={{"logistic": preprocessing.StandardScaler() | linear_model.LogisticRegression(), **OTHERS}},
    champion="logistic",
    partitions={partitions},
    health_every=100,
    {more}
)
"""

NUMBERS_ONLY = """
def numbers(event):
    return {"a": event["a"], "b": event["b"]}
"""


class Worker:
    """A worker process.

    Parameters
    ----------
    process, log
        The process, and the file that it writes its log to.
    """

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def said(self) -> str:
        """What it has logged."""
        return self._log.read_text()

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait(10)

    def pause(self) -> None:
        """Let it stand still, heartbeats included."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on as if nothing had been."""
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> int:
        """Ask it to end, and give its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.ended()

    def ended(self, patience_s: float = PATIENCE_S) -> int:
        """Wait for its end, and give its exit code."""
        return self.process.wait(patience_s)


class Deployment:
    """A pipeline with a name of its own, all its topics, and its workers.

    Parameters
    ----------
    bootstrap
        The broker.
    folder
        Where its file, the workers' data and their logs go.
    name
        Of the pipeline.
    before, prepare
        Python of the pipeline file: what stands before the declaration, and the list of preparations.
    more
        Further arguments of the declaration, as Python.
    settings
        Further ``HEADRACE_...`` variables of the workers.
    """

    def __init__(
        self,
        bootstrap: str,
        folder: Path,
        name: str,
        before: str = NUMBERS_ONLY,
        prepare: str = "numbers",
        more: str = "",
        **settings: str,
    ) -> None:
        self.file = folder / "pipeline.py"
        self.file.write_text(FILE.format(name=name, before=before, prepare=prepare, partitions=PARTITIONS, more=more))
        self.environment = {
            "HEADRACE_BOOTSTRAP": bootstrap,
            "HEADRACE_DATA": str(folder / "data"),
            "HEADRACE_CHECKPOINT_EVERY_S": "1",
            **settings,
        }
        self.pipeline = load_pipeline(self.file)
        self.settings = load(bootstrap=bootstrap, data=folder / "data")
        self.topology = Topology(name, PARTITIONS)
        self.workers: list[Worker] = []
        carry_out(plan(self.topology, self.settings), self.settings)
        self._folder = folder
        connection = {"bootstrap.servers": bootstrap}
        self._producer = Producer({**connection, "partitioner": "murmur2_random", "linger.ms": 1})
        # Otherwise a dead worker's open transaction would have to end before it tells.
        self._group = Consumer({**connection, "group.id": name, "isolation.level": "read_uncommitted"})

    def start(self, name: str = "one", **settings: str) -> Worker:
        """Start a worker of this name, through the command line."""
        log = self._folder / f"worker-{len(self.workers)}-{name}.log"
        command = [str(Path(sys.executable).with_name("headrace")), "run", str(self.file)]
        environment = os.environ | self.environment | {"HEADRACE_WORKER": name} | settings
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
        self.workers.append(Worker(process, log))
        return self.workers[-1]

    def run(self, *arguments: str, code: int = 0) -> str:
        """What another command prints."""
        command = [str(Path(sys.executable).with_name("headrace")), *arguments]
        ended = subprocess.run(
            command, capture_output=True, text=True, env=os.environ | self.environment, timeout=PATIENCE_S, check=False
        )
        assert ended.returncode == code, ended.stderr
        return ended.stdout + ended.stderr

    def close(self) -> None:
        """End all workers, whatever state they are in."""
        for worker in self.workers:
            with suppress(ProcessLookupError):
                worker.resume()
            worker.kill()
        self._group.close()
        self._producer.close()

    def send(self, noun: str, key: str, value: bytes, partition: int | None = None) -> None:
        """Write a record to ``events`` or ``feedback``, in the background."""
        chosen = partition_of(key.encode(), PARTITIONS) if partition is None else partition
        self._producer.produce(self.topology.name(noun), value, key.encode(), chosen)

    def flush(self) -> None:
        """Wait until everything that was sent is written."""
        left = self._producer.flush(PATIENCE_S)
        assert left == 0, f"{left} records could not be written"

    def read(self, noun: str) -> Iterator[Incoming]:
        """All committed records of a topic."""
        for partition in range(self.topology.partitions_of(noun)):
            with LogReader(self.settings, self.topology.name(noun), partition, 0) as reader:
                yield from reader.to_end()

    def processed(self) -> int:
        """How many records of ``events`` and ``feedback`` are behind the workers, by their committed offsets."""
        places = [
            TopicPartition(self.topology.name(noun), partition) for noun in INPUTS for partition in range(PARTITIONS)
        ]
        return sum(max(place.offset, 0) for place in self._group.committed(places, timeout=PATIENCE_S))

    def owned(self) -> dict[str, set[int]]:
        """The partitions of ``events`` that each worker has, by its name."""
        client = admin(self.settings)
        group = client.describe_consumer_groups([self.topology.pipeline])[self.topology.pipeline].result(PATIENCE_S)
        events = self.topology.name("events")
        return {
            member.group_instance_id: {
                place.partition for place in member.assignment.topic_partitions if place.topic == events
            }
            for member in group.members
        }

    def features(self) -> list[Features]:
        """All that was prepared."""
        decode = decoder(Features)
        return [decode(record.value or b"") for record in self.read("features")]

    def predictions(self) -> list[Prediction]:
        """All that was served, each partition in its order."""
        decode = decoder(Prediction)
        return [decode(record.value or b"") for record in self.read("predictions")]

    def log(self) -> list[LogRecord]:
        """The learning log."""
        decode = decoder("examples")
        return [decode(record.value or b"") for record in self.read("examples")]

    def examples(self) -> list[Example]:
        """The outcomes in the learning log."""
        return [record for record in self.log() if isinstance(record, Example)]

    def controls(self) -> list[Control]:
        """The control records in the learning log."""
        return [record for record in self.log() if isinstance(record, Control)]

    def rejects(self) -> list[Reject]:
        """What was rejected."""
        return [from_headers(record.headers or []) for record in self.read("rejects")]

    def replay(self) -> Report:
        """Compare every prediction with the fold over the log."""
        return replay(self.pipeline, self.settings)

    def wait_until(self, holds: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
        """Wait for something that must come."""
        deadline = time.monotonic() + patience_s
        while not holds():
            if time.monotonic() > deadline:
                told = "\n".join(f"--- worker {n}\n{worker.said[-3000:]}" for n, worker in enumerate(self.workers))
                raise AssertionError(f"{what}: not within {patience_s:.0f} s\n{told}")
            time.sleep(0.1)

    def wait_for_progress(self, since: int) -> None:
        """Wait until workers have committed more than they had by then."""
        self.wait_until(lambda: self.processed() > since, "the next commit")
