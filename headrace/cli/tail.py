"""``headrace tail``: what goes through a topic."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

import msgspec
import typer
from confluent_kafka import Message

from headrace.cli.output import Json, console, printable, write_json
from headrace.cli.target import Bootstrap, FileOrName, topology_of
from schemas import rejects
from schemas.envelope import parse_time
from schemas.errors import BadRecord, UserError
from schemas.values import at_millisecond
from streams.settings import Settings, load
from streams.tail import Start, Tail, address_of, headers_of, last
from streams.topology import TOPICS

NOUNS = tuple(topic.noun for topic in TOPICS)
LAST = 10

#: Of a record's value on one line; --json has no bound.
CHARACTERS_MAX = 2000


def command(
    pipeline: FileOrName,
    topic: Annotated[str, typer.Argument(metavar="TOPIC", help=f"One of: {', '.join(NOUNS)}.", show_default=False)],
    count: Annotated[
        int | None,
        typer.Option("-n", help="Records at most; without --from the last ones.", show_default="10"),
    ] = None,
    from_: Annotated[
        str | None, typer.Option("--from", help="earliest, latest, or an RFC 3339 time.", show_default=False)
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for more, until Ctrl-C.")] = False,
    bootstrap: Bootstrap = None,
    json: Json = False,
) -> None:
    """Read a topic: only what is committed, one record per line."""
    # `tail predictions flights.py` reads as well as `tail flights.py predictions`.
    if topic not in NOUNS and pipeline in NOUNS:
        pipeline, topic = topic, pipeline
    if topic not in NOUNS:
        raise UserError(f"there is no topic {topic!r}; there are {', '.join(NOUNS)}")
    name = topology_of(pipeline).name(topic)
    out = console()
    try:
        for message in _messages(load(bootstrap=bootstrap), name, count, from_, follow):
            if json:
                write_json(decoded(topic, message))
            else:
                out.print(_line(topic, message), markup=False)
            sys.stdout.flush()
    except KeyboardInterrupt:
        # The way to end --follow, so not a failure.
        raise typer.Exit(0) from None


def _messages(settings: Settings, name: str, count: int | None, from_: str | None, follow: bool) -> Iterator[Message]:
    if from_ is None:
        # Opened first, so that nothing falls between what was last and what comes next.
        with Tail(settings, name) as tail:
            yield from last(settings, name, LAST if count is None else count)
            while follow:
                yield from tail.read(0.2)
        return
    with Tail(settings, name, _start(from_)) as tail:
        left = sys.maxsize if count is None else count
        for message in tail.to_end():
            if left == 0:
                return
            left -= 1
            yield message
        while follow and left:
            for message in tail.read(0.2)[:left]:
                left -= 1
                yield message


def _start(text: str) -> Start:
    if text == "earliest":
        return "earliest"
    if text == "latest":
        return "latest"
    try:
        time: datetime = parse_time(text, "--from")
    except BadRecord as error:
        raise UserError(f"--from is earliest, latest or a time: {error.detail}") from None
    return time


def decoded(noun: str, message: Message) -> dict[str, Any]:
    """A record as one JSON object: where it lies, when Kafka took it, its key, what it holds."""
    key = message.key()
    record: dict[str, Any] = {
        "address": address_of(message),
        "taken": at_millisecond(message.timestamp()[1]),
        "key": None if key is None else _text(key),
    }
    value = message.value()
    if noun == "rejects":
        try:
            record["reject"] = rejects.from_headers(headers_of(message))
        except BadRecord as error:
            record["reject"] = str(error)
    record["value"] = None if value is None else _value(value)
    return record


def _value(value: bytes) -> Any:
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _text(value)


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "backslashreplace")


def _line(noun: str, message: Message) -> str:
    record = decoded(noun, message)
    parts = [f"{record['taken']:%Y-%m-%dT%H:%M:%SZ}", str(record["address"]), str(record["key"] or "-")]
    if noun == "rejects":
        reject = record["reject"]
        if isinstance(reject, rejects.Reject):
            parts.append(f"{reject.reason} at {reject.field}: {reject.detail} ({reject.source}, {reject.stage})")
        else:
            parts.append(reject)
    value = message.value()
    if value is not None:
        parts.append(_shortened(_text(value)))
    return printable("  ".join(parts))


def _shortened(text: str) -> str:
    cut = text[:CHARACTERS_MAX]
    return cut if len(text) <= CHARACTERS_MAX else f"{cut}... ({len(text):,} characters)"
