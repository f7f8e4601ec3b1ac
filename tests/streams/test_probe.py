"""What a cluster does not tell by itself is found out without leaving a trace."""

from __future__ import annotations

import asyncio

import pytest

from streams.apply import carry_out, plan
from streams.broker import Broker
from streams.probe import Release, clock_ahead_s, release
from streams.settings import load
from streams.tail import last
from streams.topology import Topology


@pytest.mark.parametrize(
    ("requests", "name"),
    [({1, 90}, "4.1 or newer"), ({1, 83}, "4.0"), ({1, 60}, "2.8"), ({1}, "older than 2.8")],
)
def test_release_shows_in_the_requests_that_are_understood(requests: set[int], name: str) -> None:
    assert Release(dict.fromkeys(requests, 0)).name == name


def test_broker_that_does_not_fence_by_group_is_known() -> None:
    assert not Release({28: 2}).fences
    assert Release({28: 3}).fences


def test_embedded_broker_is_of_the_newest_release_and_fences(broker: Broker) -> None:
    found = asyncio.run(release(load(bootstrap=broker.bootstrap), broker.bootstrap.split(",")[0]))
    assert found.name == "4.1 or newer"
    assert found.fences


def test_clock_is_read_without_a_record_that_readers_see(broker: Broker) -> None:
    topology, settings = Topology("clock", 1), load(bootstrap=broker.bootstrap)
    carry_out(plan(topology, settings), settings)
    # The same machine has the same clock; half a minute is no timing but a wrong unit or a wrong sign.
    assert abs(clock_ahead_s(settings, topology.name("predictions"))) < 30
    assert last(settings, topology.name("predictions"), 5) == []
