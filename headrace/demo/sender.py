"""Sends the flights and their labels in true time order, in a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import datetime
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as Record

from headrace.demo.flights import Happening
from headrace.demo.tally import Tally
from schemas.codec import encode
from schemas.errors import BrokerUnavailable, HeadraceError
from streams.cluster import QUIET
from streams.connection import confluent
from streams.settings import Settings
from streams.topology import Topology

#: Events without their prediction at most. Every label under way is one that the models have yet to learn, and
#: the regression lives on the last fifty landings of each airport: with 2,000 events under way its log loss over
#: the year was 4 % above that of learning each label at once, with 150 it is 1 %, a quarter slower. In real life a
#: flight leaves every 90 seconds, and nothing is under way.
UNANSWERED_MAX = 150

DELIVERY_S_MAX = 30.0
_WAIT_S = 0.2


class Sender:
    """Tells what happened, as fast as it is answered or at a multiple of the speed of life.

    As fast as it goes, weeks of 2013 would pass while a challenger is trained, and how many would be decided by the
    machine; in real life it takes no longer than from one flight to the next. So 2013 stands still meanwhile, unless it
    has a speed of its own.

    Parameters
    ----------
    settings, topology
        Where the topics are.
    happenings
        What is told.
    tally
        Where it is counted.
    speed
        Seconds of 2013 in a second; ``None``: as fast as it is answered.
    """

    def __init__(
        self,
        settings: Settings,
        topology: Topology,
        happenings: Iterator[Happening],
        tally: Tally,
        speed: float | None,
    ) -> None:
        #: Whether everything was sent and taken.
        self.done = False
        #: Why the thread ended before.
        self.failure: HeadraceError | None = None
        self._topics = {"event": topology.name("events"), "label": topology.name("feedback")}
        self._happenings = happenings
        self._tally = tally
        self._speed = speed
        self._began: tuple[datetime, float] | None = None
        self._producer = Producer(
            {
                **confluent(settings),
                **QUIET,
                # librdkafka's own rule would put events where other clients do not look for their labels.
                "partitioner": "murmur2_random",
                "enable.idempotence": True,
                # The worker reads both topics in the order in which Kafka took them, so nothing is held back long.
                "linger.ms": 2,
                "delivery.timeout.ms": int(DELIVERY_S_MAX * 1000),
            }
        )
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="demo-sender", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            with self._tally.changed:
                while not self._tally.serving and not self._stopping.is_set():
                    self._tally.changed.wait(_WAIT_S)
            for happening in self._happenings:
                self._wait_for(happening)
                if self._stopping.is_set() or self.failure is not None:
                    self._producer.purge()
                    return
                self._send(happening)
            if self._producer.flush(DELIVERY_S_MAX + 1):
                self.failure = self.failure or BrokerUnavailable("Kafka did not take the last flights in time")
            self.done = self.failure is None
        except HeadraceError as error:
            self.failure = error

    def _wait_for(self, happening: Happening) -> None:
        """Wait until it is time, and until there is room."""
        if self._speed is not None:
            now_s = time.monotonic()
            first, began_s = self._began = self._began or (happening.time, now_s)
            due_s = began_s + (happening.time - first).total_seconds() / self._speed
            while due_s > time.monotonic() and not self._stopping.wait(min(_WAIT_S, due_s - time.monotonic())):
                self._producer.poll(0)
        with self._tally.changed:
            while self._is_held() and not self._stopping.is_set() and not self.failure:
                self._tally.changed.wait(_WAIT_S)
                self._producer.poll(0)

    def _is_held(self) -> bool:
        tally = self._tally
        return tally.unanswered >= UNANSWERED_MAX or (self._speed is None and tally.decisions.training)

    def _send(self, happening: Happening) -> None:
        tally = self._tally
        with tally.changed:
            count = tally.sent_event if happening.kind == "event" else tally.sent_label
            count(happening.id, happening.time)
        topic = self._topics[happening.kind]
        try:
            self._producer.produce(topic, encode(happening.body), happening.id.encode(), on_delivery=self._delivered)
        except (KafkaException, BufferError) as error:
            raise BrokerUnavailable(f"{topic}: Kafka does not take flights: {error}") from None
        self._producer.poll(0)

    def _delivered(self, error: KafkaError | None, record: Record) -> None:
        if error is not None and self.failure is None:
            self.failure = BrokerUnavailable(f"{record.topic()}: Kafka did not take a flight: {error.str()}")
