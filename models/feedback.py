"""Labels as they come in: whose, what, since when."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from models.identity import id_of, time_of, too_far_ahead
from models.pipeline import Pipeline, duration, label_of
from schemas.envelope import Headers, open_envelope
from schemas.errors import BadRecord
from schemas.feedback import Feedback
from schemas.values import Address, LabelValue


class _Raw(msgspec.Struct):
    """Feedback of anybody's making, its fields of any type."""

    id: Any = None
    label: Any = None
    time: Any = None
    unavailable: Any = None
    reason: Any = None


_decode = msgspec.json.Decoder(_Raw).decode

#: Characters of the reason why a label is unavailable.
REASON_CHARACTERS_MAX = 200


class Labels:
    """Takes labels in, or says why not.

    Parameters
    ----------
    pipeline
        A pipeline without mistakes.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._bytes_max = pipeline.event_bytes_max
        self._future_max = duration(pipeline.future_max)

    def admit(self, value: bytes | None, headers: Headers | None, address: Address, received: datetime) -> Feedback:
        """One label, its time filled in.

        A CloudEvent's own id names the message, not the event that the label is about; so the id must be in
        the data. Its time is used if the data has none.

        Parameters
        ----------
        value, headers
            Of the Kafka record: ``{"id": ..., "label": ..., "time": ...}``, or ``"unavailable": true`` and perhaps a
            ``"reason"`` in place of the label; bare or as a CloudEvent.
        address
            Where it lies.
        received
            When Kafka took it.

        Raises
        ------
        BadRecord
            With the reason and the path of the field that is wrong.
        """
        if value is not None and len(value) > self._bytes_max:
            raise BadRecord("too_large", f"{len(value)} bytes; at most {self._bytes_max} are accepted")
        envelope = open_envelope(value, headers)
        raw = _raw(envelope.data)
        if raw.id is None:
            raise BadRecord("id", "the label does not say whose it is", "$.id")
        id = id_of(raw.id, "$.id")
        lacks = raw.unavailable is not None and _is_unavailable(raw)
        label = None if lacks else self._label(raw.label)
        time = envelope.time if raw.time is None else time_of(raw.time, "$.time")
        if time is None:
            time = received
        elif time - received > self._future_max:
            raise too_far_ahead(time, received, "time")
        return Feedback(id=id, label=label, time=time, unavailable=lacks, reason=raw.reason if lacks else None)

    def _label(self, raw: Any) -> LabelValue:
        if raw is None:
            raise BadRecord("label", "there is no label", "$.label")
        try:
            return label_of(self._pipeline, raw)
        except ValueError as error:
            raise BadRecord("label", str(error)[:200], "$.label") from None


def _is_unavailable(raw: _Raw) -> bool:
    """Whether it says that there will never be a label; then what else it says must fit that."""
    if not isinstance(raw.unavailable, bool):
        detail = f"expected true or false, got {type(raw.unavailable).__name__}"
        raise BadRecord("type", detail, "$.unavailable")
    if not raw.unavailable:
        return False
    if raw.label is not None:
        raise BadRecord("label", "a label that is unavailable has no value: send the one or the other", "$.label")
    if raw.reason is not None and not isinstance(raw.reason, str):
        raise BadRecord("type", f"expected a text, got {type(raw.reason).__name__}", "$.reason")
    refuse_long(raw.reason)
    return True


def refuse_long(reason: str | None) -> None:
    """Raise BadRecord if there are too many characters in the reason why a label is unavailable."""
    if reason is not None and len(reason) > REASON_CHARACTERS_MAX:
        detail = f"{len(reason)} characters; at most {REASON_CHARACTERS_MAX} are accepted"
        raise BadRecord("too_large", detail, "$.reason")


def _raw(data: bytes) -> _Raw:
    try:
        if not data.isascii():
            data.decode()
        return _decode(data)
    except UnicodeDecodeError as error:
        raise BadRecord("not_utf8", str(error)) from None
    except (msgspec.DecodeError, RecursionError) as error:
        if b"NaN" in data or b"Infinity" in data or "out of range" in str(error):
            raise BadRecord("not_finite", f"{error}; NaN and infinity are refused") from None
        raise BadRecord("not_json", f"{error}; an object with id and label is expected") from None
