"""The type of a pipeline's events, built from the declared fields; and why some bytes are none."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Annotated, Any

import msgspec

from models.pipeline import Field, Pipeline
from schemas.errors import BadRecord

_INTEGER_MIN, _INTEGER_MAX = -(2**63), 2**63 - 1

_TEXT_OR_INTEGER: Any = (
    Annotated[str, msgspec.Meta(max_length=256)] | Annotated[int, msgspec.Meta(ge=_INTEGER_MIN, le=_INTEGER_MAX)]
)

_JSON_NAMES = {
    bool: "a bool",
    int: "an int",
    float: "a float",
    str: "a str",
    list: "an array",
    dict: "an object",
}


class EventType:
    """Decodes events: one call in C checks the JSON, the types and the bounds.

    Only when that refuses an event is it looked at again, slowly, for the reason.

    Parameters
    ----------
    pipeline
        Whose fields are expected. The fields that name id, key and time need not be declared: the id and the
        key are then text or an integer, the time is text or a number.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self._fields = (*pipeline.fields, *_implied(pipeline))
        self._names = tuple(field.name for field in self._fields)
        self._reasons = {pipeline.time: "time", pipeline.id: "id"}
        self._reject_unknown = pipeline.unknown_fields == "reject"
        # asdict is the fastest way to a dict; but its keys are the attributes, and not every name can be one.
        plain = all(name.isidentifier() and not name.startswith("_") for name in self._names)
        attributes = self._names if plain else tuple(f"field_{place}" for place in range(len(self._names)))
        columns = [
            (attribute, _json_type(field) | None, None) if field.optional else (attribute, _json_type(field))
            for attribute, field in zip(attributes, self._fields, strict=True)
        ]
        struct = msgspec.defstruct(
            "Event",
            columns,
            kw_only=True,
            gc=False,
            rename=None if plain else dict(zip(attributes, self._names, strict=True)),
            forbid_unknown_fields=self._reject_unknown,
        )
        self._decode: Callable[[bytes], Any] = msgspec.json.Decoder(struct).decode
        self._plain = plain

    def decode(self, data: bytes) -> dict[str, Any]:
        """The declared fields of an event, in the order of declaration; an absent optional one is None.

        Raises
        ------
        BadRecord
            With the reason and the path of the first field that is wrong.
        """
        try:
            event = self._decode(data)
            if not data.isascii():
                data.decode()  # fields that are skipped are not looked into by the decoder
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self._reason(data, error) from None
        if self._plain:
            return msgspec.structs.asdict(event)
        return dict(zip(self._names, msgspec.structs.astuple(event), strict=True))

    def _reason(self, data: bytes, error: Exception) -> BadRecord:
        """Why an event was refused."""
        try:
            text = data.decode()
        except UnicodeDecodeError as undecodable:
            return BadRecord("not_utf8", str(undecodable))
        constants: list[str] = []

        def constant(name: str) -> float:
            constants.append(name)
            return float(name)

        try:
            event = json.loads(text, parse_constant=constant, parse_int=_integer)
        except (ValueError, RecursionError):
            return BadRecord("not_json", str(error))
        if not isinstance(event, dict):
            return BadRecord("not_json", f"expected an object, got {_name_of(event)}")
        for field in self._fields:
            problem = _problem(field, event)
            if problem is not None:
                reason, detail = problem
                return BadRecord(self._reasons.get(field.name, reason), detail, f"$.{field.name}")
        if constants:
            where = next((name for name, value in event.items() if _is_not_finite(value)), None)
            return BadRecord("not_finite", f"{constants[0]} is no JSON number", "$" if where is None else f"$.{where}")
        if self._reject_unknown:
            for name in event:
                if name not in self._names:
                    return BadRecord("unknown_field", f"{name!r:.80} is not declared", f"$.{name:.80}")
        return BadRecord("not_json", str(error))


class _Name(str):
    """Type of an undeclared id or key: text or an integer."""


class _Moment(str):
    """Type of an undeclared time: text or a number."""


_ACCEPTED: dict[type, tuple[type, ...]] = {float: (float, int), _Name: (str, int), _Moment: (str, int, float)}


def _implied(pipeline: Pipeline) -> list[Field]:
    """What the pipeline reads without declaring it."""
    declared = {field.name for field in pipeline.fields}
    implied = {}
    if pipeline.key is not None:
        implied[pipeline.key] = Field(pipeline.key, _Name, optional=True)
    if pipeline.time is not None:
        implied[pipeline.time] = Field(pipeline.time, _Moment)
    if pipeline.id is not None:
        implied[pipeline.id] = Field(pipeline.id, _Name)
    return [field for name, field in implied.items() if name not in declared]


def _json_type(field: Field) -> Any:
    """The type of a declared field with its bounds."""
    if field.type is _Name:
        return _TEXT_OR_INTEGER
    if field.type is _Moment:
        return str | int | float
    if field.type is str:
        return Annotated[str, msgspec.Meta(max_length=field.length_max)]
    if field.type is int:
        lowest = _INTEGER_MIN if field.minimum is None else max(_INTEGER_MIN, math.ceil(field.minimum))
        highest = _INTEGER_MAX if field.maximum is None else min(_INTEGER_MAX, math.floor(field.maximum))
        return Annotated[int, msgspec.Meta(ge=lowest, le=highest)]
    if field.type is float:
        if field.minimum is None and field.maximum is None:
            return float
        return Annotated[float, msgspec.Meta(ge=_float(field.minimum), le=_float(field.maximum))]
    return bool


def _float(bound: float | None) -> float | None:
    return None if bound is None else float(bound)


def _problem(field: Field, event: dict[str, Any]) -> tuple[str, str] | None:
    """Reason and sentence if a field is wrong."""
    if field.name not in event:
        return None if field.optional else ("absent", "the field is not there")
    value = event[field.name]
    if value is None:
        return None if field.optional else ("absent", "the field is null")
    wanted = _ACCEPTED.get(field.type, (field.type,))
    if (float in wanted or int in wanted) and _is_not_finite(value):
        return "not_finite", f"got {value!r}; NaN, infinity and numbers beyond 1.8e308 are refused"
    if type(value) not in wanted:
        expected = " or ".join(_JSON_NAMES[kind] for kind in wanted)
        return "type", f"expected {expected}, got {value!r:.80} ({_name_of(value)})"
    if isinstance(value, str):
        return _text_problem(field, value)
    return None if isinstance(value, bool) else _number_problem(field, value)


def _text_problem(field: Field, value: str) -> tuple[str, str] | None:
    if len(value) > field.length_max:
        return "too_large", f"{len(value)} characters; length_max is {field.length_max}"
    try:
        value.encode()
    except UnicodeEncodeError:
        return "not_utf8", f"{value!a:.80} holds half of a surrogate pair"
    return None


def _number_problem(field: Field, value: float) -> tuple[str, str] | None:
    if field.minimum is not None and value < field.minimum:
        return "range", f"{value!r:.80} is less than the minimum {field.minimum!r}"
    if field.maximum is not None and value > field.maximum:
        return "range", f"{value!r:.80} is greater than the maximum {field.maximum!r}"
    if field.type in (int, _Name) and not _INTEGER_MIN <= value <= _INTEGER_MAX:
        return "range", f"{value!r:.80} is longer than 64 bits"
    return None


def _integer(digits: str) -> float:
    """An integer; one that no float can hold is infinite, as its decimal point would make it."""
    return int(digits) if len(digits) < 309 else float(digits)


def _is_not_finite(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _name_of(value: object) -> str:
    return "null" if value is None else _JSON_NAMES[type(value)]
