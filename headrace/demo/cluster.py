"""Where the demo runs: a cluster of the user's own, or an embedded broker that is thrown away at the end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, TopicPartition
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from schemas.errors import BrokerUnavailable, UserError
from streams.apply import carry_out, plan
from streams.broker import Broker, start
from streams.cluster import ANSWER_S_MAX, admin, reach
from streams.settings import Settings, load
from streams.tail import reader_config, unreadable
from streams.topology import Topology

DELETE_S_MAX = 30.0


def is_own(bootstrap: str | None) -> bool:
    """Whether the user has said where a cluster is."""
    return bootstrap is not None or "bootstrap" in load().model_fields_set


@contextmanager
def embedded(folder: Path, notes: Console) -> Iterator[Settings]:
    """Settings for a broker that runs as long as the block, with everything else in a folder too."""
    with _start(notes) as broker:
        yield load(
            bootstrap=broker.bootstrap,
            data=folder,
            # Settings of a secured cluster may be left in the environment; this one is on the loopback only.
            security_protocol="PLAINTEXT",
        )


def _start(notes: Console) -> Broker:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=notes, transient=True) as progress:
        bars: list[TaskID] = []

        def fetched(what: str, done_bytes: int, total_bytes: int) -> None:
            if not bars:
                bars.append(progress.add_task(what))
            progress.update(bars[0], description=what, completed=done_bytes, total=total_bytes)

        return start(on_progress=fetched)


def prepare(topology: Topology, settings: Settings, *, fresh: bool) -> None:
    """Make the topics, empty.

    Parameters
    ----------
    fresh
        Delete those of an earlier demo first.

    Raises
    ------
    UserError
        If there are events of an earlier demo, which would make all of this one's duplicates.
    BrokerUnavailable
        If the cluster does not answer.
    """
    if fresh:
        _delete(topology, settings)
    steps = plan(topology, settings)
    name = topology.name("events")
    if not any(step.topic == name and step.action == "create" for step in steps.steps):
        count = _records(settings, name, topology.partitions_of("events"))
        if count:
            raise UserError(
                f"{name} at {settings.bootstrap} holds {count:,} events already, of an earlier demo for instance. "
                f"`headrace demo --fresh` deletes the topics {topology.pipeline}.* there and begins anew"
            )
    carry_out(steps, settings)


def _records(settings: Settings, topic: str, partitions: int) -> int:
    consumer = Consumer(reader_config(settings))
    try:
        bounds = [
            consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=ANSWER_S_MAX)
            for partition in range(partitions)
        ]
    except KafkaException as error:
        raise unreadable(topic, error) from None
    finally:
        consumer.close()
    return sum(end - first for first, end in bounds)


def _delete(topology: Topology, settings: Settings) -> None:
    wanted = {topology.name(topic.noun) for topic in topology.topics}
    there = wanted & reach(settings).partitions.keys()
    if not there:
        return
    # The client has to live until its answers are there.
    client = admin(settings)
    for name, answer in client.delete_topics(sorted(there), operation_timeout=DELETE_S_MAX).items():
        try:
            answer.result()
        except KafkaException as error:
            raise BrokerUnavailable(f"{name} can't be deleted: {error.args[0].str()}") from None
    deadline_s = time.monotonic() + DELETE_S_MAX
    while wanted & reach(settings).partitions.keys():
        if time.monotonic() > deadline_s:
            raise BrokerUnavailable(f"{topology.pipeline}.* are still there {DELETE_S_MAX:.0f} s after their deletion")
        time.sleep(0.1)
