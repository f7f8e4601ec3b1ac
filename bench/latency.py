"""How long it takes from an event to its committed prediction, at a steady rate.

One thread sends events to a topic, another reads the topic of predictions, ``read_committed``, and matches
them by id. The time of an event begins when it was *due* by the rate, not when the sender got round to it, so
that a sender that is held up does not hide what it is held up by. Both ends are in one process, so one clock
serves both.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy
import orjson
from confluent_kafka import Consumer, Producer, TopicPartition

from bench import stream

WAIT_SECONDS_MAX = 30.0
WARMUP_SECONDS = 2.0


@dataclass(frozen=True)
class Load:
    """What is sent, and where the answers are.

    Parameters
    ----------
    source, target
        Topic of the events and topic of the predictions, which exist.
    rate_per_s
        Events a second, evenly spaced.
    seconds
        How long events are sent and counted, after ``warmup_s`` in which they are sent only.
    message
        Makes an event's value; the answer must carry the same ``id``.
    """

    source: str
    target: str
    rate_per_s: float
    seconds: float
    warmup_s: float = WARMUP_SECONDS
    message: Callable[[stream.Event], bytes] = stream.event_message


class Sender(threading.Thread):
    """Sends the events, each when it is due."""

    def __init__(self, bootstrap: str, load: Load, events: Sequence[stream.Event]) -> None:
        super().__init__(name="latency-sender", daemon=True)
        self.producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random", "linger.ms": 0})
        self.load = load
        self.messages = [(event.key, load.message(event)) for event in events]
        self.start_s = 0.0
        self.late_s_max = 0.0

    def run(self) -> None:
        """Send everything."""
        # The first record of a producer waits for the topic's metadata; that is no part of the way.
        self.producer.list_topics(self.load.source, timeout=WAIT_SECONDS_MAX)
        for number, (key, value) in enumerate(self.messages):
            late_s = time.perf_counter() - self.start_s - number / self.load.rate_per_s
            if late_s < 0:
                time.sleep(-late_s)
            self.late_s_max = max(self.late_s_max, late_s)
            self.producer.produce(self.load.source, value, key)
            self.producer.poll(0)
        self.producer.flush(WAIT_SECONDS_MAX)


def measure(bootstrap: str, load: Load) -> dict[str, Any]:
    """Send events at the rate and time their predictions.

    Parameters
    ----------
    bootstrap
        Address of the broker, ``host:port``.
    load
        What to send.

    Returns
    -------
    dict
        ``latency_p50_ms``, ``latency_p99_ms``, ``latency_max_ms`` over the events after the warm-up;
        ``missing_events`` had no prediction within 30 s of the last event; ``sender_late_max_ms`` says how
        well the sender kept the rate.
    """
    word = uuid.uuid4().hex[:8]
    count = int(load.rate_per_s * (load.warmup_s + load.seconds))
    # Ids of a run of their own, since the loop drops an id that it has seen.
    events = [each._replace(id=f"{word}-{each.id}") for each in stream.events(count)]
    number_of = {event.id: number for number, event in enumerate(events)}
    consumer = _reader(bootstrap, load.target)
    sender = Sender(bootstrap, load, events)
    arrived_s = numpy.full(count, numpy.nan)
    sender.start_s = time.perf_counter() + 0.5
    sender.start()
    end_s = sender.start_s + load.warmup_s + load.seconds + WAIT_SECONDS_MAX
    left = count
    while left and time.perf_counter() < end_s:
        message = consumer.poll(0.05)
        now_s = time.perf_counter()
        if message is None or message.error():
            continue
        number = number_of.get(orjson.loads(message.value() or b"{}").get("id"))
        if number is not None and numpy.isnan(arrived_s[number]):
            arrived_s[number] = now_s
            left -= 1
    consumer.close()
    sender.join(WAIT_SECONDS_MAX)
    due_s = sender.start_s + numpy.arange(count) / load.rate_per_s
    return _figures(load, (arrived_s - due_s) * 1000, sender.late_s_max * 1000)


def _reader(bootstrap: str, topic: str) -> Consumer:
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"latency-{uuid.uuid4().hex[:8]}",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
        }
    )
    partitions = consumer.list_topics(topic, timeout=WAIT_SECONDS_MAX).topics[topic].partitions
    ends = [
        consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=WAIT_SECONDS_MAX)[1]
        for number in partitions
    ]
    # From the end as it is now: without a group there is no assignment to wait for.
    consumer.assign([TopicPartition(topic, *place) for place in zip(partitions, ends, strict=True)])
    return consumer


def _figures(load: Load, ways_ms: numpy.ndarray[Any, Any], late_ms: float) -> dict[str, Any]:
    counted = ways_ms[int(load.rate_per_s * load.warmup_s) :]
    known = counted[~numpy.isnan(counted)]
    quantiles = numpy.quantile(known, [0.5, 0.99, 1.0]).round(2).tolist() if len(known) else [None] * 3
    return {
        "rate_per_s": load.rate_per_s,
        "sent_events": len(counted),
        "missing_events": int(len(counted) - len(known)),
        "latency_p50_ms": quantiles[0],
        "latency_p99_ms": quantiles[1],
        "latency_max_ms": quantiles[2],
        "sender_late_max_ms": round(late_ms, 2),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as a command; the exit code is 1 if a prediction is missing."""
    parser = argparse.ArgumentParser(prog="python -m bench.latency", description=__doc__.splitlines()[0])
    parser.add_argument("--bootstrap", required=True, help="address of the broker, host:port")
    parser.add_argument("--source", default="bench.events", help="topic that events are sent to")
    parser.add_argument("--target", default="bench.predictions", help="topic that predictions are read from")
    parser.add_argument("--rate", type=float, default=1000.0, help="events a second (default 1000)")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long to measure (default 20)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args(arguments)
    load = Load(chosen.source, chosen.target, chosen.rate, chosen.seconds)
    figures = measure(chosen.bootstrap, load)
    lines = [f"{key:<20}  {value}" for key, value in figures.items()]
    print(json.dumps(figures) if chosen.json else "\n".join(lines))
    return 1 if figures["missing_events"] else 0


if __name__ == "__main__":
    sys.exit(main())
