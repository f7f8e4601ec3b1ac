"""The JSON Schema of a pipeline's events and labels, from its declaration."""

from __future__ import annotations

from typing import Any

from models.pipeline import Field, Pipeline

_TYPES: dict[type, str] = {bool: "boolean", int: "integer", float: "number", str: "string"}

_ID = {"type": ["string", "integer"], "minLength": 1}
_TIME = {"type": ["string", "number"], "description": "RFC 3339, or seconds since 1970-01-01 UTC"}


def event_schema(pipeline: Pipeline) -> dict[str, Any]:
    """What an event must be to pass the gate, as far as JSON Schema can say it."""
    named: dict[str | None, dict[str, Any]] = {
        pipeline.time: _TIME,
        pipeline.key: _ID,
        pipeline.id: _ID,
    }
    properties = {name: dict(schema) for name, schema in named.items() if name is not None}
    required = [name for name in (pipeline.id, pipeline.time) if name is not None]
    for field in pipeline.fields:
        properties[field.name] = _field(field)
        if not field.optional and field.name not in required:
            required.append(field.name)
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": pipeline.unknown_fields == "ignore",
    }


def label_schema(pipeline: Pipeline) -> dict[str, Any]:
    """What a label must be; a truth value may also be written 0 or 1."""
    if pipeline.label_type is bool:
        return {"enum": [True, False, 1, 0]}
    return {"type": _TYPES[pipeline.label_type]}


def _field(field: Field) -> dict[str, Any]:
    name = _TYPES[field.type]
    schema: dict[str, Any] = {"type": [name, "null"] if field.optional else name}
    if field.type is str:
        schema["maxLength"] = field.length_max
    if field.minimum is not None:
        schema["minimum"] = field.minimum
    if field.maximum is not None:
        schema["maximum"] = field.maximum
    return schema
