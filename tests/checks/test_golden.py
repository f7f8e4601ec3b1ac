"""One golden file per record version: what was written once can be read for ever."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import msgspec
import pytest

from schemas.codec import decode, encode
from schemas.records import RECORDS, RecordType
from schemas.rejects import REASONS

GOLDEN = Path(__file__).parent.parent / "golden"

each_record = pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)


def golden(record: RecordType) -> bytes:
    return (GOLDEN / f"{record.name}.json").read_bytes().rstrip(b"\n")


def test_there_is_a_golden_file_for_every_record_and_no_other() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == {f"{record.name}.json" for record in RECORDS}


@each_record
def test_a_golden_file_decodes_and_encodes_back_to_the_same_bytes(record: RecordType) -> None:
    assert encode(decode(record.type, golden(record))) == golden(record)


@each_record
def test_the_topic_s_noun_decodes_to_the_same_record_as_its_type(record: RecordType) -> None:
    assert decode(record.noun, golden(record)) == decode(record.type, golden(record))


@each_record
def test_a_golden_file_holds_every_field_that_the_record_has(record: RecordType) -> None:
    written = set(msgspec.json.decode(golden(record))) - {"kind"}
    assert written == {field.encode_name for field in msgspec.structs.fields(record.type)}


@each_record
def test_fields_of_a_newer_version_are_ignored(record: RecordType) -> None:
    newer = golden(record)[:-1] + b',"added_later":{"deep":[1]}}'
    assert decode(record.type, newer) == decode(record.type, golden(record))


@each_record
def test_the_json_schema_accepts_the_golden_file_and_refuses_one_with_a_field_missing(
    record: RecordType,
) -> None:
    validator = jsonschema.Draft202012Validator(record.json_schema())
    content = msgspec.json.decode(golden(record))
    validator.validate(content)
    needed = next(field for field in msgspec.structs.fields(record.type) if field.required)
    del content[needed.encode_name]
    assert not validator.is_valid(content)


def test_the_golden_reject_has_a_known_reason() -> None:
    reject = next(record for record in RECORDS if record.noun == "rejects")
    assert decode(reject.type, golden(reject)).reason in REASONS  # type: ignore[attr-defined]
