"""What tests of every folder share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import SimpleNamespace
from typing import cast

import pytest

from streams.broker import Broker, start


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    """One real Kafka for the whole run, of which only ``bootstrap`` is promised.

    ``HEADRACE_BOOTSTRAP`` where it is set, else an embedded broker that is thrown away.
    """
    if bootstrap := os.environ.get("HEADRACE_BOOTSTRAP"):
        yield cast("Broker", SimpleNamespace(bootstrap=bootstrap))
        return
    with start() as embedded:
        yield embedded
