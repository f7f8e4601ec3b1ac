"""The table of contenders: who runs, on what input, how large a share of the events."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import peers, prefill, stream

PROJECT = Path(__file__).resolve().parent.parent
# A contender that needs a minute is chosen too large a share; five are for a machine that does other things.
RUN_SECONDS_MAX = 300.0
# What the process may take beyond that to start and to say why it failed.
START_SECONDS_MAX = 30.0

Fill = Callable[[str, str, Sequence[stream.Event]], None]


class ContenderError(Exception):
    """A contender did not end well; the text is the last thing it said."""


@dataclass(frozen=True)
class Round:
    """One run of one contender: the broker, the prefix of its topics, a word for the run, how many events."""

    bootstrap: str
    topics: str
    run: str
    events: int


@dataclass(frozen=True)
class Contender:
    """One row of the bench.

    Parameters
    ----------
    name
        Names the figures: ``<name>_per_s``, ``<name>_cpu_us``.
    run
        Runs one round and gives at least ``events``, ``seconds``, ``per_s`` and ``cpu_us``.
    fill
        Fills the topics, once, before the first round; ``None`` where no topic is read, or where the contender
        makes its own for every run.
    share
        Of the bench's number of events, so that a slow contender takes about as long as a fast one.
    """

    name: str
    run: Callable[[Round], dict[str, Any]]
    fill: Fill | None
    share: float


def module(name: str, *flags: str, in_peers: bool = False) -> Callable[[Round], dict[str, Any]]:
    """Run ``python -m bench.<name>`` as a process of its own and read the JSON object it prints."""

    def run(task: Round) -> dict[str, Any]:
        python = str(peers.python()) if in_peers else sys.executable
        values = {
            "bootstrap": task.bootstrap,
            "topics": task.topics,
            "run": task.run,
            "events": task.events,
            "timeout": RUN_SECONDS_MAX,
        }
        options = [f"--{option}={value}" for option, value in values.items()]
        command = [python, "-m", f"bench.{name}", "--json", *options, *flags]
        limit_s = RUN_SECONDS_MAX + START_SECONDS_MAX
        try:
            done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=limit_s, check=False)
        except subprocess.TimeoutExpired as error:
            message = f"no result after {limit_s:.0f} s"
            raise ContenderError(message) from error
        # A library may print on its own; the result is the one line that is a JSON object.
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        if done.returncode or not lines:
            said = done.stderr.strip().splitlines() or [f"exit code {done.returncode} and no word"]
            raise ContenderError(said[-1])
        result: dict[str, Any] = json.loads(lines[-1])
        return result

    return run


# The shares come from the figures of a first run: three to ten seconds each at the default number of events.
CONTENDERS: tuple[Contender, ...] = (
    Contender("river", module("river_loop"), None, 0.5),
    Contender("river_watched", module("river_loop", "--watched"), None, 0.5),
    Contender("loop_one_worker", module("headrace_loop"), None, 0.5),
    Contender("loop_unwatched", module("headrace_loop", "--unwatched"), None, 0.5),
    Contender("loop_two_workers", module("headrace_loop", "--two"), None, 0.5),
    Contender("faust", module("faust_loop"), prefill.fill, 0.025),
    Contender("confluent", module("confluent_loop"), prefill.fill_labelled, 1.0),
    Contender("confluent_transactional", module("confluent_loop", "--transactional"), prefill.fill_labelled, 1.0),
    Contender("quix", module("quix_loop", in_peers=True), prefill.fill_labelled, 0.5),
    Contender("bytewax", module("bytewax_loop", in_peers=True), prefill.fill_labelled, 0.75),
)
