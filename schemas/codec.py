"""Bytes to records and back: plain JSON, written as CloudEvents in binary mode."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar, Union, overload

import msgspec

from schemas.envelope import Headers
from schemas.errors import BadRecord
from schemas.records import RECORDS, RecordType
from schemas.values import Record

R = TypeVar("R", bound=Record)

#: A record as JSON bytes. Bound once: a call costs what the encoding costs.
encode: Callable[[Any], bytes] = msgspec.json.Encoder().encode


@cache
def decoder(of: str | type[R]) -> Callable[[bytes], Any]:
    """The function that decodes the records of a topic (by its noun) or of a type, for loops.

    It raises msgspec's errors; :func:`decode` raises ours.

    Raises
    ------
    KeyError
        If no record lies on a topic of that noun.
    """
    if isinstance(of, str):
        types = tuple(entry.type for entry in RECORDS if entry.noun == of)
        if not types:
            raise KeyError(of)
        return msgspec.json.Decoder(Union[types]).decode  # noqa: UP007 - a union of what the table holds
    return msgspec.json.Decoder(of).decode


@overload
def decode(of: type[R], value: bytes) -> R: ...
@overload
def decode(of: str, value: bytes) -> Any: ...
def decode(of: str | type[R], value: bytes) -> Any:
    """A record of this project from its bytes; fields of a newer version are ignored.

    Parameters
    ----------
    of
        The noun of the topic it lies on, or its type.

    Raises
    ------
    BadRecord
        If the bytes are no such record.
    """
    try:
        return decoder(of)(value)
    except msgspec.ValidationError as error:
        detail, _, path = str(error).partition(" - at `")
        reason = "absent" if "missing required field" in detail else "type"
        raise BadRecord(reason, detail, path.rstrip("`") or "$") from None
    except UnicodeDecodeError as error:
        raise BadRecord("not_utf8", str(error)) from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadRecord("not_json", str(error)) from None


def cloud_event_headers(pipeline: str, record: RecordType | str) -> Headers:
    """The CloudEvents headers that all records of one kind share.

    Parameters
    ----------
    pipeline
        Name of the pipeline, the event's source.
    record
        The kind of record or its name, like ``headrace.prediction.v1``.

    Returns
    -------
    ``ce_specversion``, ``ce_type``, ``ce_source``; the writer adds ``ce_id``, ``ce_time``, ``ce_subject``.
    """
    name = record if isinstance(record, str) else record.name
    return [
        ("ce_specversion", b"1.0"),
        ("ce_type", name.encode()),
        ("ce_source", f"/headrace/{pipeline}".encode()),
    ]
