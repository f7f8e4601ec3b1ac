"""examples → alerts: the leader folds what is wrong into alerts, and what people ask into the log."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterator

from agents.commands import commands_for, refuse
from agents.line import Line
from agents.work import Work
from schemas.alerts import Alert
from schemas.codec import cloud_event_headers, encode
from schemas.commands import Command
from schemas.errors import BadRecord
from schemas.examples import Notice
from schemas.records import record_type
from schemas.traceparent import traced
from streams.batches import Incoming


async def alerts(works: AsyncIterable[Work], line: Line) -> None:
    """Fold silently up to what an earlier leader has spoken about, then tell."""
    headers = line.headers("alerts")
    async for work in works:
        with work.batch as batch:
            if batch.leads:
                for offset, alert in _changes(work, line):
                    if offset >= line.spoken:
                        trace = line.tracing.alert(alert, offset)
                        told = headers if trace is None else traced(headers, trace)
                        batch.send("alerts", 0, alert.fingerprint.encode(), encode(alert), told)
                for notice in _seen(line):
                    _send(notice, (notice.target or "").encode(), work, line)
                for asked, command in commands_for("alerts", work, line):
                    _accept(asked, command, work, line)
        await line.forward(work)


def _changes(work: Work, line: Line) -> Iterator[tuple[int, Alert]]:
    """The alerts that change, each with the offset at which it does."""
    for offset, record in work.log:
        for alert in line.alerting.fold(offset, record, work.said.get(offset, ())):
            yield offset, alert


def _accept(asked: Incoming, command: Command, work: Work, line: Line) -> None:
    """A command becomes a record of the log, or is rejected with a reason."""
    try:
        notice = line.alerting.accept(command, sure=line.caught_up)
    except BadRecord as error:
        refuse("alerts", asked, error, work, line)
    else:
        _send(notice, command.id.encode(), work, line)


def _seen(line: Line) -> Iterator[Notice]:
    """What the leader sees by its clock. Before the first event there is nobody to wait for anything."""
    if line.caught_up and line.alerting.time is not None:
        yield from line.lookout.look(line.alerting.troubles)


def _send(notice: Notice, key: bytes, work: Work, line: Line) -> None:
    headers = cloud_event_headers(line.pipeline.name, record_type(Notice))
    work.batch.send("examples", 0, key, encode(notice), headers)
