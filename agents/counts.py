"""What a worker counts on its way: plain numbers, added up once per batch, that the metrics endpoint reads."""

from __future__ import annotations

import logging
import time
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from agents.reports import Reports
from agents.work import Work
from schemas.rejects import Reject, from_headers
from streams.batches import Batch

logger = logging.getLogger(__name__)

#: Upper bounds of the buckets, in seconds: from a stage that has nothing to do to a broker that hangs.
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

#: The same for records of one batch.
RECORDS = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000)

#: Events of a batch whose latency is looked at, evenly spread over it; each counts for those beside it.
LATENCIES_MAX = 8

#: Seconds between two log lines about rejects of the same stage and reason.
TOLD_EVERY_S = 10.0


class Histogram:
    """Counts of values by size.

    Parameters
    ----------
    bounds
        Upper bounds of the buckets, ascending, each included; a last one without bound comes by itself.
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float, times: int = 1) -> None:
        """Count a value, as often as it occurred."""
        self.counts[bisect_left(self.bounds, value)] += times
        self.total += value * times

    def buckets(self) -> list[tuple[str, float]]:
        """Upper bound, as Prometheus writes it, to how many values are not above it."""
        found, below = [], 0
        for bound, count in zip((*map(float, self.bounds), float("inf")), list(self.counts), strict=True):
            below += count
            found.append(("+Inf" if bound == float("inf") else str(bound), float(below)))
        return found


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The newest checkpoint that this worker has written or loaded."""

    position: int
    size_bytes: int
    created: datetime


class Counts:
    """The counts of one worker since its start.

    What a batch did counts once it is committed, so that a batch that is done again is not counted twice. The
    hooks cost a few microseconds per batch and nothing per event. Three threads meet here: that of the source, that
    of the agents, and that of the endpoint, which only reads; each number is written by one of them.
    """

    def __init__(self) -> None:
        #: The stages of the line, in order.
        self.stages: tuple[str, ...] = ()
        self.starts = 0
        self.totals: Counter[str] = Counter()
        self.rejects: Counter[tuple[str, str]] = Counter()
        self.batch_records = Histogram(RECORDS)
        self.commit_s = Histogram(SECONDS)
        self.latency_s = Histogram(SECONDS)
        self.stage_s: dict[str, Histogram] = {}
        self.reports = Reports()
        self.checkpoint: Checkpoint | None = None
        self._under_way: deque[Work] = deque()
        self._committing_s = 0.0
        self._told: dict[tuple[str, str], float] = {}
        self._untold: Counter[tuple[str, str]] = Counter()

    def name(self, stages: Sequence[str]) -> None:
        """The line has these stages, in this order."""
        self.stages = tuple(stages)
        self.stage_s = {stage: Histogram(SECONDS) for stage in stages}

    def begun(self) -> None:
        """The source starts, or starts afresh: what is not committed is done again."""
        self.starts += 1
        self._under_way.clear()

    def led(self, leads: bool) -> None:
        """Partitions were assigned: from now on this worker leads, or not."""
        if not leads:
            self.reports = Reports()

    def taken(self, work: Work) -> None:
        """A batch goes to the first stage."""
        self._under_way.append(work)
        work.clock_s = time.perf_counter()

    def through(self, work: Work) -> None:
        """The stage that has the batch is through with it."""
        now = time.perf_counter()
        if work.stage < len(self.stages):
            stage = self.stages[work.stage]
            batch = work.batch
            if batch.events or batch.feedback or batch.log:
                self.stage_s[stage].observe(now - work.clock_s)
            work.made = len(batch.outgoing)
        work.clock_s = now

    def committing(self) -> None:
        """The source is about to write a batch; without this call it counts from the end of the last stage."""
        self._committing_s = time.perf_counter()

    def committed(self, batch: Batch, spoken: int) -> None:
        """A batch is written.

        Parameters
        ----------
        spoken
            Up to where in the learning log an earlier leader has reported.
        """
        while self._under_way:
            work = self._under_way.popleft()
            if work.batch is batch:
                break
        else:
            return
        now_ms = time.time() * 1000
        inputs = len(batch.events) + len(batch.feedback)
        if inputs or batch.outgoing:
            self.commit_s.observe(time.perf_counter() - max(work.clock_s, self._committing_s))
        if inputs:
            self.batch_records.observe(inputs)
        self._latencies(batch, now_ms)
        totals = self.totals
        totals["events"] += len(batch.events)
        totals["labels"] += len(batch.feedback)
        totals["predictions"] += len(work.predictions)
        totals["duplicates"] += work.duplicates
        totals["log_records"] += len(work.log)
        totals["written"] += len(batch.outgoing)
        for offset, records in work.said.items():
            for record in records:
                self.reports.take(record, offset >= spoken)
        # Inputs on which an agent failed are rejected by the source, behind everything the agents have made.
        behind = batch.outgoing[work.made :]
        unforeseen = [from_headers(record.headers or []) for record in behind if record.noun == "rejects"]
        for reject in (*work.rejected, *unforeseen):
            self.rejects[reject.stage, reject.reason] += 1
            self._tell(reject)

    def _latencies(self, batch: Batch, now_ms: float) -> None:
        events = batch.events
        parts = min(len(events), LATENCIES_MAX)
        for part in range(parts):
            first, end = len(events) * part // parts, len(events) * (part + 1) // parts
            waited_ms = now_ms - events[(first + end) // 2].received_ms
            # The broker's clock may be ahead of ours.
            self.latency_s.observe(max(0.0, waited_ms / 1000), end - first)

    def _tell(self, reject: Reject) -> None:
        """Log where a rejected record lies, not what it holds; seldom, for bad records come in floods."""
        key = reject.stage, reject.reason
        self._untold[key] += 1
        now = time.monotonic()
        if now - self._told.get(key, -TOLD_EVERY_S) < TOLD_EVERY_S:
            return
        self._told[key] = now
        count = self._untold.pop(key)
        address = {"topic": reject.source.topic, "partition": reject.source.partition, "offset": reject.source.offset}
        logger.warning(
            "rejected %s: %s at %s (%d since the last line of this kind)",
            reject.source,
            reject.reason,
            reject.field,
            count,
            extra={**address, "stage": reject.stage, "reason": reject.reason, "field": reject.field, "count": count},
        )
