"""A plain client, with no code of this project, uses a pipeline: the real kcat."""

from __future__ import annotations

import json
import shutil
import subprocess
import uuid

import pytest

from streams.apply import carry_out, plan
from streams.broker import Broker
from streams.partitioner import partition_of
from streams.settings import load
from streams.tail import last
from streams.topology import Topology

pytestmark = pytest.mark.skipif(shutil.which("kcat") is None, reason="kcat is not installed: apt-get install kcat")

KEYS = [f"UA{number}" for number in range(12)]
MURMUR2 = ("-X", "topic.partitioner=murmur2_random")


@pytest.fixture
def topology(broker: Broker) -> Topology:
    topology, settings = Topology(f"kcat-{uuid.uuid4().hex[:8]}", 4), load(bootstrap=broker.bootstrap)
    carry_out(plan(topology, settings), settings)
    return topology


def kcat(broker: Broker, *arguments: str, text: str = "") -> str:
    answer = subprocess.run(
        ["kcat", "-b", broker.bootstrap, *arguments],
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def placed(broker: Broker, topology: Topology, *arguments: str) -> dict[str, int]:
    """Where kcat puts events, by their key."""
    lines = "".join(f"{key}|{json.dumps({'flight': key})}\n" for key in KEYS)
    kcat(broker, "-P", "-t", topology.name("events"), "-K", "|", *arguments, text=lines)
    messages = last(load(bootstrap=broker.bootstrap), topology.name("events"), len(KEYS))
    return {str(json.loads(message.value() or b"")["flight"]): message.partition() or 0 for message in messages}


def test_event_of_kcat_lies_where_its_key_belongs(broker: Broker, topology: Topology) -> None:
    assert placed(broker, topology, *MURMUR2) == {key: partition_of(key.encode(), 4) for key in KEYS}


def test_without_the_partitioner_keys_of_kcat_lie_elsewhere(broker: Broker, topology: Topology) -> None:
    # The reason for the rule on the page of clients; if kcat ever changes its default, the rule can go.
    assert placed(broker, topology) != {key: partition_of(key.encode(), 4) for key in KEYS}


def test_kcat_reads_what_was_sent(broker: Broker, topology: Topology) -> None:
    placed(broker, topology, *MURMUR2)
    arguments = ("-o", "beginning", "-e", "-q", "-f", "%k %s\\n", "-X", "isolation.level=read_committed")
    lines = kcat(broker, "-C", "-t", topology.name("events"), *arguments).splitlines()
    read = dict(line.split(" ", 1) for line in lines)
    assert {key: json.loads(value) for key, value in read.items()} == {key: {"flight": key} for key in KEYS}
