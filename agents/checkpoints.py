"""models → models topic: the leader writes down the state of the fold now and then, so that starting is fast."""

from __future__ import annotations

import time
from collections.abc import AsyncIterable

from agents.line import Line
from agents.work import Work

#: A checkpoint may take this share of the time at most: large models are written down less often.
SHARE_MAX = 0.01


async def checkpoints(works: AsyncIterable[Work], line: Line) -> None:
    """Write a checkpoint when it is time and the log has moved."""
    every_s = line.settings.checkpoint_every_s
    taken = time.monotonic()
    position = -1
    async for work in works:
        with work.batch as batch:
            now = time.monotonic()
            folded = line.learning.position
            if batch.leads and line.caught_up and folded > position and now - taken >= every_s:
                batch.outgoing += line.checkpoint(batch.now)
                spent = time.monotonic() - now
                every_s = max(line.settings.checkpoint_every_s, spent / SHARE_MAX)
                taken, position = now, folded
        line.finish(work)
