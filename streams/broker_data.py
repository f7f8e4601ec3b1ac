"""The data folder of the embedded Kafka.

::

    data/
    ├── headrace-broker.json    which Kafka wrote it, for how many nodes, and the cluster's id
    └── node-1/                 and node-2, node-3
        ├── kafka/              Kafka's own files; formatted once
        ├── server.properties   written anew at each start
        ├── log.properties      the same
        ├── broker.log          Kafka's log, rolled at 5 MB
        ├── console.log         what Java itself says, of the last start
        └── lock                held by the broker for as long as it lives
"""

from __future__ import annotations

import base64
import json
import subprocess
import uuid
from pathlib import Path

from schemas.errors import BrokerUnavailable, UserError
from streams.broker_causes import explain
from streams.broker_jars import KAFKA_VERSION

MARKER = "headrace-broker.json"
FORMAT_SECONDS_MAX = 60.0


def open_data(folder: Path, nodes: int) -> str:
    """Take a folder into use: check that it is new or ours, and mark it.

    Parameters
    ----------
    folder
        Made if it is not there.
    nodes
        How many nodes are about to be started on it.

    Returns
    -------
    str
        The cluster's id, the same each time.

    Raises
    ------
    UserError
        It holds something else, was written by another version or for another number of nodes, or can't be
        written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        marker = folder / MARKER
        if marker.exists():
            return _known(folder, json.loads(marker.read_text()), nodes)
        if any(folder.iterdir()):
            raise UserError(
                f"{folder} is not empty and holds no data of this broker: choose an empty folder or a new one"
            )
        cluster = new_id()
        written = folder / f"{MARKER}.new"
        written.write_text(json.dumps({"kafka": KAFKA_VERSION, "nodes": nodes, "cluster": cluster}))
        written.replace(marker)
    except OSError as error:
        raise UserError(f"the data folder {folder} cannot be used: {error.strerror or error}") from error
    except (ValueError, KeyError) as error:
        raise UserError(f"{folder / MARKER} cannot be read; choose another data folder") from error
    return cluster


def _known(folder: Path, marker: dict[str, object], nodes: int) -> str:
    if marker["kafka"] != KAFKA_VERSION:
        raise UserError(
            f"the data in {folder} were written by Kafka {marker['kafka']}, this is Kafka {KAFKA_VERSION}: "
            "choose another data folder, or remove this one if its data are no longer needed"
        )
    if marker["nodes"] != nodes:
        raise UserError(
            f"the data in {folder} belong to a cluster of {marker['nodes']} nodes, asked for are {nodes}: "
            f"start it with {marker['nodes']}, or choose another data folder"
        )
    return str(marker["cluster"])


def new_id() -> str:
    """A new id in Kafka's notation: a random UUID in 22 characters."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


def format_node(java_command: list[str], folder: Path, cluster: str, template: Path) -> None:
    """Format a node's storage unless it has been.

    The first time on a machine Kafka's own tool does it, which takes more than a second of CPU. What it
    writes is the same for every node of this version, apart from three ids, and is kept as a template.

    Parameters
    ----------
    java_command
        The command up to the main class.
    folder
        The node's folder, ``server.properties`` in it.
    cluster
        The cluster's id.
    template
        Where the template is or will be kept.
    """
    kafka = folder / "kafka"
    if (kafka / "meta.properties").exists():
        return
    kafka.mkdir(exist_ok=True)
    if template.exists():
        node = folder.name.removeprefix("node-")
        (kafka / "bootstrap.checkpoint").write_bytes(template.read_bytes())
        written = kafka / "meta.properties.new"
        written.write_text(f"version=1\ncluster.id={cluster}\nnode.id={node}\ndirectory.id={new_id()}\n")
        written.replace(kafka / "meta.properties")
        return
    settings = str(folder / "server.properties")
    command = [*java_command, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", settings]
    with (folder / "console.log").open("wb") as console:
        try:
            done = subprocess.run(command, stdout=console, stderr=console, timeout=FORMAT_SECONDS_MAX, check=False)
        except subprocess.TimeoutExpired as error:
            raise BrokerUnavailable(f"formatting {folder} took more than {FORMAT_SECONDS_MAX:.0f} s") from error
    if done.returncode:
        raise BrokerUnavailable(f"{folder} could not be formatted: {explain(folder, done.returncode)}")
    written = template.with_name(f"{template.name}.{new_id()}")
    written.write_bytes((kafka / "bootstrap.checkpoint").read_bytes())
    written.replace(template)
