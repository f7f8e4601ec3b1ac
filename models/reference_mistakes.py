"""What is wrong with the declared reference of drift: every mistake, with a way out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from models.arguments import span
from models.bases import moment
from models.monitoring import Drift, Sliding

#: How many lengths the gap may be long: what is kept in memory grows with it.
GAP_MAX = 16

_ACCEPTED = "'first', a range like ('2026-01-01', '2026-03-01') and Sliding('30d', gap='7d') are accepted"


def reference_mistakes(drift: Drift) -> Iterator[str]:
    """What is wrong with ``Drift.reference``."""
    declared: object = drift.reference
    if isinstance(declared, Sliding):
        yield from _sliding_mistakes(declared)
        if drift.block is not None:
            yield (
                "drift: block does not go with Sliding, whose stretches hold too few blocks to tell anything; "
                "leave one of them out"
            )
    elif isinstance(declared, (tuple, list)) and len(declared) == 2:
        yield from _range_mistakes(*declared)
    elif declared != "first":
        yield f"drift: reference {declared!r:.80} is none; {_ACCEPTED}"


def _range_mistakes(since: object, until: object) -> Iterator[str]:
    moments = []
    for text in (since, until):
        try:
            if not isinstance(text, (str, datetime)):
                raise ValueError
            moments.append(moment(text))
        except ValueError:
            yield f"drift: reference {text!r:.80} is no point in time; write text like '2026-01-01T06:00Z'"
    if len(moments) == 2 and moments[0] >= moments[1]:
        yield f"drift: reference ends at {until!r:.80}, not after it begins at {since!r:.80}; swap them or widen it"


def _sliding_mistakes(sliding: Sliding) -> Iterator[str]:
    length, found = span("drift: reference length", sliding.length)
    yield from found
    gap, found = span("drift: reference gap", sliding.gap, least=timedelta(0))
    yield from found
    if length is not None and gap is not None and gap > GAP_MAX * length:
        yield (
            f"drift: reference gap {sliding.gap!r:.80} is more than {GAP_MAX} times the length {sliding.length!r:.80}; "
            "make the length longer, or declare a range"
        )
