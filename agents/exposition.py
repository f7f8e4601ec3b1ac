"""What the metrics endpoint tells at the moment it is asked, read off the state of the line."""

from __future__ import annotations

import platform
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TypeVar, get_args

from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from agents.counts import Histogram
from agents.exposed_health import ALONE, Sample, Samples, of_health
from agents.families import BY_NAME, FAMILIES, SERIES_MAX
from agents.line import Line
from models.alerts import Alerting
from models.findings import Finding
from schemas.alerts import Alert
from schemas.drift import Cause
from schemas.errors import BrokerUnavailable
from streams.lag import Lags
from streams.source import Source

Read = TypeVar("Read")

#: Times that something which changes meanwhile is read.
READS_MAX = 5


class Exposition:
    """A collector for prometheus-client: nothing is computed until somebody asks.

    Parameters
    ----------
    line, source, worker
        Whose state it tells, and the worker's name.
    """

    def __init__(self, line: Line, source: Source, worker: str) -> None:
        self._line = line
        self._source = source
        self._worker = worker
        self._lags = Lags(line.settings, line.topology)
        self._builds = (_version("headrace"), platform.python_version(), _version("river"))

    def collect(self) -> Iterator[Metric]:
        """Every metric of the table, also one without a series."""
        samples: dict[str, list[Sample]] = {}
        for read in (self._state, self._went_through, self._waits, self._models, self._leads):
            for name, found in read():
                samples[name] = list(found)
        over = sum(max(0, len(found) - SERIES_MAX) for found in samples.values())
        samples["headrace_metrics_left_out_series"] = [(ALONE, over)]
        for family in FAMILIES:
            yield self._metric(family.name, samples.pop(family.name, [])[:SERIES_MAX])
        assert not samples, f"not in the table of metrics: {sorted(samples)}"

    def _metric(self, name: str, samples: list[Sample]) -> Metric:
        family, pipeline = BY_NAME[name], self._line.pipeline.name
        labels = ("pipeline", *family.labels)
        if family.kind == "histogram":
            histogram = HistogramMetricFamily(name, family.help, labels=labels)
            for values, value in samples:
                assert isinstance(value, Histogram)
                histogram.add_metric((pipeline, *values), value.buckets(), value.total)
            return histogram
        kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
        made: CounterMetricFamily | GaugeMetricFamily = kind(name, family.help, labels=labels)
        for values, value in samples:
            assert not isinstance(value, Histogram)
            made.add_metric((pipeline, *values), float(value))
        return made

    def _state(self) -> Iterator[tuple[str, Samples]]:
        line, counts = self._line, self._line.counts
        yield "headrace_build_info", [(self._builds, 1)]
        yield "headrace_worker_info", [((self._worker,), 1)]
        yield "headrace_worker_leading", [(ALONE, line.leads)]
        yield "headrace_worker_serving", [(ALONE, line.serving)]
        yield "headrace_worker_partitions", [(ALONE, len(line.examples))]
        yield "headrace_worker_starts_total", [(ALONE, counts.starts)]
        ago_s = time.monotonic() - self._source.progress_s
        yield "headrace_worker_step_timestamp_seconds", [(ALONE, time.time() - ago_s)]
        checkpoint = counts.checkpoint
        if checkpoint is not None:
            yield "headrace_checkpoint_timestamp_seconds", [(ALONE, checkpoint.created.timestamp())]
            yield "headrace_checkpoint_bytes", [(ALONE, checkpoint.size_bytes)]
            yield "headrace_checkpoint_position", [(ALONE, checkpoint.position)]

    def _went_through(self) -> Iterator[tuple[str, Samples]]:
        counts = self._line.counts
        for name, key in TOTALS.items():
            yield name, [(ALONE, counts.totals[key])]
        yield "headrace_rejects_total", list(counts.rejects.items())
        yield "headrace_batch_records", [(ALONE, counts.batch_records)]
        yield "headrace_stage_seconds", [((stage,), spent) for stage, spent in counts.stage_s.items()]
        yield "headrace_transaction_seconds", [(ALONE, counts.commit_s)]
        yield "headrace_prediction_latency_seconds", [(ALONE, counts.latency_s)]

    def _waits(self) -> Iterator[tuple[str, Samples]]:
        line = self._line
        examples = sorted(line.examples.items())
        position = line.learning.position
        yield "headrace_log_position", [(ALONE, position)]
        try:
            lags = self._lags.read([partition for partition, _ in examples])
        except BrokerUnavailable:
            # What is not known is not told; `up` and the step's time say more about a broker that is away.
            lags = {}
        behind = [
            ((line.topology.name(noun), str(partition)), end - done)
            for (noun, partition), (end, done) in lags.items()
            if noun != "examples"
        ]
        yield "headrace_lag_records", behind
        yield "headrace_log_behind_records", [(ALONE, max(0, end - position)) for end, _ in _log(lags)]
        by_partition: dict[str, Callable[..., float | None]] = {
            "headrace_waiting_events": lambda one: len(one.waiting),
            "headrace_remembered_events": lambda one: len(one.waiting) + len(one.settled),
            "headrace_early_labels": lambda one: len(one.early),
            "headrace_event_timestamp_seconds": lambda one: _seconds(one.watermark.high),
            "headrace_settled_timestamp_seconds": lambda one: _seconds(one.watermark.safe),
        }
        for name, read in by_partition.items():
            told = [((str(partition),), read(one)) for partition, one in examples]
            yield name, [(labels, value) for labels, value in told if value is not None]

    def _models(self) -> Iterator[tuple[str, Samples]]:
        learning = self._line.learning
        members, champion = list(learning.members.values()), learning.champion
        named = [(member, (member.name, str(member.version))) for member in members]
        yield "headrace_model_champion", [(labels, member is champion) for member, labels in named]
        yield "headrace_model_failed", [(labels, member.failed is not None) for member, labels in named]
        shares = [(labels, learning.shares.share((member.name, member.version))) for member, labels in named]
        yield "headrace_model_share_ratio", [(labels, share) for labels, share in shares if share]
        costs = [((cost.model, str(cost.version)), cost) for cost in self._line.costs.report(learning)]
        answers = [(labels, cost.answer_us) for labels, cost in costs]
        lessons = [(labels, cost.learn_us) for labels, cost in costs]
        yield "headrace_model_answer_seconds", [(labels, each / 1e6) for labels, each in answers if each is not None]
        yield "headrace_model_learn_seconds", [(labels, each / 1e6) for labels, each in lessons if each is not None]
        took = [(labels, cost.time_share) for labels, cost in costs]
        yield "headrace_model_time_share_ratio", [(labels, share) for labels, share in took if share is not None]

    def _leads(self) -> Iterator[tuple[str, Samples]]:
        if not self._line.leads:
            return
        reports = self._line.counts.reports
        if reports.health is not None:
            yield from of_health(reports.health)
        yield "headrace_drift_alarms_total", list(reports.alarms.items())
        causes = Counter(drift.cause for drift in list(reports.episodes.values()))
        yield "headrace_drift_open_episodes", [((cause,), causes[cause]) for cause in get_args(Cause)]
        found = Counter((finding.kind, finding.field or "") for finding in self._read_now(_findings))
        yield "headrace_data_findings", list(found.items())
        firing = Counter(
            (alert.name, alert.severity, "suppressed" if alert.suppressed else "active")
            for alert in self._read_now(_firing)
        )
        yield "headrace_alerts_firing", list(firing.items())

    def _read_now(self, read: Callable[[Alerting], list[Read]]) -> list[Read]:
        for _ in range(READS_MAX):
            try:
                return read(self._line.alerting)
            except RuntimeError:
                # The agents' thread has changed it meanwhile.
                continue
        return []


#: Counters to their keys in :class:`agents.counts.Counts`.
TOTALS = {
    "headrace_events_total": "events",
    "headrace_predictions_total": "predictions",
    "headrace_labels_total": "labels",
    "headrace_duplicates_total": "duplicates",
    "headrace_log_records_total": "log_records",
    "headrace_records_written_total": "written",
}


def _firing(alerting: Alerting) -> list[Alert]:
    return list(alerting.firing.values())


def _findings(alerting: Alerting) -> list[Finding]:
    return list(alerting.findings)


def _log(lags: dict[tuple[str, int], tuple[int, int]]) -> list[tuple[int, int]]:
    return [found for (noun, _), found in lags.items() if noun == "examples"]


def _seconds(time: datetime | None) -> float | None:
    return None if time is None else time.timestamp()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
