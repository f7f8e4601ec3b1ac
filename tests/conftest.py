"""What tests of every folder share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple, Protocol

import pytest

from streams.broker import start


class Cluster(Protocol):
    """A Kafka that runs already."""

    @property
    def bootstrap(self) -> str: ...


class OwnCluster(NamedTuple):
    """The one that ``HEADRACE_BOOTSTRAP`` points to."""

    bootstrap: str


@pytest.fixture(scope="session")
def broker() -> Iterator[Cluster]:
    """One real Kafka for the whole run: ``HEADRACE_BOOTSTRAP``, else an embedded one that is thrown away."""
    if bootstrap := os.environ.get("HEADRACE_BOOTSTRAP"):
        yield OwnCluster(bootstrap)
        return
    with start() as embedded:
        yield embedded
