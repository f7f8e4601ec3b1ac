"""The worker: puts agents, channels and the batch source together, runs them, and ends with a reason."""

from __future__ import annotations

import asyncio
import faulthandler
import fcntl
import functools
import gc
import logging
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO, cast

import faust
from faust.app import BootStrategy

from agents.alerts import alerts
from agents.checkpoints import checkpoints
from agents.delivery import delivering
from agents.drift import drift
from agents.examples import examples
from agents.features import features
from agents.health import health
from agents.learning import learning
from agents.line import Line
from agents.metrics import Endpoint
from agents.predictions import predictions
from agents.profiles import profiles
from agents.promotions import promotions
from agents.retrains import retrains
from agents.tracing import tracing
from models.pipeline import Pipeline
from schemas.errors import Stalled, UserError
from streams.settings import Settings
from streams.source import Source
from streams.topology import Topology

logger = logging.getLogger(__name__)

#: The agents of the line, in the order in which a batch goes through them.
STAGES: tuple[tuple[str, Callable[..., Awaitable[None]]], ...] = (
    ("learning", learning),
    ("features", features),
    ("predictions", predictions),
    ("profiles", profiles),
    ("examples", examples),
    ("health", health),
    ("drift", drift),
    ("retrains", retrains),
    ("promotions", promotions),
    ("alerts", alerts),
    ("checkpoints", checkpoints),
)

#: Workers of one pipeline on one machine that get a name by themselves.
NAMES_MAX = 64

#: Seconds to finish the batch that is under way when asked to stop.
STOP_S = 15.0

#: Exit code of a worker that stalled: EX_TEMPFAIL, start it again.
STALLED = 75


class _Frame(BootStrategy):
    """Faust without its own consumer, producer, tables and web server: records travel in transactions here."""

    enable_kafka = False
    enable_web = False


class _App(faust.App):
    BootStrategy = _Frame


def name_of(settings: Settings, pipeline: str) -> tuple[str, TextIO | None]:
    """The name of this worker, the same after a restart, and the lock that keeps it.

    Without a given name it is the first of ``<host>-0``, ``<host>-1``, ... that no other worker on this machine
    holds.

    Raises
    ------
    UserError
        If all names are taken.
    """
    if settings.worker:
        return settings.worker, None
    folder = settings.data / "workers"
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(NAMES_MAX):
        name = f"{socket.gethostname()}-{number}"
        lock = (folder / f"{pipeline}.{name}.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            continue
        return name, lock
    raise UserError(f"{NAMES_MAX} workers of {pipeline!r} run on this machine; set HEADRACE_WORKER for more")


class Worker:
    """One process of one pipeline.

    Parameters
    ----------
    pipeline, settings
        What to compute, and where.
    """

    def __init__(self, pipeline: Pipeline, settings: Settings) -> None:
        self.topology = Topology(pipeline.name, pipeline.partitions)
        self.name, self._lock = name_of(settings, pipeline.name)
        self.line = Line(pipeline, settings, self.topology)
        self.line.counts.name([noun for noun, _ in STAGES])
        self.source = Source(settings, self.topology, self.name, self.line)
        self._settings = settings

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set or something fails for good.

        Raises
        ------
        HeadraceError
            Why it could not go on.
        """
        with (
            tempfile.TemporaryDirectory(prefix="headrace-") as folder,
            self._endpoint(),
            delivering(self._settings, self.topology),
            tracing(self._settings, self.topology) as self.line.tracing,
        ):
            app = self._app(Path(folder))
            channels = [app.channel(maxsize=1) for _ in STAGES]
            for channel, (noun, stage) in zip(channels, STAGES, strict=True):
                app.agent(channel, name=noun)(functools.partial(_bound, stage, self.line))
            await app.start()
            app.flow_control.resume()
            self.line.connect(channels, asyncio.get_running_loop())
            self.source.start()
            watchdog = Watchdog(self.source, self._settings.stall_s_max)
            watchdog.start()
            try:
                await self._until(stop)
            finally:
                self.source.stop()
                await asyncio.to_thread(self.source.ended.wait, STOP_S)
                watchdog.stop()
                await app.stop()
                # Faust makes a thread for its own consumer, which never starts here, and so never closes its loop.
                cast(Any, app.consumer)._thread.thread_loop.close()
                if self._lock is not None:
                    self._lock.close()
        if self.source.failure is not None:
            raise self.source.failure

    @contextmanager
    def _endpoint(self) -> Iterator[None]:
        """The metrics endpoint, where one is asked for."""
        settings = self._settings
        if not settings.metrics_port:
            yield
            return
        endpoint = Endpoint(settings.metrics_host, settings.metrics_port, self.line, self.source, self.name)
        endpoint.start()
        logger.info("metrics at http://%s:%d/metrics", settings.metrics_host, settings.metrics_port)
        try:
            yield
        finally:
            endpoint.stop()

    def _app(self, folder: Path) -> faust.App:
        return _App(
            self.topology.pipeline,
            broker=f"kafka://{self._settings.bootstrap.split(',')[0]}",
            store="memory://",
            datadir=folder,
            web_enabled=False,
            topic_disable_leader=True,
        )

    async def _until(self, stop: asyncio.Event) -> None:
        ended = asyncio.create_task(asyncio.to_thread(self.source.ended.wait))
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()


async def _bound(stage: Callable[..., Awaitable[None]], line: Line, stream: Any) -> None:
    await stage(stream, line)


class Watchdog:
    """Ends the process when the source does not move for too long: a new one is better than a silent one.

    Parameters
    ----------
    source
        Whose progress is watched.
    stall_s_max
        Seconds without a step.
    """

    def __init__(self, source: Source, stall_s_max: float) -> None:
        self._source = source
        self._stall_s_max = stall_s_max
        self._stopped = threading.Event()

    def start(self) -> None:
        """Begin to watch, in a thread of its own."""
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        """End watching."""
        self._stopped.set()

    def _watch(self) -> None:
        while not self._stopped.wait(min(1.0, self._stall_s_max / 4)):
            still_s = time.monotonic() - self._source.progress_s
            if still_s > self._stall_s_max and not self._source.ended.is_set():
                reason = Stalled(f"no step of the source went through for {still_s:.0f} s; ending this worker")
                logger.critical("%s", reason)
                faulthandler.dump_traceback(file=sys.__stderr__ or sys.stderr)
                # A thread that hangs in a library can't be stopped; what is not committed is done again.
                os._exit(STALLED)


def run(pipeline: Pipeline, settings: Settings) -> None:
    """Run one worker until it is interrupted.

    Raises
    ------
    HeadraceError
        Why it could not go on.
    """
    asyncio.run(_run(pipeline, settings))


async def _run(pipeline: Pipeline, settings: Settings) -> None:
    # Nearly all objects of a batch die with it and none of them is in a cycle: to look for cycles seldom saves a
    # tenth of the time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    worker = Worker(pipeline, settings)
    logger.info("worker %s of %s starts on %s", worker.name, pipeline.name, settings.bootstrap)
    await worker.run(stop)
    logger.info("worker %s of %s has stopped", worker.name, pipeline.name)
