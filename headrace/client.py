"""The Python client: send events and labels, read predictions and health; no worker in its process."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Message, TopicPartition

from headrace import profiles, registry
from headrace.alerts import current
from headrace.history import Row
from headrace.messages import Messages, Sent, no_answer, prediction_of
from headrace.registry import Models
from headrace.sender import Sender
from models.pipeline import Pipeline
from schemas.alerts import Alert
from schemas.codec import decode
from schemas.health import Health
from schemas.predictions import Prediction
from schemas.promotions import Promotion
from schemas.values import LabelValue
from streams.closing import Closing
from streams.cluster import ANSWER_S_MAX, admin
from streams.ends import ends
from streams.settings import Settings, load
from streams.tail import Start, Tail, headers_of, is_record, last, partitions_of, reader_config

#: Milliseconds that the broker waits before it answers that there is no prediction yet.
FETCH_WAIT_MS = 10


class Client(Closing):
    """Talks to one pipeline over Kafka.

    ::

        with Client("flights.py") as client:
            prediction = client.predict({"flight_id": "UA1545", "distance": 1400})
            client.label("UA1545", True)

    Sending may be done from several threads, :meth:`predict` from one at a time.

    Parameters
    ----------
    pipeline
        The declaration; or the path of its file; or its name, with ``id`` and ``key``.
    settings
        Where the brokers are; ``None``: from the environment (``HEADRACE_BOOTSTRAP``).
    id, key
        With a name: the fields of the events that are id and key. Without an id field the client gives each
        event a CloudEvents id; without a key field the id is the key.

    Raises
    ------
    BrokerUnavailable
        If no broker answers.
    UserError
        If the pipeline is none, or its topics do not exist.
    """

    def __init__(
        self,
        pipeline: Pipeline | str | Path,
        settings: Settings | None = None,
        *,
        id: str | None = None,
        key: str | None = None,
    ) -> None:
        self._messages = Messages(pipeline, id=id, key=key)
        self._settings = settings or load()
        self._topology = self._messages.topology
        self._partitions = partitions_of(self._settings, self._topology.name("events"))
        self._sender = Sender(self._settings)
        self._admin = admin(self._settings)
        self._answers: Consumer | None = None

    def close(self) -> None:
        """Wait for what is on its way, and give back the connections."""
        self._sender.close()
        if self._answers is not None:
            self._answers.close()
            self._answers = None

    def send(self, event: dict[str, Any], *, key: str | int | None = None) -> Sent:
        """Send an event and wait until Kafka has it.

        Parameters
        ----------
        event
            What the pipeline's fields are taken from; plain JSON.
        key
            Instead of the key field.

        Raises
        ------
        BadRecord
            If it is no event; nothing is sent.
        BrokerUnavailable
            If Kafka does not take it.
        """
        return self._sender.deliver(self._messages.event(event, key))

    def send_many(self, events: Iterable[dict[str, Any]]) -> int:
        """Send events in order, many at once, and wait until Kafka has them all.

        Returns
        -------
        How many.

        Raises
        ------
        BadRecord
            At the first that is no event; those before it are sent.
        BrokerUnavailable
            If Kafka does not take one of them.
        """
        return self._sender.deliver_many(self._messages.event(event) for event in events)

    def label(
        self, id: str | int, label: LabelValue, *, key: str | int | None = None, time: datetime | None = None
    ) -> Sent:
        """Say what was true, and wait until Kafka has it.

        Parameters
        ----------
        id
            The event's.
        label
            The truth. Another one for the same id later is a correction.
        key
            The event's key; needed if the pipeline's key field is not its id.
        time
            When it became known; absent: now.

        Raises
        ------
        UserError
            If the key is needed.
        BadRecord
            If the label does not fit the pipeline.
        BrokerUnavailable
            If Kafka does not take it.
        """
        return self._sender.deliver(self._messages.label(id, label, key, time))

    def unavailable(
        self,
        id: str | int,
        *,
        reason: str | None = None,
        key: str | int | None = None,
        time: datetime | None = None,
    ) -> Sent:
        """Say that the truth about an event will never be known, and wait until Kafka has it.

        No label is waited for any more, and one that was given is withdrawn. A label may still come later.

        Parameters
        ----------
        id, key
            As in :meth:`label`.
        reason
            Why, for a person.
        time
            When that became known; absent: now.

        Raises
        ------
        UserError
            If the key is needed.
        BadRecord
            If the reason is too long.
        BrokerUnavailable
            If Kafka does not take it.
        """
        return self._sender.deliver(self._messages.unavailable(id, reason, key, time))

    def predict(self, event: dict[str, Any], *, timeout_s: float = 10.0, key: str | int | None = None) -> Prediction:
        """Send an event and wait for its prediction.

        Raises
        ------
        BadRecord
            If the event was rejected, with the reason.
        Unavailable
            If none came in time.
        """
        message = self._messages.event(event, key)
        consumer = self._listen(self._messages.answer_partition(message, self._partitions))
        try:
            return self._await(consumer, self._sender.deliver(message), timeout_s)
        finally:
            consumer.unassign()

    def _await(self, consumer: Consumer, sent: Sent, timeout_s: float) -> Prediction:
        deadline = time.monotonic() + timeout_s
        while (remaining_s := deadline - time.monotonic()) > 0:
            record = consumer.poll(remaining_s)
            if record is not None and is_record(record):
                answer = self._messages.answer(sent, record.topic() or "", record.value(), headers_of(record))
                if answer is not None:
                    return answer
        raise no_answer(sent, timeout_s)

    def predictions(
        self, from_: Start = "latest", *, follow: bool = True, timeout_s: float | None = None
    ) -> Iterator[Prediction]:
        """Committed predictions of all partitions, as they come.

        Parameters
        ----------
        from_
            ``"latest"``, ``"earliest"``, or the time from which on Kafka took them.
        follow
            Whether to wait for more at the end.
        timeout_s
            Stop after so many seconds without a prediction; ``None``: never.
        """
        for record in self._read("predictions", from_, follow, timeout_s):
            yield prediction_of(record.value())

    def health(self) -> Health | None:
        """The latest health report; ``None`` before the first."""
        reports = last(self._settings, self._topology.name("health"), 1)
        return decode(Health, reports[0].value() or b"") if reports else None

    def health_stream(
        self, from_: Start = "latest", *, follow: bool = True, timeout_s: float | None = None
    ) -> Iterator[Health]:
        """Health reports as they come; arguments as in :meth:`predictions`."""
        for record in self._read("health", from_, follow, timeout_s):
            yield decode(Health, record.value() or b"")

    def alerts(self) -> list[Alert]:
        """The newest state of every alert: those that fire first, the worst of them before the others."""
        return current(self._settings, self._topology)

    def alerts_stream(
        self, from_: Start = "latest", *, follow: bool = True, timeout_s: float | None = None
    ) -> Iterator[Alert]:
        """Alerts as they change; arguments as in :meth:`predictions`."""
        for record in self._read("alerts", from_, follow, timeout_s):
            yield decode(Alert, record.value() or b"")

    def models(self) -> Models:
        """The versions there are and were, their newest metrics, and who decided what."""
        return registry.read(self._settings, self._topology)

    def profile(self, field: str | None = None, *, rows: int = profiles.ROWS) -> dict[str, list[Row]]:
        """What came in over time: a field, or all of them; see :func:`headrace.profiles.over_time`."""
        return profiles.over_time(self._settings, self._topology, field, rows)

    def promotions(
        self, from_: Start = "latest", *, follow: bool = True, timeout_s: float | None = None
    ) -> Iterator[Promotion]:
        """Decisions about who is in charge as they come; arguments as in :meth:`predictions`."""
        for record in self._read("promotions", from_, follow, timeout_s):
            yield decode(Promotion, record.value() or b"")

    def _read(self, noun: str, start: Start, follow: bool, timeout_s: float | None) -> Iterator[Message]:
        with Tail(self._settings, self._topology.name(noun), start) as tail:
            if not follow:
                yield from tail.to_end()
                return
            heard = time.monotonic()
            while timeout_s is None or time.monotonic() - heard < timeout_s:
                records = tail.read(0.2 if timeout_s is None else min(0.2, timeout_s))
                if records:
                    yield from records
                    heard = time.monotonic()

    def _listen(self, partition: int) -> Consumer:
        """Begin behind all that is there: the answer comes after the question."""
        if self._answers is None:
            # The next question's fetch waits behind the one that was under way when the last answer had come.
            quick = {"enable.partition.eof": False, "fetch.wait.max.ms": FETCH_WAIT_MS}
            self._answers = Consumer(reader_config(self._settings) | quick)
        predictions, rejects = self._topology.name("predictions"), self._topology.name("rejects")
        places = [(predictions, partition), *((rejects, number) for number in range(self._partitions))]
        offsets = ends(self._admin, places, ANSWER_S_MAX)
        self._answers.assign([TopicPartition(*place, offset) for place, offset in offsets.items()])
        return self._answers
