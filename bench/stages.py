"""Where the microseconds go: processor time per event of the whole loop, stage by stage.

``python -m bench.stages`` runs one worker in this very process, on topics that were filled before, and reads the
clock of the running thread at each step: the agents in the thread of the event loop, reading, writing and
committing in the thread of the batch source. What is left of the whole process's time is that of the Kafka
client's own threads. ``wait_*`` is no processor time: so long the source stood still in a step, for the broker or
because other processes had the machine. An event here is an event with its label.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import sys
import time
import uuid
from collections import defaultdict
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from agents import worker
from agents.line import Line
from agents.work import Work
from bench import brokers, headrace_loop, stream
from bench.deployment import Deployment
from schemas.examples import Example
from streams.batches import Batch
from streams.gathering import Gathering
from streams.session import Session
from streams.transactions import Transactions

EVENTS = 50_000
TIMEOUT_S = 300.0
LOOK_S = 0.05

Stage = Callable[[AsyncIterable[Work], Line], Awaitable[None]]

# Steps of the batch source and the key of each; `step` contains the others, which are subtracted.
STEPS: tuple[tuple[type, str, str], ...] = (
    (Session, "step", "step"),
    (Session, "_read_log", "source_log"),
    (Gathering, "take", "source_take"),
    (Transactions, "write", "source_produce"),
    (Transactions, "commit", "source_commit"),
)


class Clocks:
    """Processor time by key, from the first batch with events on."""

    def __init__(self) -> None:
        self.spent_s: defaultdict[str, float] = defaultdict(float)
        self.waited_s: defaultdict[str, float] = defaultdict(float)
        self.batches = 0
        self.labels = 0
        self.running = False
        self._process_s = 0.0
        self._loop_s: float | None = None
        self._began_s = 0.0

    def stage(self, noun: str, stage: Stage) -> tuple[str, Stage]:
        """Give the agent's function with a clock before it."""

        async def timed(works: AsyncIterable[Work], line: Line) -> None:
            await stage(self._each(works), line)

        return noun, timed

    async def _each(self, works: AsyncIterable[Work]) -> AsyncIterator[Work]:
        async for work in works:
            self._began_s = time.thread_time()
            if self._loop_s is None and self.running:
                self._loop_s = self._began_s
            yield work

    def through(self, work: Work) -> None:
        """An agent has done its part of a batch."""
        now_s = time.thread_time()
        if self.running and self._loop_s is not None:
            self.spent_s[f"stage_{worker.STAGES[work.stage][0]}"] += now_s - self._began_s
            self.spent_s["loop"] = now_s - self._loop_s
            self.spent_s["process"] = time.process_time() - self._process_s

    def step(self, key: str, step: Callable[..., Any]) -> Callable[..., Any]:
        """Give a step of the source with a clock around it."""

        def timed(*arguments: Any) -> Any:
            counts, begun_s, wall_s = self.running, time.thread_time(), time.perf_counter()
            try:
                return step(*arguments)
            finally:
                if counts:
                    spent_s = time.thread_time() - begun_s
                    self.spent_s[key] += spent_s
                    self.waited_s[key] += time.perf_counter() - wall_s - spent_s

        return timed

    def batch(self, batch: Batch) -> None:
        """A batch goes to the agents; the first with events starts the clocks."""
        if batch.events and not self.running:
            self.running = True
            self._process_s = time.process_time()
        self.batches += self.running

    def figures(self, events: int) -> dict[str, float]:
        """Give microseconds per event by key."""
        spent = dict(self.spent_s)
        step, loop, process = spent.pop("step"), spent.pop("loop"), spent.pop("process")
        waited = {key: self.waited_s[key] for key in spent if key.startswith("source_")}
        spent["source_other"] = step - sum(spent[key] for key in spent if key.startswith("source_"))
        spent["frame"] = loop - sum(spent[key] for key in spent if key.startswith("stage_"))
        spent["kafka_client"] = process - loop - step
        spent["total"] = process
        spent |= {f"wait_{key.removeprefix('source_')}": seconds for key, seconds in waited.items()}
        figures = {f"{key}_us": round(seconds / events * 1e6, 3) for key, seconds in spent.items()}
        return figures | {"batches": self.batches, "batch_events": round(events / self.batches, 1)}


@contextmanager
def running(clocks: Clocks) -> Iterator[None]:
    """Put the clocks into the worker of this process, for the length of the block."""
    forward, finish, process = Line.forward, Line.finish, Line.process

    async def forwarded(line: Line, work: Work) -> None:
        clocks.through(work)
        await forward(line, work)

    def finished(line: Line, work: Work) -> None:
        clocks.through(work)
        clocks.labels += sum(isinstance(record, Example) for _, record in work.log)
        finish(line, work)

    def processed(line: Line, batch: Batch) -> None:
        clocks.batch(batch)
        process(line, batch)

    with ExitStack() as patches:
        for name, timed in (("forward", forwarded), ("finish", finished), ("process", processed)):
            patches.enter_context(mock.patch.object(Line, name, timed))
        for owner, name, key in STEPS:
            patches.enter_context(mock.patch.object(owner, name, clocks.step(key, getattr(owner, name))))
        stages = tuple(clocks.stage(*each) for each in worker.STAGES)
        patches.enter_context(mock.patch.object(worker, "STAGES", stages))
        yield


async def _work(deployment: Deployment, clocks: Clocks, events: int) -> None:
    # As agents.worker.run does it.
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
    stop = asyncio.Event()
    one = worker.Worker(deployment.pipeline, deployment.settings)
    task = asyncio.create_task(one.run(stop))
    end_s = time.monotonic() + TIMEOUT_S
    while clocks.labels < events and not task.done() and time.monotonic() < end_s:
        await asyncio.sleep(LOOK_S)
    stop.set()
    await task


def measure(address: str, events: int = EVENTS) -> dict[str, Any]:
    """Run the whole loop over so many events in this process; gives microseconds per event by stage."""
    clocks = Clocks()
    with Deployment(address, f"bench-stages-{uuid.uuid4().hex[:8]}") as deployment:
        headrace_loop.fill(deployment, stream.events(events))
        with running(clocks):
            asyncio.run(_work(deployment, clocks, events))
    return clocks.figures(events)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as a command."""
    parser = argparse.ArgumentParser(prog="python -m bench.stages", description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=EVENTS, help=f"events (default {EVENTS:,})")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args(arguments)
    with brokers.bootstrap() as address:
        figures = measure(address, chosen.events)
    lines = [f"{key:<24}{value:>10}" for key, value in figures.items()]
    print(json.dumps(figures) if chosen.json else "\n".join(lines), file=sys.__stdout__)
    return 0


if __name__ == "__main__":
    sys.exit(main())
