"""On the real flights only what is really wrong is found: hours in which the weather stations measured no pressure."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from headrace.demo import flights
from headrace.demo.pipeline import flights as pipeline
from models.data_quality import Finding, Quality
from models.features import Preparation
from models.profiles import Passage, Profiler
from models.references import References
from schemas.predictions import Prediction
from schemas.values import Address
from streams.partitioner import partition_of

#: January, and February to behind the blizzard of the 8th.
EVENTS = 38_000

#: Events that one batch brings.
BATCH = 500


@pytest.fixture(scope="module")
def told() -> tuple[list[Finding], list[tuple[datetime, bool]]]:
    """What was found, and of each flight when it was due and whether its weather had a pressure."""
    preparation, references, quality = Preparation(pipeline), References(pipeline), Quality(pipeline)
    profilers = [Profiler(pipeline, partition) for partition in range(pipeline.partitions)]
    waiting: list[list[tuple[object, Prediction]]] = [[] for _ in profilers]
    offsets, found, truth, position = [0] * len(profilers), [], [], 0
    due = (each for each in flights.happenings(events=EVENTS) if each.kind == "event")
    for number, happening in enumerate(due, 1):
        partition = partition_of(happening.id.encode(), pipeline.partitions)
        address = Address(topic="flights.events", partition=partition, offset=offsets[partition])
        offsets[partition] += 1
        received = happening.time + timedelta(seconds=1)
        features = preparation.admit(json.dumps(happening.body).encode(), None, address, received)
        truth.append((happening.time, happening.body.get("pressure") is None))
        waiting[partition].append((features, prediction_of(features.id, happening.time, address)))
        if number % BATCH and number < EVENTS:
            continue
        for profiler, pairs in zip(profilers, waiting, strict=True):
            if not pairs:
                continue
            first, end = pairs[0][1].event.offset, pairs[-1][1].event.offset + 1
            for profile in profiler.count(Passage(first, end, received, tuple(pairs)), references):  # type: ignore[arg-type]
                found += quality.fold(position, profile)
                position += 1
            pairs.clear()
    return found, truth


def prediction_of(id: str, time: datetime, address: Address) -> Prediction:
    return Prediction(
        id=id,
        time=time,
        score=0.25,
        model="logistic",
        version=1,
        position=0,
        due=time,
        event=address,
        received=time,
        predicted=time,
    )


def test_only_missing_pressure_is_found_and_it_was_missing(
    told: tuple[list[Finding], list[tuple[datetime, bool]]],
) -> None:
    found, truth = told

    assert {finding.key for finding in found} == {"missing:pressure:"}
    assert {finding.since.date().isoformat() for finding in found} >= {"2013-02-08"}
    for finding in found:
        if finding.until is None:
            continue
        inside = [missing for time, missing in truth if finding.since <= time < finding.until]
        usual = [missing for time, missing in truth if time < finding.since]
        assert sum(inside) / len(inside) > 3 * sum(usual) / len(usual)
        # The size is that of the few hundred events that told it; what came after may have been milder.
        assert sum(inside) / len(inside) == pytest.approx(finding.size, abs=0.2)
