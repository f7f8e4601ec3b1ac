"""Reads what comes back, committed records only, in a thread of its own."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition

from headrace.demo.tally import Tally
from schemas.codec import decoder
from schemas.errors import HeadraceError
from schemas.health import Health
from schemas.predictions import Prediction
from schemas.promotions import Promotion
from schemas.retrains import Retrain
from streams.settings import Settings
from streams.tail import is_record, reader_config
from streams.topology import Topology

NOUNS = ("predictions", "examples", "health", "retrains", "promotions", "rejects")
RECORDS_MAX = 2_000
WAIT_S = 0.1


class Reader:
    """Feeds a tally, from the beginning of the topics.

    Parameters
    ----------
    settings, topology
        Where the topics are.
    tally
        What is fed.
    """

    def __init__(self, settings: Settings, topology: Topology, tally: Tally) -> None:
        #: Why the thread ended, if it was not told to.
        self.failure: HeadraceError | None = None
        self._tally = tally
        self._noun = topology.noun
        self._examples, self._health = decoder("examples"), decoder(Health)
        self._prediction = decoder(Prediction)
        self._retrain, self._promotion = decoder(Retrain), decoder(Promotion)
        self._consumer = Consumer(reader_config(settings) | {"enable.partition.eof": False, "fetch.wait.max.ms": 50})
        self._consumer.assign(
            [
                TopicPartition(topology.name(noun), partition, OFFSET_BEGINNING)
                for noun in NOUNS
                for partition in range(topology.partitions_of(noun))
            ]
        )
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="demo-reader", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()
        self._consumer.close()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                # `consume` waits for the full number or the time-out: so wait for one, then take what is there.
                messages = self._consumer.consume(1, WAIT_S)
                if messages:
                    messages += self._consumer.consume(RECORDS_MAX - 1, 0.0)
                with self._tally.changed:
                    for message in messages:
                        if is_record(message):
                            self._take(message)
                    self._tally.settle()
                    self._tally.changed.notify_all()
        except HeadraceError as error:
            self.failure = error

    def _take(self, message: Message) -> None:
        tally, value = self._tally, message.value() or b""
        match self._noun(message.topic() or ""):
            case "predictions":
                tally.prediction(self._prediction(value), message.timestamp()[1])
            case "examples":
                tally.logged(message.offset() or 0, self._examples(value))
            case "health":
                tally.reported(self._health(value))
            case "retrains":
                tally.decisions.retrain(self._retrain(value))
            case "promotions":
                tally.decisions.promotion(self._promotion(value))
            case _:
                tally.rejected += 1
