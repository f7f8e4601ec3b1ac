"""features, predictions → examples: what a worker has seen goes into the learning log as profiles."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterator

from agents.line import Line
from agents.work import Work
from models.profiles import Answered, Passage
from schemas.codec import encode
from schemas.values import at_millisecond


async def profiles(works: AsyncIterable[Work], line: Line) -> None:
    """Follow the log to the bins that hold, and count this batch's events in them."""
    topic, headers = line.topology.name("events"), line.headers("examples")
    wanted = line.pipeline.profile_events > 0
    async for work in works:
        with work.batch as batch:
            line.references.follow(work.log)
            for partition, passage in passages(work, topic) if wanted else ():
                for profile in line.profilers[partition].count(passage, line.references):
                    batch.send("examples", 0, f"profile-{partition}".encode(), encode(profile), headers)
        await line.forward(work)


def passages(work: Work, topic: str) -> Iterator[tuple[int, Passage]]:
    """What the batch brought for each partition; ``topic`` is where its events lie."""
    events = work.batch.events
    firsts = {record.partition: record for record in reversed(events)}
    lasts = {record.partition: record for record in events}
    answered: dict[int, list[Answered]] = {partition: [] for partition in sorted(firsts)}
    for pair in work.predictions:
        answered[pair[0].event.partition].append(pair)
    clean = len(work.predictions) == len(events)
    rejects = [] if clean else [reject for reject in work.rejected if reject.source.topic == topic]
    handled = {(reject.source.partition, reject.source.offset) for reject in rejects}
    if not clean:
        handled.update((features.event.partition, features.event.offset) for features, _ in work.predictions)
    repeated = [] if clean else [record for record in events if (record.partition, record.offset) not in handled]
    for partition, pairs in answered.items():
        last = lasts[partition]
        yield (
            partition,
            Passage(
                first=firsts[partition].offset,
                end=last.offset + 1,
                received=at_millisecond(last.received_ms),
                answered=pairs,
                duplicates=[record.offset for record in repeated if record.partition == partition],
                rejects=[reject for reject in rejects if reject.source.partition == partition],
            ),
        )
