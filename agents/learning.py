"""examples → models: folds what is new in the learning log into this worker's copies of the models."""

from __future__ import annotations

from collections.abc import AsyncIterable

from agents.line import Line
from agents.work import Work
from schemas.codec import decoder


async def learning(works: AsyncIterable[Work], line: Line) -> None:
    """Decode the new records of the log once, for all who fold them, and let the models learn."""
    decode = decoder("examples")
    async for work in works:
        with work.batch as batch:
            work.log = [(offset, decode(value)) for offset, value in batch.log]
            # What it has folded is skipped.
            line.costs.learn(line.learning, work.log)
            for offset, record in work.log:
                line.learning.fold(offset, record)
            line.caught_up = line.caught_up or batch.caught_up
        await line.forward(work)
