"""What commonly goes wrong with a pipeline, and what to do: judgements on what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from streams.apply import Plan
from streams.cluster import Cluster
from streams.partitioner import Placement
from streams.probe import Release
from streams.standing import Lane
from streams.topology import Topology

#: Clocks further apart make event times and waiting for labels doubtful.
CLOCK_APART_S_MAX = 5.0

#: Checkpoint keys and locks need little; a disk with less is about to stop everything else.
FREE_MB_MIN = 500

Verdict = Literal["ok", "warning", "fault"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found at one point.

    Parameters
    ----------
    check
        What was looked at.
    verdict
        ``fault``: it does not work. ``warning``: it may not. ``ok``: it does.
    detail
        What was seen.
    way_out
        What to do.
    """

    check: str
    verdict: Verdict
    detail: str
    way_out: str = ""


def judge_broker(cluster: Cluster, release: Release) -> Finding:
    """Does a broker answer, and can it do what exactly-once needs?"""
    nodes = f"{len(cluster.brokers)} node{'s' if len(cluster.brokers) > 1 else ''}"
    detail = f"Kafka {release.name}, {nodes}, answered in {cluster.answer_ms:.0f} ms"
    if not release.fences:
        return Finding("broker", "fault", detail, "exactly-once needs Kafka 2.5 or newer; update the brokers")
    return Finding("broker", "ok", detail)


def judge_topics(plan: Plan) -> Finding:
    """Are all topics there, with the right partitions and settings?"""
    refused = "; ".join(f"{step.topic}: {step.reason}" for step in plan.refused)
    missing = ", ".join(step.topic for step in plan.work if step.action == "create")
    differ = "; ".join(f"{step.topic}: {step.reason}" for step in plan.work if step.action == "set")
    if refused:
        return Finding("topics", "fault", refused, "see the reason of each")
    if missing:
        return Finding("topics", "fault", f"missing: {missing}", "create them with `headrace apply FILE`")
    if differ:
        return Finding("topics", "warning", differ, "set them with `headrace apply FILE`")
    return Finding("topics", "ok", f"{len(plan.steps)} topics with the right partitions and settings")


def judge_co_partitioning(topology: Topology, cluster: Cluster) -> Finding:
    """Have events and feedback as many partitions as each other?"""
    counts = {noun: cluster.partitions.get(topology.name(noun), 0) for noun in ("events", "feedback")}
    if counts["events"] == counts["feedback"]:
        detail = f"events and feedback have {counts['events']} partitions each"
        return Finding("co-partitioning", "ok", detail)
    return Finding(
        "co-partitioning",
        "fault",
        f"events have {counts['events']} partitions, feedback {counts['feedback']}",
        "labels can't find their events; delete the wrong topic and run `headrace apply FILE`",
    )


def judge_placement(noun: str, placement: Placement) -> Finding:
    """Do records lie where murmur2 puts their keys?"""
    check = f"partitioner of {noun}"
    if placement.records == 0:
        return Finding(check, "ok", "no records to look at yet")
    counts = f"{placement.murmur2} of the last {placement.records} records lie where murmur2 puts them"
    if placement.right:
        return Finding(check, "ok", counts)
    return Finding(
        check,
        "fault" if noun == "feedback" or placement.murmur2 == 0 else "warning",
        f"{counts}; {placement.cause}",
        "send events and labels with the same key and, with librdkafka (confluent-kafka, kcat), with "
        "partitioner=murmur2_random",
    )


def judge_lanes(lanes: Sequence[Lane], workers: Sequence[str]) -> Iterable[Finding]:
    """Is everything read before it is deleted, and does somebody read it?"""
    lost = [f"{lane.topic}[{lane.partition}]: {lane.first - (lane.committed or 0):,}" for lane in lanes if lane.lost]
    if lost:
        yield Finding(
            "offsets",
            "fault",
            f"records were deleted before a worker read them: {', '.join(lost)}",
            "keep records for longer (retention.ms), and keep workers running",
        )
    else:
        yield Finding("offsets", "ok", "what is committed is still kept")
    lag = sum(lane.lag for lane in lanes)
    if lag and not workers:
        yield Finding("lag", "warning", f"{lag:,} records wait and no worker runs", "start one: `headrace run FILE`")
    else:
        yield Finding("lag", "ok", f"{lag:,} records wait; {len(workers)} workers")


def judge_clock(ahead_s: float) -> Finding:
    """Do the broker and this machine agree on the time?"""
    detail = f"the broker's clock is {abs(ahead_s):.2f} s {'ahead' if ahead_s >= 0 else 'behind'}"
    if abs(ahead_s) > CLOCK_APART_S_MAX:
        return Finding("clock", "warning", detail, "synchronise both machines (NTP)")
    return Finding("clock", "ok", detail)


def judge_disk(folder: str, free_bytes: int) -> Finding:
    """Is there room where this machine keeps its data?"""
    detail = f"{free_bytes / 1e9:,.1f} GB free at {folder}"
    if free_bytes < FREE_MB_MIN * 1e6:
        return Finding("disk", "warning", detail, "free some, or choose another folder with HEADRACE_DATA")
    return Finding("disk", "ok", detail)


def judge_faust(compiled: bool) -> Finding:
    """Does Faust run its compiled parts?"""
    if compiled:
        return Finding("faust", "ok", "compiled parts in use")
    return Finding(
        "faust",
        "warning",
        "the compiled parts are missing; everything works, slower",
        "install a wheel: pip install --force-reinstall --only-binary :all: faust-streaming",
    )
