"""Whether the memory of a worker stays flat over a million events.

Events carry their time, one second apart, and labels are waited for an hour and remembered for two: as in life,
what is remembered is bounded by the stream's own time, and the bound is reached in the first hundredth of the
run. The events are sent a piece at a time, so that the worker is never far behind. Resident memory is looked at
all the time; the first figure is the median over the second tenth of the run, when every buffer has been filled
once, the last that over the last tenth.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
import uuid
from collections.abc import Sequence
from statistics import median
from typing import Any

import orjson

from bench import brokers, prefill, stream
from bench.deployment import Deployment
from streams.members import INPUTS

EVENTS = 1_000_000
PIECE_STEPS = 250
# Records sent that the worker has not done yet, at most.
AHEAD_RECORDS_MAX = 20_000
TIMEOUT_S = 400.0
LOOK_EVERY_PIECES = 20
LOOK_S = 0.05


def measure(address: str, events: int = EVENTS) -> dict[str, Any]:
    """Take so many events and labels through one worker and watch its memory.

    Returns
    -------
    dict
        ``memory_first_mb``, ``memory_last_mb``, ``memory_growth_mb`` between them, ``memory_events``.
    """
    looks: list[tuple[int, float]] = []
    with Deployment(address, f"bench-memory-{uuid.uuid4().hex[:8]}", timed=True) as deployment:
        worker = deployment.start()
        sender = prefill.producer(address, linger_ms=0)
        topics = deployment.topology.name("events"), deployment.topology.name("feedback")
        start_s = time.time() - events
        steps = stream.in_time_order(stream.events(events))
        sent = 0
        end_s = time.monotonic() + TIMEOUT_S
        for number in itertools.count():
            piece = list(itertools.islice(steps, PIECE_STEPS))
            for is_label, event in piece:
                value = stream.label_message(event) if is_label else timed_message(event, start_s)
                sender.produce(topics[is_label], value, event.key)
            prefill.finish(sender)
            sent += len(piece)
            if piece and number % LOOK_EVERY_PIECES:
                continue
            ahead_max = AHEAD_RECORDS_MAX if piece else 0
            while sent - (done := deployment.processed(*INPUTS)) > ahead_max:
                if time.monotonic() > end_s:
                    raise TimeoutError(f"{done} of {2 * events} records were done within {TIMEOUT_S:.0f} s")
                worker.check()
                time.sleep(LOOK_S)
            looks.append((done, worker.memory_mb()))
            if not piece:
                break
    first = median(memory for done, memory in looks if 0.2 * events <= done <= 0.4 * events)
    last = median(memory for done, memory in looks if done >= 1.8 * events)
    return {
        "memory_first_mb": round(first, 1),
        "memory_last_mb": round(last, 1),
        "memory_growth_mb": round(last - first, 1),
        "memory_events": events,
    }


def timed_message(event: stream.Event, start_s: float) -> bytes:
    """Give the value of an event's record with its time: a second after that of the event before."""
    at = start_s + int(event.id[1:])
    return orjson.dumps({"id": event.id, "key": event.key, "at": at, **event.features})


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as a command."""
    parser = argparse.ArgumentParser(prog="python -m bench.memory", description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=EVENTS, help=f"events (default {EVENTS:,})")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args(arguments)
    with brokers.bootstrap() as address:
        figures = measure(address, chosen.events)
    print(json.dumps(figures) if chosen.json else "\n".join(f"{key:<20}{value}" for key, value in figures.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
