"""Both clients on the real broker, held to one specification; a thread of the test answers in place of a worker."""

from __future__ import annotations

import asyncio
import json
import math
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import pytest
from confluent_kafka import Producer

import headrace
from headrace import AsyncClient, Client
from headrace.history import Row
from headrace.messages import Sent
from models.summaries import summarise
from schemas.codec import encode
from schemas.errors import BadRecord, BrokerUnavailable, Unavailable, UserError
from schemas.examples import Profile
from schemas.health import Health, LabelHealth
from schemas.predictions import Prediction
from schemas.rejects import Reject, to_headers
from schemas.values import at_millisecond
from streams.apply import carry_out, plan
from streams.broker import Broker
from streams.partitioner import partition_of
from streams.settings import Settings, load
from streams.tail import Start, Tail, address_of, last
from streams.topology import Topology

PARTITIONS = 3
NOW = datetime(2026, 5, 1, tzinfo=UTC)


class Verbs(Protocol):
    """What both clients can do, without ``await``."""

    def send(self, event: dict[str, Any]) -> Sent: ...
    def send_many(self, events: list[dict[str, Any]]) -> int: ...
    def label(self, id: str, label: bool) -> Sent: ...
    def unavailable(self, id: str, *, reason: str | None = None) -> Sent: ...
    def predict(self, event: dict[str, Any], *, timeout_s: float) -> Prediction: ...
    def health(self) -> Health | None: ...
    def profile(self, field: str | None = None, *, rows: int = 24) -> dict[str, list[Row]]: ...
    def predictions(self, from_: Start, *, follow: bool, timeout_s: float | None) -> Iterator[Prediction]: ...


class Awaited:
    """The async client, each of its verbs run to its end."""

    def __init__(self, runner: asyncio.Runner, client: AsyncClient) -> None:
        self._runner = runner
        self._client = client

    def __getattr__(self, name: str) -> Callable[..., Any]:
        verb = getattr(self._client, name)

        def call(*arguments: Any, **named: Any) -> Any:
            async def run() -> Any:
                found = verb(*arguments, **named)
                return [item async for item in found] if isinstance(found, AsyncIterator) else await found

            return self._runner.run(run())

        return call


Connect = Callable[..., Verbs]


@pytest.fixture(params=["sync", "async"])
def connect(request: pytest.FixtureRequest, topology: Topology, settings: Settings) -> Iterator[Connect]:
    with ExitStack() as stack:

        def make(kind: str = request.param) -> Verbs:
            if kind == "sync":
                return stack.enter_context(Client(topology.pipeline, settings, id="trip"))
            runner = stack.enter_context(asyncio.Runner())
            client = AsyncClient(topology.pipeline, settings, id="trip")
            runner.run(client.__aenter__())
            stack.callback(lambda: runner.run(client.close()))
            return Awaited(runner, client)

        yield make


@pytest.fixture
def settings(broker: Broker) -> Settings:
    return load(bootstrap=broker.bootstrap)


@pytest.fixture
def topology(settings: Settings) -> Topology:
    topology = Topology(f"trips-{uuid.uuid4().hex[:8]}", PARTITIONS)
    carry_out(plan(topology, settings), settings)
    return topology


@pytest.fixture
def answering(topology: Topology, settings: Settings) -> Iterator[None]:
    """Answers each event by a transaction: a negative distance by a reject, all else by a prediction."""
    stopped = threading.Event()
    producer = Producer(
        {"bootstrap.servers": settings.bootstrap, "transactional.id": topology.pipeline, "linger.ms": 0}
    )
    producer.init_transactions(10)

    def work() -> None:
        with Tail(settings, topology.name("events"), "latest") as tail:
            ready.set()
            while not stopped.is_set():
                for message in tail.read(0.05):
                    event = json.loads(message.value() or b"")
                    producer.begin_transaction()
                    if event["distance"] < 0:
                        reject = Reject(
                            source=address_of(message),
                            reason="range",
                            field="$.distance",
                            detail="it is negative",
                            stage="features",
                        )
                        producer.produce(topology.name("rejects"), message.value(), headers=dict(to_headers(reject)))
                    else:
                        value = encode(said(event, address_of(message), at_millisecond(message.timestamp()[1])))
                        producer.produce(
                            topology.name("predictions"), value, message.key(), partition=message.partition() or 0
                        )
                    producer.commit_transaction(10)

    ready = threading.Event()
    thread = threading.Thread(target=work)
    thread.start()
    assert ready.wait(30)
    yield
    stopped.set()
    thread.join()


def said(event: dict[str, Any], address: Any, received: datetime) -> Prediction:
    return Prediction(
        id=event["trip"],
        time=NOW,
        score=event["distance"] / 100,
        model="logistic",
        version=1,
        position=0,
        due=NOW,
        event=address,
        received=received,
        predicted=received,
    )


def event(number: int, distance: float = 10.0) -> dict[str, Any]:
    return {"trip": f"t{number}", "distance": distance}


def test_sent_event_lies_where_java_would_put_its_key(connect: Connect, topology: Topology, settings: Settings) -> None:
    client = connect()
    sent = [client.send(event(number)) for number in range(12)]
    for place in sent:
        assert place.address.partition == partition_of(place.id.encode(), PARTITIONS)
    assert {place.address.partition for place in sent} == {0, 1, 2}
    found = {address_of(message): message.value() for message in last(settings, topology.name("events"), 12)}
    assert json.loads(found[sent[3].address] or b"") == event(3)


def test_label_lies_in_the_partition_of_its_event(connect: Connect) -> None:
    client = connect()
    for number in range(6):
        place = client.send(event(number)).address
        label = client.label(f"t{number}", True).address
        assert label.partition == place.partition
        assert label.topic != place.topic
        assert client.unavailable(f"t{number}", reason="lost").address.partition == place.partition


def test_both_clients_put_a_key_in_the_same_partition(connect: Connect) -> None:
    one, other = connect("sync"), connect("async")
    for number in range(8):
        assert one.send(event(number)).address.partition == other.send(event(number)).address.partition


def test_many_events_arrive_in_order(connect: Connect, topology: Topology, settings: Settings) -> None:
    assert connect().send_many([event(number) for number in range(3000)]) == 3000
    seen: dict[int, list[int]] = {}
    with Tail(settings, topology.name("events"), "earliest") as tail:
        for message in tail.to_end():
            number = int(json.loads(message.value() or b"")["trip"][1:])
            seen.setdefault(message.partition() or 0, []).append(number)
    assert sum(map(len, seen.values())) == 3000
    assert all(numbers == sorted(numbers) for numbers in seen.values())


def test_many_events_stop_at_the_first_that_is_none(connect: Connect, topology: Topology, settings: Settings) -> None:
    with pytest.raises(BadRecord, match="not_finite"):
        connect().send_many([event(0), event(1), event(2, math.nan), event(3)])
    assert len(last(settings, topology.name("events"), 10)) == 2


@pytest.mark.usefixtures("answering")
def test_prediction_of_an_event_is_waited_for(connect: Connect) -> None:
    client = connect()
    for number in range(5):
        answer = client.predict(event(number, distance=float(number)), timeout_s=20)
        assert answer.id == f"t{number}"
        assert answer.score == number / 100


@pytest.mark.usefixtures("answering")
def test_async_client_asks_many_questions_at_once(topology: Topology, settings: Settings) -> None:
    async def ask() -> list[Prediction | BaseException]:
        async with AsyncClient(topology.pipeline, settings, id="trip") as client:
            events = [event(number, distance=float(number - 2)) for number in range(12)]
            questions = (client.predict(asked, timeout_s=30) for asked in events)
            return await asyncio.gather(*questions, return_exceptions=True)

    answers = asyncio.run(ask())
    assert [isinstance(answer, BadRecord) for answer in answers] == [True, True] + [False] * 10
    assert [answer.id for answer in answers if isinstance(answer, Prediction)] == [f"t{n}" for n in range(2, 12)]


@pytest.mark.usefixtures("answering")
def test_rejected_event_is_told_at_once_with_the_reason(connect: Connect) -> None:
    with pytest.raises(BadRecord, match="it is negative"):
        connect().predict(event(1, distance=-1.0), timeout_s=60)


def test_event_without_an_answer_is_given_up_with_a_hint(connect: Connect) -> None:
    with pytest.raises(Unavailable, match=r"no prediction of 't1'.*headrace run"):
        connect().predict(event(1), timeout_s=0.5)


@pytest.mark.usefixtures("answering")
def test_predictions_are_read_from_the_beginning_to_the_end(connect: Connect) -> None:
    client = connect()
    for number in range(4):
        client.predict(event(number), timeout_s=20)
    read = list(client.predictions("earliest", follow=False, timeout_s=None))
    assert sorted(prediction.id for prediction in read) == ["t0", "t1", "t2", "t3"]
    assert list(client.predictions("latest", follow=False, timeout_s=None)) == []
    assert list(client.predictions("latest", follow=True, timeout_s=0.3)) == []


def test_health_is_the_latest_report(connect: Connect, topology: Topology, settings: Settings) -> None:
    client = connect()
    assert client.health() is None
    producer = Producer({"bootstrap.servers": settings.bootstrap})
    for position in (10, 20):
        labels = LabelHealth(known=position, corrected=0, expired=0)
        report = Health(position=position, time=NOW, window=100, models=[], labels=labels)
        producer.produce(topology.name("health"), encode(report))
    assert producer.flush(20) == 0
    health = client.health()
    assert health is not None
    assert health.position == 20


def test_profile_tells_a_field_over_time_with_its_quantiles(
    connect: Connect, topology: Topology, settings: Settings
) -> None:
    client = connect()
    assert client.profile() == {}
    producer = Producer({"bootstrap.servers": settings.bootstrap})
    for number in range(4):
        times: dict[str, Any] = dict.fromkeys(("start", "until", "received"), NOW + timedelta(hours=number))
        fields = summarise({"distance": [100.0 * number + value for value in range(101)]}, {})
        profile = Profile(partition=0, first=number, end=number + 1, events=101, fields=fields, **times)
        producer.produce(topology.name("examples"), encode(profile), f"profile-{number}".encode())
    assert producer.flush(20) == 0
    first, second = client.profile("distance", rows=2)["distance"]
    assert (first.start, second.events) == (NOW, 202)
    assert first.p50 == pytest.approx(100, rel=0.02)
    assert second.p99 == pytest.approx(398, rel=0.02)
    with pytest.raises(UserError, match="there is no field 'distances'; did you mean 'distance'"):
        client.profile("distances")


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_pipeline_without_topics_is_a_mistake(settings: Settings, kind: str) -> None:
    async def enter() -> None:
        async with AsyncClient("nosuch", settings, id="trip"):
            pass

    with pytest.raises(UserError, match=r"nosuch\.events.*headrace apply"):
        if kind == "sync":
            Client("nosuch", settings, id="trip")
        else:
            asyncio.run(enter())


def test_absent_broker_is_told_with_its_address() -> None:
    with pytest.raises(BrokerUnavailable, match=r"127\.0\.0\.1:1"):
        Client("trips", load(bootstrap="127.0.0.1:1"), id="trip")


def test_name_that_headrace_does_not_have_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Clyent"):
        _ = headrace.Clyent
