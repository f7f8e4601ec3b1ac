"""``rejects``: bad records, untouched, with the reason in headers that Kafka Connect's tools know."""

from __future__ import annotations

from schemas.errors import BadRecord
from schemas.values import Address, Record

#: Every reason for which a record is rejected, and what it means.
REASONS: dict[str, str] = {
    "not_utf8": "the value is not UTF-8 text",
    "not_json": "the value is not a JSON object",
    "schema_registry": "the value starts with a schema registry's prefix; plain JSON is expected",
    "too_large": "the value is larger than the pipeline accepts",
    "absent": "a field that is needed is not there",
    "type": "a field has another type than declared",
    "range": "a number is outside its declared range",
    "categories": "a category field has more distinct values than declared",
    "unknown_field": "a field is not declared and the pipeline rejects those",
    "not_finite": "a number is NaN or infinite",
    "id": "the id is absent, empty or too long",
    "time": "the event time is absent, no time, or too far in the future",
    "prepare": "a preparation function raised an error or returned something that is no feature",
    "prediction": "a model raised an error or its prediction is not a finite number",
    "label": "the label does not fit the problem",
    "label_unmatched": "no event with this id came by this partition while its label was waited for",
    "label_bound": "too many labels waited for their events, the oldest fell out",
    "command": "nothing can be done about what a command asks for",
    "delivery": "a receiver of alerts did not take a message, however often it was tried",
    "unexpected": "an unforeseen error that this record alone causes",
}

_PREFIX = "__connect.errors."


class Reject(Record, frozen=True, kw_only=True):
    """A rejected record as its headers tell it; its key and value are those of the record itself.

    Parameters
    ----------
    source
        Where the bad record lies.
    reason, field, detail
        Why: a word of :data:`REASONS`, the path of the field, the sentence for a person.
    stage
        Which stage of the line refused it.
    """

    source: Address
    reason: str
    field: str
    detail: str
    stage: str


def to_headers(reject: Reject) -> list[tuple[str, bytes]]:
    """The headers of a rejected record."""
    texts = {
        "topic": reject.source.topic,
        "partition": str(reject.source.partition),
        "offset": str(reject.source.offset),
        "stage": reject.stage,
        "exception.class.name": BadRecord.__name__,
        "exception.message": reject.detail,
        "reason": reject.reason,
        "field": reject.field,
    }
    return [(_PREFIX + name, text.encode()) for name, text in texts.items()]


def from_headers(headers: list[tuple[str, bytes]]) -> Reject:
    """The reject that :func:`to_headers` wrote.

    Raises
    ------
    BadRecord
        If a header is missing: the record was not written by this project.
    """
    texts = {name.removeprefix(_PREFIX): value.decode("utf-8", "replace") for name, value in headers}
    try:
        return Reject(
            source=Address(topic=texts["topic"], partition=int(texts["partition"]), offset=int(texts["offset"])),
            reason=texts["reason"],
            field=texts["field"],
            detail=texts["exception.message"],
            stage=texts["stage"],
        )
    except (KeyError, ValueError) as error:
        raise BadRecord("absent", f"no usable reject header: {error}") from None
