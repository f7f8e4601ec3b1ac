"""The gate and the preparation: from the bytes of an event to the features that models are given.

River checks nothing, and one NaN learnt spoils a model for ever. So whatever a model is given has passed
here: the event is JSON, has the declared fields with the declared types and bounds, an id and a time; and
what the preparation functions made of it are features that survive JSON, for a model must learn from the
very values that it predicted from.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy

from models.events import EventType
from models.identity import id_of, time_of, too_far_ahead
from models.pipeline import Pipeline, Prepare, duration
from schemas.envelope import Headers, open_envelope
from schemas.errors import BadRecord
from schemas.features import Features
from schemas.values import Address, FeatureValue

#: JSON readers keep integers of 64 bits; longer ones come back as something else.
INTEGER_MIN, INTEGER_MAX = -(2**63), 2**63 - 1


class Preparation:
    """Makes features of events, or says why not.

    It remembers the distinct values of category fields, at most ``categories_max`` of each, and nothing else.

    Parameters
    ----------
    pipeline
        A pipeline without mistakes.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self._event_type = EventType(pipeline)
        self._bytes_max = pipeline.event_bytes_max
        self._id = pipeline.id
        self._time = pipeline.time
        self._future_max = duration(pipeline.future_max)
        self._prepare = tuple(pipeline.prepare)
        self._not_features = tuple(
            dict.fromkeys(name for name in (pipeline.id, pipeline.key, pipeline.time) if name is not None)
        )
        self._optional = tuple(field.name for field in pipeline.fields if field.optional)
        self._categories: tuple[tuple[str, set[str], int], ...] = tuple(
            (field.name, set(), field.categories_max) for field in pipeline.fields if field.category
        )

    def admit(self, value: bytes | None, headers: Headers | None, address: Address, received: datetime) -> Features:
        """The features of one event.

        Parameters
        ----------
        value, headers
            Of the Kafka record; a bare JSON object or a CloudEvent.
        address
            Where it lies; names the event where nothing else does.
        received
            When Kafka took it; dates the event where nothing else does.

        Raises
        ------
        BadRecord
            With the reason and the path of the first field that is wrong.
        """
        if value is not None and len(value) > self._bytes_max:
            raise BadRecord("too_large", f"{len(value)} bytes; at most {self._bytes_max} are accepted")
        envelope = open_envelope(value, headers)
        event = self._event_type.decode(envelope.data)
        id = envelope.id if self._id is None else id_of(event[self._id], f"$.{self._id}")
        if id is None:
            id = f"{address.topic}-{address.partition}-{address.offset}"
        elif self._id is None:
            id_of(id, "$.id")
        time = envelope.time if self._time is None else time_of(event[self._time], f"$.{self._time}")
        if time is None:
            time = received
        elif time - received > self._future_max:
            raise too_far_ahead(time, received, self._time or "time")
        for name, seen, most in self._categories:
            category = event[name]
            if category not in seen and category is not None:
                if len(seen) >= most:
                    raise BadRecord(
                        "categories",
                        f"{category!r:.80} would be distinct value {most + 1}; categories_max is {most}",
                        f"$.{name}",
                    )
                seen.add(category)
        if self._prepare:
            features = prepared(self._prepare, event)
        else:
            for name in self._not_features:
                del event[name]
            for name in self._optional:
                # A model that is given None raises an error; one that is not given a feature goes without it.
                if name in event and event[name] is None:
                    del event[name]
            if not event:
                raise BadRecord("absent", "all fields that are features are absent")
            features = event
        return Features(id=id, time=time, features=features, event=address)


def prepared(functions: tuple[Prepare, ...], event: dict[str, Any]) -> dict[str, FeatureValue]:
    """What the preparation functions make of an event, checked.

    NumPy's scalars become Python's, the value unchanged; no other type is converted.

    Raises
    ------
    BadRecord
        If a function raises an error, or what came out is not a dict of names to finite numbers, texts, truth
        values or None.
    """
    result: Any = event
    for function in functions:
        try:
            result = function(result)
        except Exception as error:  # a user's function may raise anything; it is this record's fault
            raise BadRecord("prepare", f"{_name(function)} raised {type(error).__name__}: {error!s:.200}") from error
        if type(result) is not dict:
            raise BadRecord("prepare", f"{_name(function)} returned {type(result).__name__}; a dict is expected")
    if not result:
        raise BadRecord("prepare", f"{_name(functions[-1])} returned no features")
    for value in result.values():
        kind = type(value)
        if kind is float:
            if value - value == 0.0:  # NaN for NaN and infinity
                continue
        elif kind is str:
            if value.isascii():
                continue
        elif kind is bool or value is None:
            continue
        return _converted(result, _name(functions[-1]))
    try:
        if "".join(result).isascii():
            return result  # type: ignore[no-any-return]
    except TypeError:  # a name that is no text
        pass
    return _converted(result, _name(functions[-1]))


def _converted(features: dict[Any, Any], function: str) -> dict[str, FeatureValue]:
    """The same check for all that is rare, with what is wrong in words."""
    checked: dict[str, FeatureValue] = {}
    for name, value in features.items():
        if type(name) is not str:
            raise BadRecord("prepare", f"{function} returned the feature name {name!r:.80}; names are str")
        if isinstance(value, numpy.generic):
            value = value.item()
        kind = type(value)
        if kind is float:
            problem = None if value - value == 0.0 else "not finite"
        elif kind is int:
            problem = None if INTEGER_MIN <= value <= INTEGER_MAX else "longer than 64 bits"
        elif kind is str:
            problem = None if value.isascii() or _is_text(value) else "no text that UTF-8 can hold"
        elif kind is bool or value is None:
            problem = None
        else:
            problem = f"a {kind.__name__}; bool, int, float, str or None is expected"
        if problem or not (name.isascii() or _is_text(name)):
            shown = f"{name!r:.80}: {value!r:.80}"
            raise BadRecord("prepare", f"{function} returned {shown}, {problem or 'no legal name'}", f"$.{name!r}"[:80])
        checked[name] = value
    return checked


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _name(function: Prepare) -> str:
    return getattr(function, "__qualname__", None) or repr(function)
