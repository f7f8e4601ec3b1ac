"""The header ``traceparent``: which trace a record belongs to, taken from what came in and put on what is written.

::

    Kafka header    traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
    CloudEvents     the same as header ``ce_traceparent`` (binary) or attribute ``traceparent`` (structured,
                    with the header ``content-type`` that the Kafka protocol binding asks for)

Source: W3C Trace Context, 3.2; CloudEvents, extension "Distributed Tracing".
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from schemas.envelope import Headers

HEADER = "traceparent"

#: Of those found in one record, the first of these is taken.
_NAMES = (HEADER, f"ce_{HEADER}")

# A later version may have more parts behind the four; 00 has none. Version ff and ids of zeros alone are not allowed.
_VALID = re.compile(
    rb"(?!ff)(?P<version>[0-9a-f]{2})-(?!0{32})(?P<trace>[0-9a-f]{32})-(?!0{16})(?P<span>[0-9a-f]{16})-"
    rb"(?P<flags>[0-9a-f]{2})(?:-[\x21-\x7e]{0,200})?"
)


class _Structured(msgspec.Struct):
    specversion: Any = None
    traceparent: Any = None


_decode = msgspec.json.Decoder(_Structured).decode


def traceparent_of(headers: Headers | None, value: bytes | None) -> bytes | None:
    """The trace that a record belongs to.

    Parameters
    ----------
    headers, value
        Of the Kafka record.

    Returns
    -------
    The content of the header; None if there is none, or none that is valid: a broken one starts no trace, and says
    nothing against the record.
    """
    if headers is None:
        return None
    found = {name.lower(): content for name, content in headers}
    for name in _NAMES:
        content = found.get(name)
        if content is not None and is_valid(content):
            return content
    # To look for it in every value would cost a bare record without headers as much as all the rest here.
    if value is not None and (found.get("content-type") or b"").startswith(b"application/cloudevents+json"):
        return _of_structured(value)
    return None


def is_valid(content: bytes) -> bool:
    """Whether this is a ``traceparent``.

    >>> is_valid(b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    True
    >>> is_valid(b"00-00000000000000000000000000000000-00f067aa0ba902b7-01")
    False
    """
    match = _VALID.fullmatch(content)
    return match is not None and (match["version"] != b"00" or match.end("flags") == len(content))


def traced(headers: Headers, traceparent: bytes) -> Headers:
    """Further headers of a record, and the trace that it belongs to."""
    return [*headers, (HEADER, traceparent)]


def _of_structured(value: bytes) -> bytes | None:
    try:
        event = _decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if event.specversion != "1.0" or not isinstance(event.traceparent, str):
        return None
    content = event.traceparent.encode()
    return content if is_valid(content) else None
