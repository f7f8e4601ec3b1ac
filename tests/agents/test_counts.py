"""What a worker counts: each committed batch once, and nothing that was given up."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from river import linear_model

from agents.counts import LATENCIES_MAX, RECORDS, Counts, Histogram
from agents.exposition import Exposition
from agents.families import FAMILIES, SERIES_MAX, Family
from agents.line import Line
from agents.reports import EPISODES_MAX, Reports
from agents.work import Work
from models.pipeline import Field, Label, Pipeline
from schemas.drift import Drift
from schemas.errors import BadRecord
from schemas.rejects import Reject, to_headers
from schemas.values import Address
from streams.batches import Batch, Incoming, Outgoing
from streams.settings import load
from streams.source import Source
from streams.topology import Topology

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def counts() -> Counts:
    made = Counts()
    made.name(["features", "health"])
    return made


def batch_of(events: int, waited_s: float = 0.0) -> Batch:
    received_ms = int((time.time() - waited_s) * 1000)
    return Batch(events=[Incoming(0, offset, received_ms, None, b"{}", None) for offset in range(events)])


def through(counts: Counts, work: Work) -> None:
    """Every stage is through with a batch."""
    for _ in counts.stages:
        counts.through(work)
        work.stage += 1


def test_a_value_on_a_bound_is_not_above_it() -> None:
    histogram = Histogram((1, 10))
    for value, times in ((0.5, 1), (1, 2), (10, 4), (11, 8)):
        histogram.observe(value, times)

    assert histogram.buckets() == [("1.0", 3), ("10.0", 7), ("+Inf", 15)]
    assert histogram.total == 0.5 + 2 + 40 + 88


def test_a_batch_counts_when_it_is_committed(counts: Counts) -> None:
    work = Work(batch_of(3))
    counts.taken(work)
    through(counts, work)
    assert counts.totals["events"] == 0

    counts.committed(work.batch, 0)

    assert counts.totals["events"] == 3
    assert counts.batch_records.buckets()[RECORDS.index(3)] == ("3.0", 1)


def test_a_batch_that_is_given_up_and_done_again_counts_once(counts: Counts) -> None:
    given_up = Work(batch_of(3))
    given_up.reject("features", Address(topic="t", partition=0, offset=0), None, b"", BadRecord("type", "bad"))
    counts.taken(given_up)
    counts.begun()
    again = Work(batch_of(3))
    counts.taken(again)
    through(counts, again)
    counts.committed(again.batch, 0)

    assert counts.totals["events"] == 3
    assert not counts.rejects
    assert counts.starts == 1


def test_the_batch_before_may_be_committed_while_agents_work_on_the_next(counts: Counts) -> None:
    first, second = Work(batch_of(1)), Work(batch_of(2))
    counts.taken(first)
    through(counts, first)
    counts.taken(second)
    counts.committed(first.batch, 0)
    through(counts, second)
    counts.committed(second.batch, 0)

    assert counts.totals["events"] == 3
    assert counts.batch_records.buckets()[-1] == ("+Inf", 2)


@pytest.mark.parametrize("events", [1, 2, LATENCIES_MAX, LATENCIES_MAX + 1, 1000])
def test_the_latency_of_every_event_counts_once(events: int, counts: Counts) -> None:
    work = Work(batch_of(events, waited_s=7.0))
    counts.taken(work)
    through(counts, work)
    counts.committed(work.batch, 0)

    buckets = dict(counts.latency_s.buckets())
    assert (buckets["5.0"], buckets["10.0"]) == (0, events)


def test_rejects_count_by_stage_and_reason_also_those_of_the_source(counts: Counts) -> None:
    work = Work(batch_of(2))
    counts.taken(work)
    address = Address(topic="p.events", partition=1, offset=5)
    work.reject("features", address, None, b"x", BadRecord("type", "bad", "$.a"))
    through(counts, work)
    unforeseen = Reject(source=address, reason="unexpected", field="$", detail="boom", stage="events")
    work.batch.outgoing.append(Outgoing("rejects", 1, None, b"x", to_headers(unforeseen)))
    counts.committed(work.batch, 0)

    assert dict(counts.rejects) == {("features", "type"): 1, ("events", "unexpected"): 1}


def test_a_flood_of_rejects_is_one_line_of_the_log(counts: Counts, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            work = Work(batch_of(2))
            counts.taken(work)
            for offset in range(50):
                address = Address(topic="p.events", partition=1, offset=offset)
                work.reject("features", address, None, b"my secret", BadRecord("type", "got 'my secret'", "$.a"))
            through(counts, work)
            counts.committed(work.batch, 0)

    assert counts.rejects["features", "type"] == 150
    assert len(caplog.records) == 1
    assert "p.events[1]@0" in caplog.text
    assert "my secret" not in caplog.text


def drift(position: int, phase: str, episode: int | None = None) -> Drift:
    return Drift(
        position=position,
        time=NOW,
        detector="e",
        stream="a",
        cause="covariate",
        evidence={},
        phase=phase,  # type: ignore[arg-type]
        episode=episode,
    )


def test_an_episode_is_open_until_it_ends_and_alarmed_once(counts: Counts) -> None:
    work = Work(batch_of(1))
    for record in (drift(5, "start", 5), drift(7, "update", 5), drift(9, "signal")):
        work.said[record.position].append(record)
    counts.taken(work)
    counts.committed(work.batch, 0)
    assert list(counts.reports.episodes) == [5]
    assert counts.reports.alarms["e", "covariate"] == 2

    counts.reports.take(drift(11, "end", 5), True)

    assert not counts.reports.episodes


def test_what_an_earlier_leader_has_said_is_known_and_not_counted_again(counts: Counts) -> None:
    work = Work(batch_of(1))
    work.said[5].append(drift(5, "start", 5))
    counts.taken(work)
    counts.committed(work.batch, 6)

    assert list(counts.reports.episodes) == [5]
    assert not counts.reports.alarms


def test_who_leads_no_longer_forgets_what_it_has_said(counts: Counts) -> None:
    counts.reports.take(drift(5, "start", 5), True)
    counts.led(True)
    assert counts.reports.episodes

    counts.led(False)

    assert not counts.reports.episodes


def test_open_episodes_that_are_kept_are_bounded() -> None:
    reports = Reports()
    for number in range(EPISODES_MAX + 5):
        reports.take(drift(number, "start", number), True)

    assert list(reports.episodes) == list(range(5, EPISODES_MAX + 5))


@pytest.fixture
def line() -> Line:
    pipeline = Pipeline(
        name="told",
        problem="binary",
        fields=[Field("a")],
        label=Label(timeout="1h"),
        models={"m": linear_model.LogisticRegression()},
        champion="m",
    )
    settings = load(bootstrap="127.0.0.1:1", checkpoint_key="k")
    return Line(pipeline, settings, Topology(pipeline.name, pipeline.partitions))


def registry_of(line: Line) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(Exposition(line, Source(line.settings, line.topology, "one", line), "one"))
    return registry


def test_what_is_told_is_the_table_and_nothing_else(line: Line) -> None:
    told = {metric.name for metric in registry_of(line).collect()}

    assert told == {family.name.removesuffix("_total") for family in FAMILIES}
    assert len(FAMILIES) == len({family.name for family in FAMILIES})


def test_a_metric_with_too_many_series_is_cut_and_that_is_told(line: Line) -> None:
    for number in range(SERIES_MAX + 3):
        line.counts.rejects["features", f"reason-{number}"] += 1

    text = generate_latest(registry_of(line)).decode()

    assert text.count("headrace_rejects_total{") == SERIES_MAX
    assert 'headrace_metrics_left_out_series{pipeline="told"} 3.0' in text


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_names_keep_to_the_conventions(family: Family) -> None:
    """Of Prometheus: base units, units last, `_total` for counters and for nothing else."""
    assert family.name.startswith("headrace_")
    assert family.name.endswith("_total") == (family.kind == "counter")
    assert not any(unit in family.name for unit in ("_ms", "_milliseconds", "_kb", "_percent", "_minutes"))
    assert family.help and not family.help.endswith(".")
