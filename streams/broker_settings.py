"""What one node of the embedded Kafka is told: its settings, its log, and the command that starts it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from streams.java import Java

LOOPBACK = "127.0.0.1"

LOG_BYTES_MAX = 5 * 1024 * 1024
"""A node's log is rolled at this size; three such files are kept."""


class Ports(NamedTuple):
    """The two ports of a node, on the loopback interface only."""

    broker: int
    controller: int


def server_properties(node: int, ports: Mapping[int, Ports], folder: Path) -> str:
    """Write the settings of one node.

    Parameters
    ----------
    node
        Its number, from 1.
    ports
        The ports of all nodes, by number.
    folder
        The node's folder.
    """
    own = ports[node]
    copies = len(ports)
    in_sync = 2 if copies == 3 else 1
    settings: dict[str, object] = {
        "process.roles": "broker,controller",
        "node.id": node,
        "controller.quorum.voters": ",".join(
            f"{number}@{LOOPBACK}:{pair.controller}" for number, pair in sorted(ports.items())
        ),
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{LOOPBACK}:{own.broker},CONTROLLER://{LOOPBACK}:{own.controller}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{own.broker},CONTROLLER://{LOOPBACK}:{own.controller}",
        "log.dirs": folder / "kafka",
        # A mistyped topic must be an error, not a new topic.
        "auto.create.topics.enable": "false",
        "default.replication.factor": copies,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": copies,
        "offsets.topic.num.partitions": 10,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": in_sync,
        "transaction.state.log.num.partitions": 10,
        # How soon after its timeout the open transaction of a dead worker no longer holds readers back.
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1_000,
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 1_000,
        # A node that was killed may come back only after this time, and until then leads what it led.
        "broker.session.timeout.ms": 4_000,
        "broker.heartbeat.interval.ms": 500,
        # The buffer of the log cleaner is taken from the heap at once; its default is a quarter of this heap.
        "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
        "num.network.threads": 2,
        "num.io.threads": 4,
        # Nobody reads its JMX metrics, and registering them is a good part of the start.
        "metric.reporters": "",
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def log_properties(folder: Path) -> str:
    """Write the logging settings of one node: one file, bounded."""
    settings: dict[str, object] = {
        "rootLogger.level": "INFO",
        "rootLogger.appenderRef.file.ref": "file",
        "appender.file.type": "RollingFile",
        "appender.file.name": "file",
        "appender.file.fileName": folder / "broker.log",
        "appender.file.filePattern": f"{folder / 'broker.log'}.%i",
        "appender.file.layout.type": "PatternLayout",
        "appender.file.layout.pattern": "%d{ISO8601} %p %m (%c{1})%n",
        "appender.file.policies.type": "Policies",
        "appender.file.policies.size.type": "SizeBasedTriggeringPolicy",
        "appender.file.policies.size.size": LOG_BYTES_MAX,
        "appender.file.strategy.type": "DefaultRolloverStrategy",
        "appender.file.strategy.max": 2,
        # Otherwise every setting of every internal client and topic is printed at the start.
        "logger.settings.name": "org.apache.kafka.common.config",
        "logger.settings.level": "WARN",
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def java_command(java: Java, libs: Path, folder: Path, memory_mb: int) -> list[str]:
    """The start of the command line, up to the main class.

    Parameters
    ----------
    java, libs
        The runtime and the folder with the jars.
    folder
        The node's folder, which holds ``log.properties``.
    memory_mb
        The heap's limit in MB; the process takes about 150 MB more.
    """
    return [
        str(java.executable),
        f"-Xmx{memory_mb}m",
        "-XX:+UseSerialGC",
        "-XX:+ExitOnOutOfMemoryError",
        "-XX:-UsePerfData",
        # The simple compiler only: half the CPU of a start, two thirds of that of the first 100,000 records,
        # and no more afterwards. A broker passes batches on; the CPU is for the workers beside it.
        "-XX:TieredStopAtLevel=1",
        "-XX:+IgnoreUnrecognizedVMOptions",
        "--enable-native-access=ALL-UNNAMED",
        "-Djava.awt.headless=true",
        f"-Dlog4j2.configurationFile={folder / 'log.properties'}",
        "-cp",
        ":".join(str(jar) for jar in sorted(libs.iterdir())),
    ]
