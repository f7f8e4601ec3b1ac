"""Waiting until a Kafka that has just been started is really of use.

A fresh broker listens, then answers metadata, and only later has a group coordinator and a transaction
coordinator, which make their topics at the first question. Each step is
tried until it works or the time is up.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

NAME = "headrace-ready"
STEP_SECONDS = 0.05
TRY_SECONDS_MAX = 5.0


def wait_ready(bootstrap: str, nodes: int, seconds_max: float, still_alive: Callable[[], None]) -> None:
    """Return when all nodes answer and both coordinators work.

    Parameters
    ----------
    bootstrap
        Addresses of all nodes.
    nodes
        How many must have joined.
    seconds_max
        How long to try.
    still_alive
        Called between tries; raises when there is nothing left to wait for.

    Raises
    ------
    TimeoutError
        It did not become ready in time; the text says what was waited for.
    """
    deadline = time.monotonic() + seconds_max
    for address in bootstrap.split(","):
        _until(lambda address=address: _listens(address), "its ports", deadline, still_alive)  # type: ignore[misc]
    client: dict[str, str | int | float | bool] = {
        "bootstrap.servers": bootstrap,
        # Quiet by level, not by a ``logger``: with one, calls of the admin client crash the interpreter.
        "log_level": 0,
        "reconnect.backoff.max.ms": 200,
    }
    admin = AdminClient(client)
    _until(lambda: _nodes(admin) == nodes, "all its nodes", deadline, still_alive)
    consumer = Consumer({**client, "group.id": NAME})
    producer = Producer({**client, "transactional.id": NAME, "retry.backoff.ms": 20})
    try:
        with ThreadPoolExecutor(1) as pool:
            groups = pool.submit(_until, lambda: _groups(consumer), "its groups", deadline, still_alive)
            _until(lambda: _transactions(producer), "its transactions", deadline, still_alive)
            groups.result()
    finally:
        consumer.close()


def _until(works: Callable[[], bool], what: str, deadline: float, still_alive: Callable[[], None]) -> None:
    while True:
        try:
            if works():
                return
        except (OSError, KafkaException):
            pass
        still_alive()
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(STEP_SECONDS)


def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=1.0):
        return True


def _nodes(admin: AdminClient) -> int:
    return len(admin.list_topics(timeout=TRY_SECONDS_MAX).brokers)


def _groups(consumer: Consumer) -> bool:
    # Only the coordinator can answer this; the topic need not exist.
    consumer.committed([TopicPartition(NAME, 0)], timeout=TRY_SECONDS_MAX)
    return True


def _transactions(producer: Producer) -> bool:
    producer.init_transactions(TRY_SECONDS_MAX)
    return True
