"""What clients send and how they know the answer: pure, and the same for the sync and the async client."""

from __future__ import annotations

import math
import uuid
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from models.feedback import refuse_long
from models.identity import id_of
from models.pipeline import Pipeline, label_of
from schemas import rejects
from schemas.codec import cloud_event_headers, decode, encode
from schemas.envelope import Headers
from schemas.errors import BadRecord, BrokerUnavailable, Unavailable, UserError
from schemas.feedback import Feedback
from schemas.predictions import Prediction
from schemas.values import Address, LabelValue
from streams.partitioner import partition_of
from streams.topology import Topology, is_legal_name

#: CloudEvents type of events that get their id from a client.
EVENT_TYPE = "headrace.event.v1"


@dataclass(frozen=True, slots=True)
class Message:
    """A record on its way out."""

    topic: str
    key: bytes
    value: bytes
    headers: Headers
    id: str


@dataclass(frozen=True, slots=True)
class Sent:
    """A record that Kafka has taken.

    Parameters
    ----------
    id
        Of the event: what its prediction carries and what its label must name.
    address
        Where the record lies.
    """

    id: str
    address: Address


class Messages:
    """Makes the records of one pipeline's clients.

    Parameters
    ----------
    pipeline
        The declaration; or the path of its file; or its name, where no Python of it is at hand.
    id, key
        With a name only: the fields of the events that are id and key, as in the declaration.

    Raises
    ------
    UserError
        If the pipeline is neither, or id and key are given beside a declaration.
    """

    def __init__(self, pipeline: Pipeline | str | Path, *, id: str | None = None, key: str | None = None) -> None:
        self.declared = _declared(pipeline)
        if self.declared is None:
            assert isinstance(pipeline, str)
            self.topology = Topology(pipeline)
            self._id, self._key = id, key or id
        elif id is None and key is None:
            self.topology = Topology(self.declared.name, self.declared.partitions, self.declared.remember)
            self._id, self._key = self.declared.id, self.declared.key or self.declared.id
        else:
            raise UserError("id and key are in the pipeline's declaration; give them only with a pipeline's name")

    def event(self, event: dict[str, Any], key: str | int | None = None) -> Message:
        """The record of an event.

        Raises
        ------
        BadRecord
            If it has no id or key, or is no JSON object: it is not sent.
        """
        headers: Headers = []
        if self._id is None:
            id = str(uuid.uuid4())
            headers = [*cloud_event_headers(self.topology.pipeline, EVENT_TYPE), ("ce_id", id.encode())]
        else:
            id = _text(event, self._id)
        if key is not None:
            chosen = id_of(key, "key")
        else:
            chosen = id if self._key in (None, self._id) else _text(event, self._key or "")
        return Message(self.topology.name("events"), chosen.encode(), _json(event), headers, id)

    def label(
        self,
        id: str | int,
        label: LabelValue,
        key: str | int | None = None,
        time: datetime | None = None,
    ) -> Message:
        """The record of a label.

        Raises
        ------
        UserError
            If the key is needed and not given: a label travels by the key of its event.
        BadRecord
            If the label does not fit the pipeline, or id, key or time are none.
        """
        if self.declared is not None:
            try:
                label = label_of(self.declared, label)
            except ValueError as error:
                raise BadRecord("label", str(error), "$.label") from None
        _refuse_not_finite(label, "$.label")
        return self._feedback(Feedback(id=id_of(id, "$.id"), label=label, time=time), key)

    def unavailable(
        self,
        id: str | int,
        reason: str | None = None,
        key: str | int | None = None,
        time: datetime | None = None,
    ) -> Message:
        """The record that says that the label of an event will never be known.

        Raises
        ------
        UserError
            If the key is needed.
        BadRecord
            If id, key or time are none, or the reason is too long.
        """
        refuse_long(reason)
        return self._feedback(Feedback(id=id_of(id, "$.id"), unavailable=True, reason=reason, time=time), key)

    def _feedback(self, feedback: Feedback, key: str | int | None) -> Message:
        if key is None and self._key not in (None, self._id):
            raise UserError(
                f"the events of {self.topology.pipeline} have the key {self._key!r}, so their labels need "
                f"it too: give key= the value of {self._key!r} that the event had"
            )
        if feedback.time is not None and feedback.time.tzinfo is None:
            raise BadRecord("time", f"{feedback.time.isoformat()} has no zone", "$.time")
        chosen = feedback.id if key is None else id_of(key, "key")
        return Message(self.topology.name("feedback"), chosen.encode(), encode(feedback), [], feedback.id)

    def answer(self, sent: Sent, topic: str, value: bytes | None, headers: Headers | None) -> Prediction | None:
        """The prediction of an event, if this record is it.

        Raises
        ------
        BadRecord
            If the record says that the event was rejected.
        """
        if topic == self.topology.name("predictions"):
            prediction = decode(Prediction, value or b"")
            return prediction if prediction.event == sent.address else None
        reject = rejects.from_headers(headers or [])
        if reject.source == sent.address:
            raise BadRecord(reject.reason, reject.detail, reject.field)
        return None

    def answer_partition(self, message: Message, partitions: int) -> int:
        """The partition in which the prediction of an event will come."""
        return partition_of(message.key, partitions)


def no_answer(sent: Sent, timeout_s: float) -> Unavailable:
    """The error of an event that got no prediction in time."""
    return Unavailable(
        f"no prediction of {sent.id!r} ({sent.address}) within {timeout_s:g} s. Is a worker running "
        "(`headrace run`, `headrace status`)? An id that was sent before gets no second prediction"
    )


def undelivered(message: Message, reason: str) -> BrokerUnavailable:
    """The error of a record that Kafka did not take."""
    return BrokerUnavailable(f"{message.topic}: Kafka did not take the record of {message.id!r}: {reason}")


def prediction_of(value: bytes | None) -> Prediction:
    """A record of the topic ``predictions``."""
    return decode(Prediction, value or b"")


def is_file(pipeline: str | Path) -> bool:
    """Whether this means a pipeline file, not a pipeline's name."""
    return isinstance(pipeline, Path) or pipeline.endswith(".py") or "/" in pipeline


def _declared(pipeline: Pipeline | str | Path) -> Pipeline | None:
    if isinstance(pipeline, Pipeline):
        return pipeline
    if is_file(pipeline):
        # Checking a file takes River: seconds and a hundred megabytes that a client by name can do without.
        from headrace.files import load_pipeline

        return load_pipeline(Path(pipeline))
    if not is_legal_name(str(pipeline)):
        raise UserError(
            f"{pipeline!r} is neither a pipeline file (.py) nor a pipeline's name (lower case letters, digits, - and _)"
        )
    return None


def _text(event: dict[str, Any], field: str) -> str:
    if not isinstance(event, dict):
        raise BadRecord("not_json", f"an event is a JSON object, got {type(event).__name__}")
    if field not in event:
        raise BadRecord("absent", f"an event needs the field {field!r}", f"$.{field}")
    return id_of(event[field], f"$.{field}")


def _json(event: dict[str, Any]) -> bytes:
    if not isinstance(event, dict):
        raise BadRecord("not_json", f"an event is a JSON object, got {type(event).__name__}")
    _refuse_not_finite(event, "$")
    try:
        return encode(event)
    except (TypeError, ValueError, msgspec.EncodeError) as error:
        raise BadRecord("not_json", str(error)) from None


def _refuse_not_finite(value: object, path: str) -> None:
    """JSON has no NaN and no infinity; written as null they would become another fact."""
    if isinstance(value, float) and not math.isfinite(value):
        raise BadRecord("not_finite", f"got {value!r}; JSON has no such number", path)
    if isinstance(value, dict):
        for name, inner in value.items():
            _refuse_not_finite(inner, f"{path}.{name}")
    elif isinstance(value, list | tuple):
        for place, inner in enumerate(value):
            _refuse_not_finite(inner, f"{path}[{place}]")
