"""examples → health: the leader folds the log into metrics, and decides who is active at the start."""

from __future__ import annotations

import time
from collections.abc import AsyncIterable

from msgspec import structs

from agents.line import Line
from agents.work import Work
from models.changes import changes
from schemas.codec import cloud_event_headers, encode
from schemas.examples import Notice
from schemas.health import Health
from schemas.records import record_type

#: Seconds without a record after which a report is due, so that a few labels an hour are seen too.
QUIET_S = 1.0

#: It stands in the log, so that every later leader reports at the same place, and nobody is told twice what follows.
QUIET = Notice(action="quiet", command="", by="leader", reason="nothing more has come")


async def health(works: AsyncIterable[Work], line: Line) -> None:
    """Fold silently up to what an earlier leader has spoken about, then report."""
    reported = time.monotonic()
    notices = cloud_event_headers(line.pipeline.name, record_type(Notice))
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
                    batch.send("examples", 0, b"quiet", encode(QUIET), notices)
                if line.caught_up and not line.declared:
                    line.declared = True
                    _declare(work, line)
        await line.forward(work)


def _send(work: Work, line: Line, report: Health) -> None:
    # By a clock, so no fold knows it.
    told = structs.replace(report, costs=line.costs.report(line.learning))
    work.batch.send("health", 0, line.pipeline.name.encode(), encode(told), line.headers("health"))


def _declare(work: Work, line: Line) -> None:
    for control in changes(line.pipeline, line.learning):
        work.batch.send(
            "examples", 0, control.model.encode(), encode(line.lineages.of(control)), line.headers("examples")
        )
