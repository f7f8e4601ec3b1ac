"""A real Apache Kafka in processes of its own, with nothing installed but Python packages.

::

    with start() as broker:
        print(broker.bootstrap)

One node, or three for tests of fail-over; KRaft, so no ZooKeeper; on the loopback interface only. The
processes end with the block, and also when this process is killed: see :mod:`streams.broker_watcher`.
"""

from __future__ import annotations

import shutil
import socket
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from schemas.errors import BrokerUnavailable, UserError
from streams.broker_causes import PORT_TAKEN, explain
from streams.broker_data import format_node, open_data
from streams.broker_jars import Progress
from streams.broker_node import KILL, STOP, Node
from streams.broker_ready import wait_ready
from streams.broker_settings import LOOPBACK, Ports, java_command, log_properties, server_properties
from streams.jars import cache_folder, kafka_jars
from streams.java import Java, find_java

START_SECONDS_MAX = 90.0
START_TRIES_MAX = 3
MEMORY_MB_MIN = 128
WAIT_STEP_SECONDS = 0.2


def start(
    *,
    port: int = 0,
    data: Path | None = None,
    nodes: Literal[1, 3] = 1,
    memory_mb: int = 512,
    on_progress: Progress | None = None,
) -> Broker:
    """Start Kafka and return when it can be used, coordinators included.

    Parameters
    ----------
    port
        Where the first node listens; further nodes take the ports after it. 0 picks free ones.
    data
        A folder that is kept and used again by the next start. ``None`` keeps nothing.
    nodes
        One, or three of which one may fail.
    memory_mb
        Limit of each node's Java heap in MB.
    on_progress
        Told what is fetched, with the bytes done and in all; only called at the first start on a machine.

    Returns
    -------
    Broker
        To be stopped, best as a context manager.

    Raises
    ------
    UserError
        No Java; a port is taken; the data folder is in use, of another version, or not ours.
    BrokerUnavailable
        The jars can't be fetched, or the process ends or does not answer in time.
    """
    if nodes not in (1, 3):
        raise UserError(f"nodes is {nodes}: 1 or 3 are possible")
    if memory_mb < MEMORY_MB_MIN:
        raise UserError(f"memory_mb is {memory_mb}: Kafka needs {MEMORY_MB_MIN} at least")
    java = find_java()
    libs = kafka_jars(on_progress)
    if port:
        _refuse_taken([port + n for n in range(nodes)])
    for tries_left in reversed(range(START_TRIES_MAX)):
        broker = _prepare(java, libs, port, data, nodes, memory_mb)
        try:
            broker.launch()
        except BrokerUnavailable as error:
            broker.stop()
            # Between finding a free port and taking it, another program may have taken it.
            if port or not tries_left or PORT_TAKEN not in str(error):
                raise
        except BaseException:
            broker.stop()
            raise
        else:
            break
    return broker


class Broker:
    """A running Kafka; made by :func:`start`.

    Attributes
    ----------
    bootstrap
        Addresses for clients, ``127.0.0.1:port[,...]``.
    data
        The data folder.
    """

    def __init__(self, bootstrap: str, data: Path, nodes: list[Node], *, kept: bool) -> None:
        self.bootstrap = bootstrap
        self.data = data
        self._nodes = {node.number: node for node in nodes}
        self._kept = kept

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pids(self) -> dict[int, int]:
        """Process id of each node that runs, by its number."""
        return {number: node.pid for number, node in self._nodes.items() if node.running}

    def launch(self) -> None:
        """Start all nodes and wait until they can be used; :func:`start` does this."""
        for node in self._nodes.values():
            node.start()
        self._wait_ready()

    def _wait_ready(self) -> None:
        try:
            wait_ready(self.bootstrap, len(self._nodes), START_SECONDS_MAX, self._refuse_ended)
        except TimeoutError as error:
            first = self.data / "node-1"
            raise BrokerUnavailable(
                f"Kafka did not have {error} ready within {START_SECONDS_MAX:.0f} s: {explain(first, None)}"
            ) from error

    def _refuse_ended(self) -> None:
        for node in self._nodes.values():
            if node.failed:
                raise BrokerUnavailable(node.why())

    def kill(self, node: int) -> None:
        """Kill one node without warning, as a crash would; its data stay for :meth:`restart`."""
        self._nodes[node].ask(KILL)
        self._nodes[node].join()

    def restart(self, node: int) -> None:
        """Start a killed node again on its data and ports, and wait until the whole cluster can be used."""
        assert not self._nodes[node].running, f"node {node} runs"
        self._nodes[node].start()
        self._wait_ready()

    def wait(self) -> None:
        """Block until Ctrl-C, or until a node ends on its own.

        Raises
        ------
        BrokerUnavailable
            A node has ended; the text says why.
        """
        with suppress(KeyboardInterrupt):
            while True:
                self._refuse_ended()
                time.sleep(WAIT_STEP_SECONDS)

    def stop(self) -> None:
        """End all nodes, within a bound; data that are kept are closed cleanly. Harmless when done twice."""
        for node in self._nodes.values():
            # What is thrown away need not be closed.
            node.ask(STOP if self._kept else KILL)
        for node in self._nodes.values():
            node.join()
        if self._kept:
            return
        if any(node.failed for node in self._nodes.values()):
            # The message about the failure names the log, so that has to stay.
            for folder in self.data.glob("node-*/kafka"):
                shutil.rmtree(folder, ignore_errors=True)
        else:
            shutil.rmtree(self.data, ignore_errors=True)


def _prepare(java: Java, libs: Path, port: int, data: Path | None, nodes: int, memory_mb: int) -> Broker:
    folder = data.absolute() if data is not None else Path(tempfile.mkdtemp(prefix="headrace-broker-"))
    cluster = open_data(folder, nodes)
    ports = _ports(port, nodes)
    made = []
    for number in ports:
        node_folder = folder / f"node-{number}"
        node_folder.mkdir(exist_ok=True)
        (node_folder / "server.properties").write_text(server_properties(number, ports, node_folder))
        (node_folder / "log.properties").write_text(log_properties(node_folder))
        command = java_command(java, libs, node_folder, memory_mb)
        format_node(command, node_folder, cluster, cache_folder() / "bootstrap.checkpoint")
        run = [*command, "kafka.Kafka", str(node_folder / "server.properties")]
        made.append(Node(number, node_folder, run, remove=folder if data is None else None))
    bootstrap = ",".join(f"{LOOPBACK}:{pair.broker}" for pair in ports.values())
    return Broker(bootstrap, folder, made, kept=data is not None)


def _ports(port: int, nodes: int) -> dict[int, Ports]:
    with ExitStack() as held:
        # All are held until the last is found, so that none is found twice.
        free = [_free_port(held) for _ in range(2 * nodes)]
    brokers = [port + n for n in range(nodes)] if port else free[:nodes]
    return {n + 1: Ports(brokers[n], free[nodes + n]) for n in range(nodes)}


def _free_port(held: ExitStack) -> int:
    probe = held.enter_context(socket.socket())
    probe.bind((LOOPBACK, 0))
    number: int = probe.getsockname()[1]
    return number


def _refuse_taken(ports: list[int]) -> None:
    for port in ports:
        with socket.socket() as probe:
            # As the broker does it: a port whose last connection is still cooling off counts as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except (OSError, OverflowError) as error:
                raise UserError(
                    f"port {port} on {LOOPBACK} cannot be used ({_reason(error)}): choose another one, "
                    "or 0 for any that is free"
                ) from error


def _reason(error: Exception) -> str:
    if isinstance(error, PermissionError):
        return "only the administrator may use it"
    return "another program has it" if isinstance(error, OSError) else "ports end at 65535"
