"""``headrace status``: how far a pipeline has come, and how good it is."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from headrace.cli import quality
from headrace.cli.output import Json, console, table, write_json
from headrace.cli.target import Bootstrap, FileOrName, topology_of
from schemas.codec import decode
from schemas.errors import UserError
from schemas.health import Health
from schemas.predictions import Prediction
from streams.cluster import Cluster, reach
from streams.settings import Settings, load
from streams.standing import INPUTS, Lane, lanes, members
from streams.tail import last
from streams.topology import Topology


@dataclass(frozen=True, slots=True)
class Status:
    """What is known about a pipeline from outside."""

    pipeline: str
    bootstrap: str
    workers: list[str]
    inputs: list[Lane]
    lag: int
    log_end: int
    served: Prediction | None
    health: Health | None


def command(pipeline: FileOrName, bootstrap: Bootstrap = None, json: Json = False) -> None:
    """Ask Kafka how far the workers are, and read the latest report."""
    settings = load(bootstrap=bootstrap)
    topology = topology_of(pipeline)
    status = look(settings, topology)
    if json:
        inputs = [{**msgspec.to_builtins(lane), "lag": lane.lag} for lane in status.inputs]
        write_json({**msgspec.to_builtins(status), "inputs": inputs})
    else:
        _show(status)


def look(settings: Settings, topology: Topology) -> Status:
    """Ask Kafka.

    Raises
    ------
    UserError
        If the pipeline has no topics there.
    BrokerUnavailable
        If no broker answers.
    """
    cluster = reach(settings)
    _refuse_missing(topology, cluster, settings)
    inputs = lanes(settings, topology, cluster)
    log = lanes(settings, topology, cluster, ("examples",))
    health = last(settings, topology.name("health"), 1)
    served = last(settings, topology.name("predictions"), 1)
    return Status(
        pipeline=topology.pipeline,
        bootstrap=settings.bootstrap,
        workers=members(settings, topology.pipeline),
        inputs=inputs,
        lag=sum(lane.lag for lane in inputs),
        log_end=log[0].end,
        served=decode(Prediction, served[0].value() or b"") if served else None,
        health=decode(Health, health[0].value() or b"") if health else None,
    )


def _refuse_missing(topology: Topology, cluster: Cluster, settings: Settings) -> None:
    needed = [topology.name(noun) for noun in (*INPUTS, "examples", "predictions", "health")]
    missing = [name for name in needed if name not in cluster.partitions]
    if missing:
        raise UserError(
            f"{', '.join(missing)}: not at {settings.bootstrap}; create the topics with `headrace apply FILE`"
        )


def _show(status: Status) -> None:
    out = console()
    workers = ", ".join(status.workers) or "none"
    out.print(f"{status.pipeline} at {status.bootstrap}; workers: {workers}", markup=False)
    rows = [
        (
            lane.topic,
            lane.partition,
            lane.first,
            lane.end,
            "none" if lane.committed is None else lane.committed,
            lane.lag,
        )
        for lane in status.inputs
    ]
    numbers = ("partition", "first", "end", "committed", "lag")
    out.print(table(("topic", *numbers), rows, right=numbers))
    served = "nothing served yet"
    if status.served is not None:
        prediction = status.served
        served = f"last served by {prediction.model}@{prediction.version}:{prediction.position}"
    out.print(f"{status.lag:,} records wait; the learning log ends at {status.log_end:,}; {served}", markup=False)
    if status.health is None:
        out.print("No health report yet.")
    else:
        quality.show(status.health)
