"""What is wrong with one argument of a declaration, whichever it is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TypeGuard

from models.names import nearest
from models.pipeline import duration


def one_of(argument: str, value: object, accepted: Sequence[str]) -> Iterator[str]:
    """Whether a value is one of these names."""
    if not isinstance(value, str) or value not in accepted:
        names = ", ".join(map(repr, accepted))
        yield f"{argument}: {value!r:.80} is not one of {names}{nearest(value, accepted)}"


def span(argument: str, value: object, least: timedelta | None = None) -> tuple[timedelta | None, list[str]]:
    """The span that an argument says, and what is wrong with it."""
    if not isinstance(value, (str, timedelta)):
        return None, [f"{argument}: {value!r:.80} is no duration; write text like '36h'"]
    try:
        found = duration(value)
    except (ValueError, OverflowError) as error:
        text = str(error) if isinstance(error, ValueError) else f"{value!r:.80} is too long"
        return None, [f"{argument}: {text}"]
    if found < timedelta(0) or (least is None and not found):
        return None, [f"{argument}: {value!r} is not longer than nothing; write text like '36h'"]
    return found, []


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a value is a finite number, and no truth value."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
