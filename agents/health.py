"""examples → health: the leader folds the log into metrics, and decides who is active at the start."""

from __future__ import annotations

import time
from collections.abc import AsyncIterable

from agents.line import Line
from agents.work import Work
from models.learning import changes
from schemas.codec import encode
from schemas.health import Health

#: Seconds between reports of the same stretch of quiet, so that a few labels an hour are seen too.
QUIET_S = 1.0


async def health(works: AsyncIterable[Work], line: Line) -> None:
    """Fold silently up to what an earlier leader has spoken about, then report."""
    reported = time.monotonic()
    async for work in works:
        with work.batch as batch:
            if batch.leads:
                for offset, record in work.log:
                    report = line.monitor.fold(offset, record)
                    if report is None:
                        continue
                    work.said[offset].append(report)
                    if offset >= line.spoken:
                        reported = time.monotonic()
                        _send(work, line, report)
                quiet = not batch.log and time.monotonic() - reported > QUIET_S
                if quiet and line.monitor.news and line.monitor.position > line.spoken:
                    reported = time.monotonic()
                    report = line.monitor.report()
                    work.said[line.monitor.position - 1].append(report)
                    _send(work, line, report)
                if line.caught_up and not line.declared:
                    line.declared = True
                    _declare(work, line)
        await line.forward(work)


def _send(work: Work, line: Line, report: Health) -> None:
    work.batch.send("health", 0, line.pipeline.name.encode(), encode(report), line.headers("health"))


def _declare(work: Work, line: Line) -> None:
    for control in changes(line.pipeline, line.learning):
        work.batch.send("examples", 0, control.model.encode(), encode(control), line.headers("examples"))
