"""The whole loop of Headrace: one or more workers, from raw events and labels to predictions and learnt labels.

Topics are those of any pipeline, made as ``headrace apply`` makes them; each worker is a process like that of
``headrace run``, with default settings. Events and delayed labels lie in their topics before a worker starts, with
the times of a stream in which an event comes every millisecond, by which Headrace reads the two side by side. (With the
times at which the broker took records that are sent in one go, the delays of the labels would be those of the sending,
and the monitoring would tell of late labels all along.)

The clock runs from the moment at which the broker took the first prediction to the one at which the group has
committed the last event, the last label and, as the leader does when it has folded them, the last example: by
then every prediction is committed, every label is in the learning log, and the models have learnt it. The start
of the workers is not counted; it is measured elsewhere.

Beside the speed there is what the speed costs: a label is learnt a batch after it was read, so the serving models
are a little behind. ``staleness_*_labels`` counts, for each prediction, labels that the stream had brought before
the event and that the state that served it had not learnt; ``served_log_loss`` can be held against the loss of
the bare loop on the same events, where there is no such delay.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import msgspec
import numpy

from bench import contender, prefill, stream
from bench.deployment import Deployment
from schemas.codec import decoder
from schemas.examples import Example
from schemas.health import Health
from streams.log import LogReader
from streams.members import INPUTS, LOG

# Seconds between two looks at what is committed.
LOOK_S = 0.02

# The end of a transaction takes a place in the log too, which nobody reads: one for each worker.
MARKERS_MAX = 2


class Served(msgspec.Struct):
    """What is looked at of a prediction."""

    id: str
    position: int


def fill(deployment: Deployment, events: list[stream.Event]) -> None:
    """Write events and delayed labels."""
    inputs = [deployment.topology.name(noun) for noun in ("events", "feedback")]
    prefill.keep_times(deployment.bootstrap, inputs)
    prefill.fill(deployment.bootstrap, deployment.name, events)


def run(task: contender.Task, *, workers: int = 1, watched: bool = True) -> dict[str, Any]:
    """Take every event and label through the workers."""
    events = stream.events(task.events)
    names = [f"w{number}" for number in range(workers)]
    with Deployment(task.bootstrap, f"{task.topics}-{task.run}", watched=watched) as deployment:
        if workers > 1:
            with deployment.seats(names):
                fill(deployment, events)
        else:
            fill(deployment, events)
        started = [deployment.start(name) for name in names]
        first = deployment.watch("predictions", lambda _: True, task.timeout_s)
        cpu_s = sum(worker.cpu_s() for worker in started)
        stopped_s = _until_done(deployment, len(events), task.timeout_s)
        cpu_s = sum(worker.cpu_s() for worker in started) - cpu_s
        seconds = stopped_s - first.timestamp()[1] / 1000
        report = partial(_counts, len(events))
        health = decoder(Health)(deployment.watch("health", report, task.timeout_s).value() or b"")
        champion = next(each for each in health.models if each.champion)
        return {
            "events": len(events),
            "seconds": round(seconds, 4),
            "per_s": round(len(events) / seconds, 1),
            "cpu_s": round(cpu_s, 4),
            "cpu_us": round(cpu_s / len(events) * 1e6, 3),
            "served_log_loss": champion.metrics["LogLoss"],
            **staleness(deployment, events),
        }


def _until_done(deployment: Deployment, events: int, timeout_s: float) -> float:
    """Wait until everything is done; gives the time, seconds since 1970."""
    end_s = time.monotonic() + timeout_s
    while deployment.processed(*INPUTS) < 2 * events:
        deployment.check()
        if time.monotonic() > end_s:
            raise TimeoutError(f"not all of {events} events were done within {timeout_s:.0f} s")
        time.sleep(LOOK_S)
    while deployment.processed(LOG) < deployment.end(LOG) - MARKERS_MAX and time.monotonic() < end_s:
        time.sleep(LOOK_S)
    return time.time()


def _counts(labels: int, message: Any) -> bool:
    report: Health = decoder(Health)(message.value())
    return report.labels.known >= labels


def staleness(deployment: Deployment, events: list[stream.Event]) -> dict[str, float]:
    """Compare the state that served each event with the labels that the stream had brought before it.

    Raises
    ------
    RuntimeError
        Not every event has exactly one prediction, or not every label is in the log exactly once.
    """
    number_of = {event.id: number for number, event in enumerate(events)}
    decode = msgspec.json.Decoder(Served).decode
    positions = numpy.full(len(events), -1)
    for partition in range(deployment.topology.partitions):
        for record in _read(deployment, "predictions", partition):
            served = decode(record.value)
            if positions[number_of[served.id]] >= 0:
                raise RuntimeError(f"{served.id} has a second prediction")
            positions[number_of[served.id]] = served.position
    log = decoder("examples")
    learnt = [
        (record.offset, found.id)
        for record in _read(deployment, "examples", 0)
        if isinstance(found := log(record.value), Example)
    ]
    if (positions < 0).any() or len({id for _, id in learnt}) != len(learnt) or len(learnt) != len(events):
        raise RuntimeError(f"{len(events)} events have {(positions >= 0).sum()} predictions and {len(learnt)} examples")
    known = numpy.searchsorted(numpy.array([offset for offset, _ in learnt]), positions)
    brought = numpy.maximum(numpy.arange(len(events)) - stream.DELAY_EVENTS, 0)
    behind = numpy.maximum(brought - known, 0)
    return {
        "staleness_p50_labels": float(numpy.quantile(behind, 0.5)),
        "staleness_p99_labels": float(numpy.quantile(behind, 0.99)),
    }


def _read(deployment: Deployment, noun: str, partition: int) -> Iterator[Any]:
    with LogReader(deployment.settings, deployment.topology.name(noun), partition, 0) as reader:
        yield from reader.to_end()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--two", action="store_true")
    parser.add_argument("--unwatched", action="store_true")
    chosen, sys.argv[1:] = parser.parse_known_args()
    contender.main("headrace_loop", partial(run, workers=2 if chosen.two else 1, watched=not chosen.unwatched))
