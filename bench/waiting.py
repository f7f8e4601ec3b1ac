"""What it costs that a million events wait for their label, against ten thousand.

Pure: the part of Headrace that remembers events and joins labels, without Kafka. So many events are remembered;
then, for a while, each further event is remembered and the oldest label comes and is joined, so that the number
that waits stays as it is. Memory is the growth of the process, after the collector has run. The cost is the
processor time of one event and one label, best of several spells, for the machine may do something else meanwhile.
Each size is measured in a process of its own.
"""

from __future__ import annotations

import argparse
import gc
import json
import multiprocessing
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy
import psutil

from bench import declared, stream
from models.examples import Examples
from models.waiting import Packing, Served
from schemas.feedback import Feedback
from schemas.predictions import Said

FEW, MANY = 10_000, 1_000_000
PAIRS = 20_000
SPELLS = 5
PIECE = 10_000
# Event time stands still, so that nothing expires and nothing is forgotten.
START = datetime(2026, 1, 1, tzinfo=UTC)


def served(numbers: range) -> Iterator[tuple[str, Served]]:
    """Make what was served for events, with the values of a stream; features are made piece by piece."""
    due = START + timedelta(days=1)
    for first in range(numbers.start, numbers.stop, PIECE):
        piece = range(first, min(first + PIECE, numbers.stop))
        values = numpy.random.default_rng([stream.SEED, first]).normal(size=(len(piece), len(stream.FEATURES)))
        for number, row in zip(piece, values.round(6).tolist(), strict=True):
            said = [Said(model=name, version=1, score=row[0] % 1) for name in ("model", "prior", "no-change")]
            features = dict(zip(stream.FEATURES, row, strict=True))
            yield f"e{number:07d}", Served(START, due, features, said, number)


def measure_one(count: int) -> dict[str, float]:
    """Let ``count`` events wait; gives their memory in MB and the cost of an event and a label in microseconds."""
    process = psutil.Process()
    # What the first event of all brings along is no part of the memory of one that waits.
    examples = Examples(declared.pipeline("bench"), 0, Packing())
    list(served(range(PIECE)))
    gc.collect()
    before = process.memory_info().rss
    for id, each in served(range(count)):
        examples.arrive(id)
        examples.remember(id, each)
    gc.collect()
    memory = process.memory_info().rss - before
    gc.freeze()
    spent = []
    for spell in range(SPELLS):
        first = count + spell * PAIRS
        fresh = list(served(range(first, first + PAIRS)))
        labels = [Feedback(id=f"e{first - count + number:07d}", label=True, time=START) for number in range(PAIRS)]
        begun_s = time.process_time()
        for (id, each), label in zip(fresh, labels, strict=True):
            examples.arrive(id)
            examples.remember(id, each)
            if not examples.knows(label.id) or examples.label(label) is None:
                raise RuntimeError(f"the label of {label.id} found no event")
        spent.append(time.process_time() - begun_s)
    return {"mb": round(memory / 1e6, 1), "us": round(min(spent) / PAIRS * 1e6, 3)}


def measure(many: int = MANY) -> dict[str, Any]:
    """Measure both sizes, each in a new process.

    Returns
    -------
    dict
        ``waiting_million_mb``; the cost of an event and its label with few and with many waiting, in microseconds,
        and ``waiting_ratio``: the rate with many over the rate with few.
    """
    # Spawned, so that nothing of this process's memory is in it.
    context = multiprocessing.get_context("spawn")
    sizes = (FEW, many)
    figures = []
    for size in sizes:
        with context.Pool(1) as pool:
            figures.append(pool.apply(measure_one, (size,)))
    few, most = figures
    return {
        "waiting_million_mb": most["mb"],
        "waiting_few_us": few["us"],
        "waiting_million_us": most["us"],
        "waiting_ratio": round(few["us"] / most["us"], 3),
        "waiting_events": many,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as a command."""
    parser = argparse.ArgumentParser(prog="python -m bench.waiting", description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=MANY, help=f"events that wait (default {MANY:,})")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args(arguments)
    figures = measure(chosen.events)
    print(json.dumps(figures) if chosen.json else "\n".join(f"{key:<20}{value}" for key, value in figures.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
