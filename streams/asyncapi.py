"""The AsyncAPI 3.0 document of a pipeline, from the table of topics and the table of records.

It speaks from outside: a *send* operation is what an application does that uses the pipeline. Topics that
only the workers read are described as channels without an operation.
Source: AsyncAPI 3.0.0 specification; Kafka bindings 0.5.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from schemas.records import RECORDS, RecordType
from schemas.rejects import REASONS
from streams.topology import Topic, Topology

ASYNCAPI_VERSION = "3.0.0"
KAFKA_BINDING_VERSION = "0.5.0"

_SCHEMAS = "#/components/schemas/"
_MESSAGES = "#/components/messages/"
_CHANNELS = "#/channels/"

#: Where the pipeline itself says nothing about its events, any JSON object is one.
ANY_EVENT: Mapping[str, Any] = {"type": "object"}

_CLOUD_EVENT_TEXTS = {
    "ce_specversion": "version of CloudEvents, 1.0",
    "ce_id": "id of the event",
    "ce_source": "the pipeline, /headrace/<name>",
    "ce_time": "event time, RFC 3339",
    "ce_subject": "what the record is about",
}

_REJECT_TEXTS = {
    "topic": "where the bad record lies: topic",
    "partition": "its partition",
    "offset": "its offset",
    "stage": "the stage that refused it",
    "exception.class.name": "kind of the error",
    "exception.message": "the sentence for a person",
    "field": "path of the field that is wrong",
}


def document(
    topology: Topology,
    *,
    version: str,
    bootstrap: str,
    event: Mapping[str, Any] = ANY_EVENT,
    label: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Describe a pipeline for those who use it.

    Parameters
    ----------
    topology
        Its topics.
    version
        Of the contract; the release of this project.
    bootstrap
        Where the brokers are.
    event
        JSON Schema of its events.
    label
        JSON Schema of its labels; ``None``: whatever a label may be.

    Returns
    -------
    A document that is plain JSON.
    """
    schemas = _schemas(event, label)
    return {
        "asyncapi": ASYNCAPI_VERSION,
        "id": f"urn:headrace:{topology.pipeline}",
        "info": {
            "title": f"Pipeline {topology.pipeline}",
            "version": version,
            "description": (
                f"Send events and, once the truth is known, feedback; read predictions. Keys decide the "
                f"partition by murmur2, Java's rule; an event and its feedback have the same key. Read with "
                f"isolation level read_committed. The workers' consumer group is `{topology.pipeline}`."
            ),
        },
        "defaultContentType": "application/json",
        "servers": _servers(bootstrap),
        "channels": {topic.noun: _channel(topology, topic) for topic in topology.topics},
        "operations": _operations(topology),
        "components": {
            "messages": {name: message for topic in topology.topics for name, message in _messages(topic).items()},
            "schemas": schemas,
        },
    }


def _servers(bootstrap: str) -> dict[str, Any]:
    return {
        f"broker{number}": {"host": address.strip(), "protocol": "kafka"}
        for number, address in enumerate(bootstrap.split(","), start=1)
    }


def _schemas(event: Mapping[str, Any], label: Mapping[str, Any] | None) -> dict[str, Any]:
    types = [entry.type for entry in RECORDS]
    _, components = msgspec.json.schema_components(types, ref_template=_SCHEMAS + "{name}")
    for entry in RECORDS:
        components[entry.type.__name__].update(entry.rules)
    if label is not None:
        components["Feedback"]["properties"]["label"] = dict(label)
    return {"Event": dict(event), **components}


def _channel(topology: Topology, topic: Topic) -> dict[str, Any]:
    settings = topology.settings_of(topic)
    return {
        "address": topology.name(topic.noun),
        "title": topic.noun,
        "description": f"{topic.holds}; key: {topic.key}; written by: {', '.join(topic.written_by) or 'nobody yet'}",
        "messages": {name: {"$ref": _MESSAGES + name} for name in _messages(topic)},
        "bindings": {
            "kafka": {
                "topic": topology.name(topic.noun),
                "partitions": topic.partitions(topology.partitions),
                "topicConfiguration": {
                    "cleanup.policy": [settings["cleanup.policy"]],
                    "retention.ms": int(settings["retention.ms"]),
                },
                "bindingVersion": KAFKA_BINDING_VERSION,
            }
        },
    }


def _operations(topology: Topology) -> dict[str, Any]:
    operations: dict[str, Any] = {}
    for topic in topology.topics:
        if "outside" in topic.written_by:
            operations[f"send_{topic.noun}"] = _operation("send", topic, f"Send {topic.holds}.")
        if "outside" in topic.read_by:
            operations[f"receive_{topic.noun}"] = _operation("receive", topic, f"Read {topic.holds}.")
    return operations


def _operation(action: str, topic: Topic, summary: str) -> dict[str, Any]:
    return {"action": action, "channel": {"$ref": _CHANNELS + topic.noun}, "summary": summary}


def _messages(topic: Topic) -> dict[str, dict[str, Any]]:
    """The messages of a topic by the name they have in the document."""
    if topic.noun == "events":
        return {"event": _message(topic, "Event", "headrace.event", cloud_event=False)}
    if topic.noun == "rejects":
        return {"rejected": _rejected(topic)}
    entries = [entry for entry in RECORDS if entry.noun == topic.noun]
    assert entries, f"{topic.noun}: no record in the table"
    messages = {_name(entry): _of_record(topic, entry) for entry in entries}
    if topic.noun == "models":
        messages["chunk"] = {
            **_frame(topic, "headrace.chunk"),
            "summary": "A piece of a checkpoint, raw bytes.",
            "contentType": "application/octet-stream",
        }
    return messages


def _name(entry: RecordType) -> str:
    return entry.type.__name__.lower()


def _of_record(topic: Topic, entry: RecordType) -> dict[str, Any]:
    outside = "outside" in topic.written_by
    return _message(topic, entry.type.__name__, entry.name, cloud_event=not outside)


def _message(topic: Topic, schema: str, name: str, *, cloud_event: bool) -> dict[str, Any]:
    message = {**_frame(topic, name), "payload": {"$ref": _SCHEMAS + schema}}
    if cloud_event:
        texts = _CLOUD_EVENT_TEXTS
        properties: dict[str, Any] = {header: {"type": "string", "description": text} for header, text in texts.items()}
        properties["ce_type"] = {"const": name}
        message["headers"] = {"type": "object", "properties": properties}
    return message


def _frame(topic: Topic, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "title": name,
        "contentType": "application/json",
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": topic.key},
                "bindingVersion": KAFKA_BINDING_VERSION,
            }
        },
    }


def _rejected(topic: Topic) -> dict[str, Any]:
    properties: dict[str, Any] = {
        f"__connect.errors.{name}": {"type": "string", "description": text} for name, text in _REJECT_TEXTS.items()
    }
    properties["__connect.errors.reason"] = {"type": "string", "enum": list(REASONS)}
    return {
        **_frame(topic, "headrace.reject.v1"),
        "summary": "A bad record, its bytes untouched; the reason is in the headers.",
        "contentType": "application/octet-stream",
        "headers": {"type": "object", "properties": properties, "required": list(properties)},
    }
