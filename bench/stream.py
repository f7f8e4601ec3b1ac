"""A stream of events made from a seed, the same for every contender.

Each event has eight features, normal and independent. Its label is drawn from a logistic concept with fixed
weights, so that no model can be right always, and two in a hundred are flipped on top. The label of an
event arrives a fixed number of events later, as in life: first the prediction, then the truth.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy
import orjson

FEATURES = ("x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7")
SEED = 1
DELAY_EVENTS = 1000
KEYS = 1000

# The weights differ by an order of magnitude, so that the order in which they are learnt can be seen.
WEIGHTS = (2.0, -1.5, 1.0, -0.75, 0.5, -0.25, 0.1, 0.0)
BIAS = -0.5
FLIPPED = 0.02


class Event(NamedTuple):
    """One event with the truth about it, which the contenders see later."""

    id: str
    key: str
    features: dict[str, float]
    label: bool


class Step(NamedTuple):
    """What happens next: an event is seen, or the label of an earlier one arrives."""

    is_label: bool
    event: Event


def events(count: int, seed: int = SEED) -> list[Event]:
    """Make the first ``count`` events of the stream.

    Parameters
    ----------
    count
        How many. A longer stream of the same seed begins with the shorter one.
    seed
        Of the generator; equal seeds give equal streams.

    Returns
    -------
    list of Event
        In the order in which they happen. Features are rounded to six decimals, so that a record has the size
        of one from life; the last one to whole numbers.
    """
    generator = numpy.random.default_rng(seed)
    # One row of the generator holds all an event draws: a longer stream begins with the shorter one.
    drawn = generator.random((count, 3))
    values = numpy.random.default_rng([seed, 1]).normal(size=(count, len(FEATURES))).round(6)
    # One that says nothing is coarse, so that it can be a group.
    values[:, -1] = values[:, -1].round()
    chance = 1.0 / (1.0 + numpy.exp(-(values @ numpy.array(WEIGHTS) + BIAS)))
    labels = (drawn[:, 0] < chance) ^ (drawn[:, 1] < FLIPPED)
    keys = (drawn[:, 2] * KEYS).astype(int)
    rows = zip(values.tolist(), labels.tolist(), keys.tolist(), strict=True)
    return [
        Event(f"e{number:06d}", f"k{key:04d}", dict(zip(FEATURES, row, strict=True)), label)
        for number, (row, label, key) in enumerate(rows)
    ]


def in_time_order(stream: list[Event], delay: int = DELAY_EVENTS) -> Iterator[Step]:
    """Mix events with the labels of earlier events, as they happen.

    Parameters
    ----------
    stream
        The events in their order.
    delay
        The label of an event arrives right after the event that comes ``delay`` events later; when the events
        are over, the labels still missing arrive.

    Yields
    ------
    Step
        Twice for every event: once when it is seen, once when its label arrives.
    """
    for number, event in enumerate(stream):
        yield Step(False, event)
        if number >= delay:
            yield Step(True, stream[number - delay])
    for event in stream[max(len(stream) - delay, 0) :]:
        yield Step(True, event)


def event_message(event: Event) -> bytes:
    """Give the value of the event's record: id, key and features, plain JSON."""
    return orjson.dumps({"id": event.id, "key": event.key, **event.features})


def label_message(event: Event) -> bytes:
    """Give the value of the label's record: id and label, plain JSON."""
    return orjson.dumps({"id": event.id, "label": event.label})


def labelled_message(event: Event) -> bytes:
    """Give the value of a record that holds event and label together, for a hop that joins nothing."""
    return orjson.dumps({"id": event.id, "key": event.key, **event.features, "label": event.label})
