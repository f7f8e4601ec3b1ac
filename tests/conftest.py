"""What tests of every folder share."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from types import SimpleNamespace
from typing import cast

import pytest

from streams.broker import Broker, start

# A shell without job control lets what it starts in the background ignore Ctrl-C, and so would all that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)


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
