"""examples → drift: the leader folds the log into episodes of drift."""

from __future__ import annotations

from collections.abc import AsyncIterable

from agents.line import Line
from agents.work import Work
from schemas.codec import encode


async def drift(works: AsyncIterable[Work], line: Line) -> None:
    """Fold silently up to what an earlier leader has spoken about, then tell."""
    key, headers = line.pipeline.name.encode(), line.headers("drift")
    async for work in works:
        with work.batch as batch:
            if batch.leads:
                for offset, record in work.log:
                    for told in line.drift.fold(offset, record):
                        work.said[offset].append(told)
                        if offset >= line.spoken:
                            batch.send("drift", 0, key, encode(told), headers)
        await line.forward(work)
