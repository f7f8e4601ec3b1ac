"""Topics are read by those who look on: only what is committed, from the place they choose."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from schemas.errors import UserError
from streams.broker import Broker
from streams.settings import load
from streams.tail import Tail, last

PARTITIONS = 3


def make(broker: Broker, topic: str) -> None:
    client = AdminClient({"bootstrap.servers": broker.bootstrap})
    for answer in client.create_topics([NewTopic(topic, PARTITIONS, 1)]).values():
        answer.result()


def write(broker: Broker, topic: str, values: list[str], *, commit: bool = True) -> None:
    """One transaction, so with markers, over all partitions."""
    producer = Producer({"bootstrap.servers": broker.bootstrap, "transactional.id": topic})
    producer.init_transactions(10)
    producer.begin_transaction()
    for number, value in enumerate(values):
        producer.produce(topic, value.encode(), partition=number % PARTITIONS)
    if commit:
        producer.commit_transaction(10)
    else:
        producer.flush(10)
        producer.abort_transaction(10)


def values_of(messages: list[object]) -> set[str]:
    return {message.value().decode() for message in messages}  # type: ignore[attr-defined]


def test_last_records_are_found_behind_transaction_markers(broker: Broker) -> None:
    make(broker, "tail-last")
    for number in range(12):
        write(broker, "tail-last", [f"{number}"])
    found = last(load(bootstrap=broker.bootstrap), "tail-last", 3)
    assert [message.value() for message in found] == [b"9", b"10", b"11"]


def test_last_of_fewer_records_is_all_of_them(broker: Broker) -> None:
    make(broker, "tail-few")
    write(broker, "tail-few", ["a", "b"])
    settings = load(bootstrap=broker.bootstrap)
    assert values_of(last(settings, "tail-few", 50)) == {"a", "b"}  # type: ignore[arg-type]


def test_last_of_nothing_is_nothing(broker: Broker) -> None:
    make(broker, "tail-none")
    assert last(load(bootstrap=broker.bootstrap), "tail-none", 5) == []


def test_aborted_records_are_not_seen(broker: Broker) -> None:
    make(broker, "tail-aborted")
    write(broker, "tail-aborted", ["kept"])
    write(broker, "tail-aborted", ["x", "y", "z"], commit=False)
    with Tail(load(bootstrap=broker.bootstrap), "tail-aborted", "earliest") as tail:
        assert values_of(list(tail.to_end())) == {"kept"}


def test_latest_shows_only_what_comes_later(broker: Broker) -> None:
    make(broker, "tail-latest")
    write(broker, "tail-latest", ["before"])
    with Tail(load(bootstrap=broker.bootstrap), "tail-latest", "latest") as tail:
        assert tail.at_end
        write(broker, "tail-latest", ["after"])
        found: list[object] = []
        for _ in range(50):
            found += tail.read(0.2)
            if found:
                break
    assert values_of(found) == {"after"}


@pytest.mark.parametrize(("shift", "expected"), [(-1, {"a", "b", "c", "d"}), (1, set())])
def test_reading_begins_at_a_time(broker: Broker, shift: int, expected: set[str]) -> None:
    topic = f"tail-time-{shift + 1}"
    make(broker, topic)
    write(broker, topic, ["a", "b", "c", "d"])
    with Tail(load(bootstrap=broker.bootstrap), topic, datetime.now(UTC) + timedelta(hours=shift)) as tail:
        assert values_of(list(tail.to_end())) == expected


def test_topic_that_does_not_exist_is_named(broker: Broker) -> None:
    with pytest.raises(UserError, match=r"no topic nosuch\.events .*headrace apply"):
        Tail(load(bootstrap=broker.bootstrap), "nosuch.events")
