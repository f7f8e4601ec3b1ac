"""How long a worker takes to its first prediction: after a start, and after a kill -9 and a restart at once.

Events come all the time, a hundred a second. A start is timed from the making of the process to the moment at
which a reader of committed records sees the first prediction; a restart from the moment of the kill to the first
prediction that the new process made. The figure is the median of the restarts.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
import uuid
from collections.abc import Sequence
from statistics import median
from typing import Any

import msgspec
from confluent_kafka import Consumer

from bench import brokers, prefill, stream
from bench.deployment import Deployment

KILLS = 3
EVENTS_PER_S = 100.0
# The worker works for so long before each kill.
BETWEEN_S = 3.0
TIMEOUT_S = 60.0
LABEL_AFTER_EVENTS = 50


class Seen(msgspec.Struct):
    """What is looked at of a prediction."""

    id: str


class Traffic(threading.Thread):
    """Sends events and their labels, evenly, until it is told to stop."""

    def __init__(self, deployment: Deployment) -> None:
        super().__init__(name="restart-traffic", daemon=True)
        self.sent_s: dict[str, float] = {}
        self._deployment = deployment
        self._stopped = threading.Event()

    def run(self) -> None:
        """Send."""
        names = self._deployment.topology.name("events"), self._deployment.topology.name("feedback")
        sender = prefill.producer(self._deployment.bootstrap, linger_ms=0)
        made = stream.events(100_000)
        for is_label, event in stream.in_time_order(made, LABEL_AFTER_EVENTS):
            value = stream.label_message(event) if is_label else stream.event_message(event)
            sender.produce(names[is_label], value, event.key)
            sender.poll(0)
            if not is_label:
                self.sent_s[event.id] = time.time()
                if self._stopped.wait(1 / EVENTS_PER_S):
                    break
        prefill.finish(sender)

    def stop(self) -> None:
        """End it."""
        self._stopped.set()
        self.join(TIMEOUT_S)


def measure(address: str, kills: int = KILLS) -> dict[str, Any]:
    """Time one start and some restarts.

    Returns
    -------
    dict
        ``start_s``; ``restart_s``, the median, and ``restart_slowest_s``.
    """
    with Deployment(address, f"bench-restart-{uuid.uuid4().hex[:8]}") as deployment:
        consumer = deployment.reader("predictions")
        traffic = Traffic(deployment)
        traffic.start()
        try:
            worker = deployment.start()
            start_s = _first(deployment, consumer, traffic, worker.started_s) - worker.started_s
            restarts_s = []
            for _ in range(kills):
                _let_work(consumer)
                killed_s = time.time()
                worker.kill()
                worker = deployment.start()
                restarts_s.append(_first(deployment, consumer, traffic, killed_s) - killed_s)
        finally:
            traffic.stop()
            consumer.close()
    return {
        "start_s": round(start_s, 3),
        "restart_s": round(median(restarts_s), 3),
        "restart_slowest_s": round(max(restarts_s), 3),
    }


def _first(deployment: Deployment, consumer: Consumer, traffic: Traffic, since_s: float) -> float:
    """When the first prediction of an event sent after ``since_s`` can be read."""
    decode = msgspec.json.Decoder(Seen).decode
    for message in deployment.messages(consumer, TIMEOUT_S):
        if traffic.sent_s.get(decode(message.value() or b"").id, 0.0) > since_s:
            return time.time()
    raise AssertionError("messages() ends by an error only")


def _let_work(consumer: Consumer) -> None:
    end_s = time.monotonic() + BETWEEN_S
    while time.monotonic() < end_s:
        consumer.poll(0.05)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as a command."""
    parser = argparse.ArgumentParser(prog="python -m bench.restart", description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=KILLS, help=f"restarts (default {KILLS})")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args(arguments)
    with brokers.bootstrap() as address:
        figures = measure(address, chosen.kills)
    print(json.dumps(figures) if chosen.json else "\n".join(f"{key:<20}{value}" for key, value in figures.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
