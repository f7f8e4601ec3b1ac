from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from schemas.errors import BrokerUnavailable, UserError
from streams import broker_node
from streams.broker import Broker, start
from streams.jars import kafka_jars

PATIENCE_SECONDS_MAX = 30.0

RUN = """
from streams.broker import start
try:
    with start() as broker:
        print(*broker.pids.values(), broker.data, flush=True)
        broker.wait()
except KeyboardInterrupt:  # it came before the wait
    pass
print("stopped", flush=True)
"""


@pytest.fixture(scope="module", autouse=True)
def jars() -> None:
    """So that a fetch, where one is needed, has a place of its own in the report."""
    kafka_jars()


@contextmanager
def child() -> Iterator[subprocess.Popen[str]]:
    """A process that starts a broker and waits."""
    with subprocess.Popen([sys.executable, "-c", RUN], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def read_start(process: subprocess.Popen[str]) -> tuple[int, Path]:
    assert process.stdout is not None
    pid, folder = process.stdout.readline().split()
    return int(pid), Path(folder)


def eventually(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS_MAX
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def create(bootstrap: str, name: str, copies: int) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(name, 1, copies)])[name].result(PATIENCE_SECONDS_MAX)


def write(bootstrap: str, topic: str, value: bytes) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "log_level": 0})
    failed: list[object] = []
    producer.produce(topic, value, on_delivery=lambda error, _: failed.append(error) if error else None)
    assert producer.flush(PATIENCE_SECONDS_MAX) == 0
    assert not failed


def read(bootstrap: str, topic: str, count: int) -> list[bytes | None]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "read", "log_level": 0})
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    try:
        return [record.value() for record in consumer.consume(count, PATIENCE_SECONDS_MAX)]
    finally:
        consumer.close()


def test_kept_data_are_there_at_the_next_start_and_thrown_away_ones_are_not(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with start(data=data) as broker:
        create(broker.bootstrap, "kept", 1)
        write(broker.bootstrap, "kept", b"first")
        (pid,) = broker.pids.values()
    assert not psutil.pid_exists(pid)
    assert broker.pids == {}
    cluster = json.loads((data / "headrace-broker.json").read_text())["cluster"]

    with start(data=data) as broker:
        assert AdminClient({"bootstrap.servers": broker.bootstrap}).list_topics(timeout=10).cluster_id == cluster
        assert read(broker.bootstrap, "kept", 1) == [b"first"]


def test_one_broker_to_a_data_folder(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    if not isinstance(broker, Broker):
        pytest.skip("HEADRACE_BOOTSTRAP points elsewhere, so no embedded broker runs")
    monkeypatch.setattr(broker_node, "LOCK_WAIT_SECONDS_MAX", 0.2)
    with pytest.raises(UserError, match=f"a broker already runs on the data in {broker.data}"):
        start(data=broker.data)
    create(broker.bootstrap, "still-works", 1)


def test_node_that_ends_on_its_own_is_told_with_cause_and_log(tmp_path: Path) -> None:
    with start(data=tmp_path) as broker:
        os.kill(broker.pids[1], signal.SIGKILL)
        with pytest.raises(BrokerUnavailable, match="killed from outside") as ended:
            broker.wait()
    assert Path(str(ended.value).rsplit("Its log: ", 1)[1]).read_text()


def test_broker_is_gone_when_its_parent_is_killed() -> None:
    with ExitStack() as stack:
        # Two, started at the same moment, so that a port or a folder that both take would show.
        processes = [stack.enter_context(child()) for _ in range(2)]
        started = [read_start(process) for process in processes]
        for process, ending in zip(processes, (signal.SIGKILL, signal.SIGTERM), strict=True):
            process.send_signal(ending)
        for pid, folder in started:
            assert eventually(lambda pid=pid: not psutil.pid_exists(pid))  # type: ignore[misc]
            assert eventually(lambda folder=folder: not folder.exists())  # type: ignore[misc]


def test_ctrl_c_stops_cleanly() -> None:
    with child() as process:
        pid, folder = read_start(process)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=PATIENCE_SECONDS_MAX)
        assert (output, process.returncode) == ("stopped\n", 0)
        assert not psutil.pid_exists(pid)
        assert not folder.exists()


def test_three_nodes_lose_one_and_go_on_and_it_comes_back() -> None:
    with start(nodes=3, memory_mb=256) as broker:
        create(broker.bootstrap, "copied", 3)
        write(broker.bootstrap, "copied", b"by three")
        before = broker.pids
        broker.kill(2)
        assert broker.pids.keys() == {1, 3}
        write(broker.bootstrap, "copied", b"by two")
        assert read(broker.bootstrap, "copied", 2) == [b"by three", b"by two"]
        broker.restart(2)
        assert broker.pids[2] != before[2]


def test_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(UserError, match=rf"port {port} on .* \(another program has it\)"):
            start(port=port)


def test_port_that_cannot_be_is_named() -> None:
    with pytest.raises(UserError, match=r"port 65536 on .* \(ports end at 65535\)"):
        start(port=65_535, nodes=3)


@pytest.mark.parametrize(
    ("marker", "answer"),
    [
        ({"kafka": "3.9.0", "nodes": 1, "cluster": "x"}, "written by Kafka 3.9.0"),
        ({"kafka": "4.1.1", "nodes": 3, "cluster": "x"}, "a cluster of 3 nodes, asked for are 1"),
        ({}, "cannot be read"),
    ],
)
def test_data_of_another_version_or_size_are_refused_and_left_alone(
    tmp_path: Path, marker: dict[str, object], answer: str
) -> None:
    (tmp_path / "headrace-broker.json").write_text(json.dumps(marker))
    with pytest.raises(UserError, match=answer):
        start(data=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["headrace-broker.json"]


def test_folder_with_something_else_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(UserError, match=f"{tmp_path} is not empty"):
        start(data=tmp_path)


def test_file_in_place_of_the_data_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"the data folder .*file cannot be used"):
        start(data=tmp_path / "file")


def test_memory_that_the_system_does_not_give_is_said_with_the_log(tmp_path: Path) -> None:
    with pytest.raises(BrokerUnavailable) as refused:
        start(data=tmp_path, memory_mb=10**9)
    text = str(refused.value)
    assert "the system does not give Java the memory asked for" in text
    assert Path(text.rsplit("Its log: ", 1)[1]).read_text()


def test_memory_that_is_too_little_is_refused() -> None:
    with pytest.raises(UserError, match="memory_mb is 16: Kafka needs 128 at least"):
        start(memory_mb=16)
