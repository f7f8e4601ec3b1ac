"""Fetching Kafka's jars with jgo: without Maven or Java, and writing nowhere but in the given folder."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path

import requests
from jgo.constants import MAVEN_CENTRAL_URL
from jgo.maven import MavenContext, PythonResolver

from schemas.errors import BrokerUnavailable
from streams.broker_jars import KAFKA_VERSION, Jar, Progress

FETCHES_AT_ONCE = 4
FETCH_SILENCE_SECONDS_MAX = 20


def fetch(jars: list[Jar], folder: Path, on_progress: Progress) -> None:
    """Fetch jars into ``folder/libs``; each appears there once it is whole and its checksum is right.

    Parameters
    ----------
    jars
        Those that are missing.
    folder
        The cache; the caller holds its lock.
    on_progress
        Told what is done and how much there is, in bytes.

    Raises
    ------
    BrokerUnavailable
        The network does not answer, or answers with something else.
    """
    arriving = folder / "fetching"
    shutil.rmtree(arriving, ignore_errors=True)
    arriving.mkdir()
    counter = _Counter(on_progress, sum(jar.size_bytes for jar in jars))
    context = MavenContext(
        resolver=PythonResolver(progress_callback=counter.file),
        repo_cache=arriving,
        remote_repos={"jars": os.environ.get("HEADRACE_MAVEN") or MAVEN_CENTRAL_URL},
        timeout=FETCH_SILENCE_SECONDS_MAX,
    )
    with ThreadPoolExecutor(FETCHES_AT_ONCE, "fetch") as pool:
        try:
            running = [pool.submit(_fetch_one, jar, context, folder / "libs") for jar in jars]
            for future in wait(running, return_when=FIRST_EXCEPTION).done:
                future.result()
        except (requests.RequestException, RuntimeError) as error:
            raise BrokerUnavailable(_no_network(folder, error)) from error
        finally:
            counter.stop = True
            pool.shutdown(cancel_futures=True)
            shutil.rmtree(arriving, ignore_errors=True)


def _fetch_one(jar: Jar, context: MavenContext, libs: Path) -> None:
    group, artifact, version = jar.coordinate.split(":")
    path = context.project(group, artifact).at_version(version).artifact().resolve()
    if not jar.matches(path):
        raise BrokerUnavailable(
            f"{jar.name} arrived with other content than the one pinned for Kafka {KAFKA_VERSION} "
            "and is not used. Try again; if a proxy or HEADRACE_MAVEN stands between, look there"
        )
    path.replace(libs / jar.name)


def _no_network(folder: Path, error: Exception) -> str:
    if isinstance(error, requests.exceptions.SSLError):
        cause = (
            "the certificate of the server, or of a proxy in between, is not trusted "
            "(REQUESTS_CA_BUNDLE may name a file with those to trust)"
        )
    elif isinstance(error, requests.RequestException):
        cause = "the network does not answer"
    else:
        cause = str(error)
    return (
        f"Kafka {KAFKA_VERSION} is not in the cache ({folder}) and cannot be fetched: {cause}. Connect once, "
        "or copy that folder from a machine that has it, or set HEADRACE_MAVEN to a mirror you can reach, "
        "or point HEADRACE_BOOTSTRAP to a Kafka that runs already"
    )


class _Counter:
    """Adds up what all the threads have fetched; raises in them once the fetch is given up."""

    def __init__(self, on_progress: Progress, total_bytes: int) -> None:
        self.stop = False
        self._on_progress = on_progress
        self._total_bytes = total_bytes
        self._done_bytes = 0
        self._lock = threading.Lock()

    @contextmanager
    def file(self, name: str, size_bytes: int) -> Iterator[Callable[[int], None]]:
        yield self._add

    def _add(self, count_bytes: int) -> None:
        if self.stop:
            raise RuntimeError("the fetch was given up")
        with self._lock:
            self._done_bytes += count_bytes
            self._on_progress(f"fetching Kafka {KAFKA_VERSION}", self._done_bytes, self._total_bytes)
