"""Made-up events and labels that a declaration allows, the rare ones among them, for checks."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from models.pipeline import Field, Pipeline
from schemas.values import LabelValue

#: When the first made-up event happens; each comes a minute after the one before.
START = datetime(2026, 1, 1, tzinfo=UTC)

_CATEGORIES = 5
_SHARE_MISSING = 0.2
_SHARE_EXTREME = 0.1

#: What stands for infinity where a number has no bound: beyond it, squares overflow in most models.
_LARGE = 1e6


def sample_events(pipeline: Pipeline, count: int, seed: int = 1) -> Iterator[tuple[dict[str, Any], datetime]]:
    """Events with their times.

    Numbers lie within their bounds, now and then on one or at zero; a fifth of the optional fields is absent
    or null. The same seed gives the same events.
    """
    chance = random.Random(seed)
    declared = {field.name: field for field in pipeline.fields}
    names = [name for name in (pipeline.id, pipeline.key) if name is not None]
    implied = [Field(name, str) for name in dict.fromkeys(names) if name not in declared]
    for place in range(count):
        time = START + timedelta(minutes=place)
        event: dict[str, Any] = {}
        for field in [*implied, *pipeline.fields]:
            if field.name == pipeline.time:
                continue
            if field.optional and chance.random() < _SHARE_MISSING:
                if chance.random() < 0.5:
                    event[field.name] = None
            elif field.name in names and field.type is str and not field.category:
                event[field.name] = f"event-{place}"[: field.length_max]
            else:
                event[field.name] = _value(field, chance)
        if pipeline.time is not None:
            text = pipeline.time not in declared or declared[pipeline.time].type is str
            event[pipeline.time] = time.isoformat() if text else int(time.timestamp())
        yield event, time


def sample_labels(pipeline: Pipeline, count: int, seed: int = 2) -> Iterator[LabelValue]:
    """Labels as the problem wants them, each class of them often; the same seed gives the same labels."""
    chance = random.Random(seed)
    for _ in range(count):
        if pipeline.problem == "regression":
            yield chance.gauss(0.0, 1.0)
        elif pipeline.problem == "binary":
            yield chance.random() < 0.3
        else:
            which = chance.randrange(3)
            yield which if pipeline.label_type is int else "abc"[which]


def _value(field: Field, chance: random.Random) -> object:
    if field.samples:
        return chance.choice(list(field.samples))
    if field.type is bool:
        return chance.random() < 0.5
    if field.type is str:
        kinds = min(_CATEGORIES, field.categories_max) if field.category else 1000
        return f"{chance.randrange(kinds)} {field.name}"[: field.length_max]
    value = _number(field, chance)
    return math.floor(value) if field.type is int else value


def _number(field: Field, chance: random.Random) -> float:
    low = field.minimum if field.type is float or field.minimum is None else math.ceil(field.minimum)
    high = field.maximum if field.type is float or field.maximum is None else math.floor(field.maximum)
    if chance.random() < _SHARE_EXTREME:
        edges = [edge for edge in (low, high, 0) if edge is not None and _within(edge, low, high)]
        if edges:
            return chance.choice(edges)
    if low is not None and high is not None:
        return chance.uniform(low, high) if field.type is float else chance.randint(int(low), int(high))
    if low is not None:
        return low + chance.expovariate(1.0) * max(1.0, min(abs(low), _LARGE))
    if high is not None:
        return high - chance.expovariate(1.0) * max(1.0, min(abs(high), _LARGE))
    return chance.gauss(0.0, 10.0)


def _within(value: float, low: float | None, high: float | None) -> bool:
    return (low is None or low <= value) and (high is None or value <= high)
