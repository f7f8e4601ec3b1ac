"""The AsyncAPI document says what the topology says, and is one that AsyncAPI's own parser accepts."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from schemas.records import RECORDS
from streams.asyncapi import document
from streams.topology import Topology

TOPOLOGY = Topology("flights", 6)
GOLDEN = Path(__file__).parents[1] / "golden"

PARSE = """
const { Parser } = require('@asyncapi/parser');
let text = '';
process.stdin.on('data', piece => { text += piece; });
process.stdin.on('end', async () => {
  const { document, diagnostics } = await new Parser().parse(text);
  const errors = diagnostics.filter(found => found.severity === 0);
  console.log(JSON.stringify({ parsed: document !== undefined, errors: errors.map(found => found.message) }));
});
"""


@pytest.fixture(scope="module")
def written() -> dict[str, Any]:
    text = json.dumps(document(TOPOLOGY, version="1.2.3", bootstrap="a:9092,b:9092"))
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def resolve(written: dict[str, Any], reference: str) -> Any:
    found: Any = written
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [found for inner in value.values() for found in references(inner)]
    return [found for inner in value for found in references(inner)] if isinstance(value, list) else []


def test_every_topic_is_a_channel_with_its_partitions(written: dict[str, Any]) -> None:
    for topic in TOPOLOGY.topics:
        channel = written["channels"][topic.noun]
        assert channel["address"] == TOPOLOGY.name(topic.noun)
        assert channel["bindings"]["kafka"]["partitions"] == topic.partitions(6)
    assert len(written["channels"]) == len(TOPOLOGY.topics)


def test_outside_sends_and_receives_what_the_topology_says(written: dict[str, Any]) -> None:
    sends = {name for name, operation in written["operations"].items() if operation["action"] == "send"}
    assert sends == {f"send_{topic.noun}" for topic in TOPOLOGY.topics if "outside" in topic.written_by}
    assert "receive_predictions" in written["operations"]
    assert "receive_models" not in written["operations"]


def test_every_record_of_the_table_is_a_message(written: dict[str, Any]) -> None:
    names = {message["name"] for message in written["components"]["messages"].values()}
    assert {entry.name for entry in RECORDS} <= names


def test_every_reference_leads_somewhere(written: dict[str, Any]) -> None:
    found = references(written)
    assert found
    for reference in found:
        assert resolve(written, reference) is not None


def test_messages_have_keys_and_the_outputs_cloud_event_headers(written: dict[str, Any]) -> None:
    messages = written["components"]["messages"]
    assert all("key" in message["bindings"]["kafka"] for message in messages.values())
    assert messages["prediction"]["headers"]["properties"]["ce_type"] == {"const": "headrace.prediction.v1"}
    assert "__connect.errors.reason" in messages["rejected"]["headers"]["required"]


@pytest.mark.parametrize("golden", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.stem)
def test_golden_record_fits_its_schema(written: dict[str, Any], golden: Path) -> None:
    schemas = written["components"]["schemas"]
    name = next(entry.type.__name__ for entry in RECORDS if entry.name == golden.stem)
    local = json.loads(json.dumps(schemas).replace("#/components/schemas/", "#/$defs/"))
    validator = jsonschema.Draft202012Validator({"$defs": local, "$ref": f"#/$defs/{name}"})
    validator.validate(json.loads(golden.read_text()))
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({"nothing": "of it"})


@pytest.mark.parametrize(
    ("told", "is_right"),
    [
        ({"label": True}, True),
        ({"unavailable": True, "reason": "cancelled"}, True),
        ({}, False),
        ({"unavailable": False}, False),
    ],
)
def test_feedback_has_a_label_or_says_that_there_is_none(told: dict[str, Any], is_right: bool) -> None:
    given = document(TOPOLOGY, version="1", bootstrap="a:1", label={"type": "boolean"})
    feedback = {**given["components"]["schemas"]["Feedback"], "components": given["components"]}
    assert jsonschema.Draft202012Validator(feedback).is_valid({"id": "a", **told}) == is_right


def test_schemas_of_events_and_labels_are_taken_over() -> None:
    event = {"type": "object", "properties": {"distance": {"type": "number"}}}
    given = document(TOPOLOGY, version="1", bootstrap="a:1", event=event, label={"type": "boolean"})
    assert given["components"]["schemas"]["Event"] == event
    assert given["components"]["schemas"]["Feedback"]["properties"]["label"] == {"type": "boolean"}


def node_modules() -> str:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node and npm are not installed")
    answer = subprocess.run([npm, "root", "-g"], capture_output=True, text=True, timeout=60, check=True)
    paths = os.pathsep.join(filter(None, (answer.stdout.strip(), os.environ.get("NODE_PATH"))))
    if not any((Path(path) / "@asyncapi" / "parser").is_dir() for path in paths.split(os.pathsep)):
        pytest.skip("the parser is not installed: npm install --global @asyncapi/parser")
    return paths


def test_parser_of_asyncapi_finds_no_error(written: dict[str, Any]) -> None:
    paths = node_modules()

    def parse(text: str) -> dict[str, Any]:
        answer = subprocess.run(
            ["node", "-e", PARSE],
            input=text,
            capture_output=True,
            text=True,
            timeout=100,
            check=True,
            env={**os.environ, "NODE_PATH": paths},
        )
        parsed: dict[str, Any] = json.loads(answer.stdout)
        return parsed

    assert parse(json.dumps(written)) == {"parsed": True, "errors": []}
    del written["info"]["title"]
    assert parse(json.dumps(written))["errors"], "the parser does find errors"
