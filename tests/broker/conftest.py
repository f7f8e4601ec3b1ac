"""Fixtures of the tests against a real broker."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from streams.broker import Broker
from tests.broker.deployment import Deployment

Deploy = Callable[..., Deployment]


@pytest.fixture
def deploy(broker: Broker, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Deploy]:
    """Makes a pipeline with topics and a name of its own; its workers end with the test."""
    made: list[Deployment] = []

    def make(**arguments: str) -> Deployment:
        name = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_"))[:50].strip("-")
        arguments.setdefault("bootstrap", broker.bootstrap)
        deployment = Deployment(folder=tmp_path, name=name, **arguments)
        made.append(deployment)
        return deployment

    yield make
    for deployment in made:
        deployment.close()


@pytest.fixture
def deployment(deploy: Deploy) -> Deployment:
    """The usual pipeline."""
    return deploy()
