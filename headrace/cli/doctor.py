"""``headrace doctor``: what is wrong, and what to do."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import faust.streams
import typer

from headrace import doctor
from headrace.cli.failure import MISTAKE, OUTSIDE
from headrace.cli.output import Json, console, write_json
from headrace.cli.target import Bootstrap, FileOrName, pipeline_of
from headrace.doctor import Finding
from headrace.messages import Messages
from schemas.errors import BrokerUnavailable, HeadraceError, UserError
from streams.apply import plan
from streams.cluster import Cluster, reach
from streams.partitioner import place
from streams.probe import clock_ahead_s, release
from streams.settings import Settings, load
from streams.standing import INPUTS, lanes, members
from streams.tail import last
from streams.topology import Topology

#: Records of each input whose keys are looked at.
SAMPLE = 500

_MARKS = {
    "ok": "[green]ok[/green]     ",
    "warning": "[yellow]warning[/yellow]",
    "fault": "[red]FAULT[/red]  ",
}


def command(pipeline: FileOrName, bootstrap: Bootstrap = None, json: Json = False) -> None:
    """Look at everything a pipeline needs; changes nothing."""
    findings = []
    for finding in examine(pipeline, load(bootstrap=bootstrap)):
        findings.append(finding)
        if not json:
            _show(finding)
    faults = [finding for finding in findings if finding.verdict == "fault"]
    if json:
        write_json({"well": not faults, "findings": findings})
    if faults:
        raise typer.Exit(OUTSIDE if any(fault.check == "broker" for fault in faults) else MISTAKE)


def examine(pipeline: str, settings: Settings) -> Iterator[Finding]:
    """Look at one point after the other."""
    yield doctor.judge_faust(getattr(faust.streams, "_CStreamIterator", None) is not None)
    yield doctor.judge_disk(str(settings.data), _free_bytes(settings.data))
    topology = None
    try:
        messages = Messages(pipeline_of(pipeline))
        topology = messages.topology
        if messages.declared is not None:
            yield Finding("file", "ok", f"{pipeline} declares the pipeline {topology.pipeline}")
    except UserError as error:
        yield Finding("file", "fault", str(error), f"mend it; `headrace check {pipeline}` tells the same")
    try:
        cluster = reach(settings)
    except BrokerUnavailable as error:
        yield Finding("broker", "fault", str(error))
        return
    yield from _try("broker", _broker, settings, cluster)
    if topology is not None:
        yield from _of_pipeline(settings, topology, cluster, declared=messages.declared is not None)


def _of_pipeline(settings: Settings, topology: Topology, cluster: Cluster, *, declared: bool) -> Iterator[Finding]:
    if not declared:
        # With a name only, the cluster's own count is the best guess at what was asked for.
        count = cluster.partitions.get(topology.name("events"), topology.partitions)
        topology = replace(topology, partitions=count)
    yield from _try("topics", _topics, settings, topology)
    if any(topology.name(noun) not in cluster.partitions for noun in (*INPUTS, "predictions")):
        return
    yield doctor.judge_co_partitioning(topology, cluster)
    for noun in INPUTS:
        yield from _try(f"partitioner of {noun}", _placement, settings, topology, cluster, noun)
    yield from _try("offsets", _lanes, settings, topology, cluster)
    yield from _try("clock", _clock, settings, topology)


def _try(check: str, look: Callable[..., Iterable[Finding]], *about: object) -> Iterator[Finding]:
    """One point that can't be looked at does not hide the others."""
    try:
        yield from look(*about)
    except HeadraceError as error:
        yield Finding(check, "fault", str(error))


def _broker(settings: Settings, cluster: Cluster) -> Iterable[Finding]:
    address = next(iter(cluster.brokers.values()))
    yield doctor.judge_broker(cluster, asyncio.run(release(settings, address)))


def _topics(settings: Settings, topology: Topology) -> Iterable[Finding]:
    yield doctor.judge_topics(plan(topology, settings))


def _clock(settings: Settings, topology: Topology) -> Iterable[Finding]:
    yield doctor.judge_clock(clock_ahead_s(settings, topology.name("predictions")))


def _placement(settings: Settings, topology: Topology, cluster: Cluster, noun: str) -> Iterable[Finding]:
    name = topology.name(noun)
    samples = [(message.key(), message.partition() or 0) for message in last(settings, name, SAMPLE)]
    keys = ((key.encode() if isinstance(key, str) else key, partition) for key, partition in samples)
    yield doctor.judge_placement(noun, place(keys, cluster.partitions[name]))


def _lanes(settings: Settings, topology: Topology, cluster: Cluster) -> Iterable[Finding]:
    found = lanes(settings, topology, cluster)
    return doctor.judge_lanes(found, members(settings, topology.pipeline))


def _free_bytes(folder: Path) -> int:
    existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    return shutil.disk_usage(existing).free


def _show(finding: Finding) -> None:
    out = console()
    out.print(_MARKS[finding.verdict], end="  ")
    out.print(f"{finding.check}: {finding.detail}", markup=False)
    if finding.way_out:
        out.print(f"         -> {finding.way_out}", markup=False)
