"""How long it takes from an event to its committed prediction, at a steady rate.

One thread sends events to a topic, another reads the topic of predictions, ``read_committed``, and matches
them by id. The time of an event begins when it was *due* by the rate, not when the sender got round to it, so
that a sender that is held up does not hide what it is held up by. Both ends are in one process, so one clock
serves both. Where labels are sent too, each follows its event a second later.

``--headrace`` measures one worker of Headrace, whole loop with labels, exactly once, on a broker that does nothing
else: at 1,000 events a second, and at 10, where nothing is ever waiting.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy
import orjson
from confluent_kafka import Consumer, Producer, TopicPartition

from bench import brokers, stream
from bench.deployment import Deployment

WAIT_SECONDS_MAX = 30.0
WARMUP_SECONDS = 2.0
LABEL_AFTER_SECONDS = 1.0
# Part of what is measured. Without it every record is a request of its own, and it is the broker that is measured:
# it falls behind at two thousand a second on two cores.
LINGER_MS = 2
# Rates in events a second, and how long each is measured in seconds.
BUSY_PER_S, BUSY_SECONDS = 1000.0, 10.0
# A broker that has just started answers half as fast as one that has been running for a while.
BUSY_WARMUP_SECONDS = 15.0
IDLE_PER_S, IDLE_SECONDS = 10.0, 20.0


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
    feedback
        Topic of the labels; none are sent if it is empty.
    """

    source: str
    target: str
    rate_per_s: float
    seconds: float
    warmup_s: float = WARMUP_SECONDS
    message: Callable[[stream.Event], bytes] = stream.event_message
    feedback: str = ""


class Sender(threading.Thread):
    """Sends the events, each when it is due."""

    def __init__(self, bootstrap: str, load: Load, events: Sequence[stream.Event]) -> None:
        super().__init__(name="latency-sender", daemon=True)
        settings = {"bootstrap.servers": bootstrap, "partitioner": "murmur2_random", "linger.ms": LINGER_MS}
        self.producer = Producer(settings)
        self.load = load
        self.messages = [(event.key, load.message(event)) for event in events]
        self.labels = [stream.label_message(event) for event in events] if load.feedback else []
        self.label_after = int(load.rate_per_s * LABEL_AFTER_SECONDS)
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
            if self.labels and number >= self.label_after:
                earlier = number - self.label_after
                self.producer.produce(self.load.feedback, self.labels[earlier], self.messages[earlier][0])
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


def headrace(address: str, busy_seconds: float = BUSY_SECONDS, idle_seconds: float = IDLE_SECONDS) -> dict[str, Any]:
    """Measure one worker of Headrace at two rates.

    Parameters
    ----------
    address
        Of the broker.
    busy_seconds, idle_seconds
        How long each rate is measured.

    Returns
    -------
    dict
        ``latency_*`` at 1,000 events a second and ``idle_*`` at 10, as :func:`measure` gives them.
    """
    with Deployment(address, f"bench-latency-{uuid.uuid4().hex[:8]}") as deployment:
        name = deployment.topology.name
        deployment.start()
        load = Load(name("events"), name("predictions"), IDLE_PER_S, idle_seconds, feedback=name("feedback"))
        # The first answers come when the worker has started; they are no part of any figure.
        measure(address, replace(load, seconds=1.0))
        idle = measure(address, load)
        busy = measure(
            address, replace(load, rate_per_s=BUSY_PER_S, seconds=busy_seconds, warmup_s=BUSY_WARMUP_SECONDS)
        )
        deployment.check()
    figures = {key if key.startswith("latency_") else f"latency_{key}": value for key, value in busy.items()}
    return figures | {f"idle_{key.removeprefix('latency_')}": value for key, value in idle.items()}


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
    parser.add_argument("--bootstrap", help="address of the broker, host:port; default: one that is started")
    parser.add_argument("--headrace", action="store_true", help="start a worker and measure it at both rates")
    parser.add_argument("--source", default="bench.events", help="topic that events are sent to")
    parser.add_argument("--target", default="bench.predictions", help="topic that predictions are read from")
    parser.add_argument("--rate", type=float, default=1000.0, help="events a second (default 1000)")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long to measure (default 10)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args(arguments)
    if not (chosen.headrace or chosen.bootstrap):
        parser.error("--headrace, or the address of a broker with --bootstrap")
    with nullcontext(chosen.bootstrap) if chosen.bootstrap else brokers.bootstrap() as address:
        if chosen.headrace:
            figures = headrace(address, chosen.seconds, chosen.seconds)
        else:
            figures = measure(address, Load(chosen.source, chosen.target, chosen.rate, chosen.seconds))
    lines = [f"{key:<28}  {value}" for key, value in figures.items()]
    print(json.dumps(figures) if chosen.json else "\n".join(lines))
    return 1 if any(value for key, value in figures.items() if key.endswith("missing_events")) else 0


if __name__ == "__main__":
    sys.exit(main())
