"""A broker that is away is told of at once, with its address and what can be done."""

from __future__ import annotations

import socket

import pytest

from schemas.errors import BrokerUnavailable, SettingsError
from streams.broker import Broker
from streams.cluster import reach
from streams.settings import load


def test_running_broker_tells_its_nodes_and_topics(broker: Broker) -> None:
    cluster = reach(load(bootstrap=broker.bootstrap))
    assert broker.bootstrap.split(",")[0] in cluster.brokers.values()
    assert cluster.id


def test_refused_connection_names_the_address_and_two_ways_out() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(BrokerUnavailable) as caught:
            reach(load(bootstrap=address))
    text = str(caught.value)
    assert address in text
    assert "headrace broker" in text
    assert "HEADRACE_BOOTSTRAP" in text


def test_listener_that_is_no_kafka_is_given_up(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(BrokerUnavailable, match="no Kafka answer"):
            reach(load(bootstrap=address), timeout_s=1.0)
    assert capfd.readouterr().err == "", "librdkafka is silent"


@pytest.mark.parametrize("address", ["localhost", "localhost:", ":9092", "http//x", "a:9092,b"])
def test_address_that_is_none_is_a_mistake_in_the_setting(address: str) -> None:
    with pytest.raises(SettingsError, match="HEADRACE_BOOTSTRAP"):
        reach(load(bootstrap=address), timeout_s=1.0)
