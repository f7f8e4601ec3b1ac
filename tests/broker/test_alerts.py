"""Alerts on a real broker: they come from what happens, outlive their leader, and people can answer them."""

from __future__ import annotations

import asyncio
import json
import pickle
import random
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import msgspec
import pytest
from confluent_kafka import Producer

from agents.line import LIBRARIES
from headrace import AsyncClient, Client
from headrace.cli import main
from models.alerts import Alerting
from models.drift import DriftMonitor
from models.health import Monitor
from schemas.alerts import Alert
from schemas.codec import decode, decoder, encode
from schemas.commands import Command, Matcher
from schemas.examples import Notice
from schemas.values import Record, at_millisecond
from streams.checkpoints import SLOTS, Checkpoints
from tests.broker.conftest import Deploy
from tests.broker.deployment import NUMBERS_ONLY, Deployment
from tests.broker.inbox import Inbox
from tests.broker.post import Post, alert
from tests.broker.traffic import START_S

SMALL_PROFILES = "profile_events=64"


class Feed:
    """Events of which some are no JSON, in event time."""

    def __init__(self, deployment: Deployment, seed: int = 7) -> None:
        self.deployment = deployment
        self.events = 0
        self._random = random.Random(seed)

    def send(self, count: int, bad: float = 0.0) -> None:
        for _ in range(count):
            self.events += 1
            id = f"{self.events:06}"
            value = json.dumps(
                {"id": id, "at": START_S + self.events, "a": self._random.gauss(0, 1), "b": 0.5, "word": ""}
            ).encode()
            self.deployment.send("events", id, b"no json" if self._random.random() < bad else value)
        self.deployment.flush()

    def until(self, name: str, status: str, bad: float) -> Alert:
        """Go on sending until an alert is so."""
        found: list[Alert] = []

        def holds() -> bool:
            self.send(200, bad)
            found[:] = [one for one in states(self.deployment) if (one.name, one.status) == (name, status)]
            return bool(found)

        self.deployment.wait_until(holds, f"{name} {status}")
        return found[0]


def written(deployment: Deployment) -> list[Alert]:
    return [decode(Alert, record.value or b"") for record in deployment.read("alerts")]


def states(deployment: Deployment) -> list[Alert]:
    with Client(deployment.pipeline, deployment.settings) as client:
        return client.alerts()


def state(deployment: Deployment, name: str = "RejectsAboveRate") -> Alert:
    return next(one for one in states(deployment) if one.name == name)


def rejected(inbox: Inbox, status: str) -> bool:
    return any(one["labels"]["alertname"] == "RejectsAboveRate" for one in inbox.alerts(status))


def asked(deployment: Deployment) -> list[Notice]:
    """What people asked for, as it stands in the log."""
    return [record for record in deployment.log() if isinstance(record, Notice) and record.command]


def folded(deployment: Deployment) -> list[Alert]:
    """The alerts that follow from the log alone."""
    monitor, drift = Monitor(deployment.pipeline), DriftMonitor(deployment.pipeline)
    alerting = Alerting(deployment.pipeline)
    alerts = []
    read = decoder("examples")
    for record in deployment.read("examples"):
        entry = read(record.value or b"")
        said: list[Record] = [*drift.fold(record.offset, entry)]
        if report := monitor.fold(record.offset, entry):
            said.append(report)
        alerts += alerting.fold(record.offset, entry, said)
    return alerts


@pytest.fixture
def small(deploy: Deploy) -> Deployment:
    return deploy(more=SMALL_PROFILES)


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    inbox = Inbox()
    yield inbox
    inbox.close()


def headrace(deployment: Deployment, *arguments: str) -> int:
    return main(
        ["alerts", arguments[0], str(deployment.file), *arguments[1:], "--bootstrap", deployment.settings.bootstrap]
    )


def test_bad_events_page_somebody_once_though_the_leader_dies(small: Deployment, inbox: Inbox) -> None:
    environment = {"HEADRACE_ALERTS_WEBHOOKS": f"pager={inbox.url}", "HEADRACE_LOG_LEVEL": "DEBUG"}
    worker = small.start(**environment)
    feed = Feed(small)
    fired = feed.until("RejectsAboveRate", "firing", bad=0.3)
    small.wait_until(lambda: rejected(inbox, "firing"), "a message")
    worker.kill()
    feed.send(500, bad=0.3)
    worker = small.start(**environment)
    over = feed.until("RejectsAboveRate", "resolved", bad=0.0)
    small.wait_until(lambda: rejected(inbox, "resolved"), "the end of it")
    assert worker.stop() == 0
    assert over.starts_at == fired.starts_at
    assert "$ not_json" in fired.annotations["description"]
    told_of = [(one["labels"]["alertname"], one["status"]) for one in inbox.alerts()]
    assert [told_of.count(("RejectsAboveRate", status)) for status in ("firing", "resolved")] == [1, 1]
    told = written(small)
    assert folded(small)[: len(told)] == told
    assert not any("s3cret" in one.said for one in small.workers)


def test_people_can_look_at_alerts_take_them_up_and_silence_them(
    small: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    worker = small.start()
    feed = Feed(small)
    assert headrace(small, "ls") == 0
    assert "no alert yet" in capsys.readouterr().out
    fired = feed.until("RejectsAboveRate", "firing", bad=0.3)

    assert headrace(small, "ack", fired.fingerprint[:6], "--by", "ada", "--reason", "on it") == 0
    assert "taken up by ada" in capsys.readouterr().out
    small.wait_until(lambda: state(small).acknowledged_by == "ada", "the acknowledgement")

    arguments = ("alertname=Rejects*", "severity!=critical", "--for", "2h", "--reason", "known", "--json")
    assert headrace(small, "silence", *arguments) == 0
    notice = json.loads(capsys.readouterr().out)
    assert (notice["kind"], notice["action"]) == ("notice", "silenced")
    small.wait_until(lambda: state(small).silenced_by == [notice["command"]], "the silence")
    assert headrace(small, "show", fired.fingerprint) == 0
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("RejectsAboveRate", notice["command"], "$ not_json"))

    assert headrace(small, "unsilence", notice["command"]) == 0
    small.wait_until(lambda: state(small).silenced_by == [], "the end of the silence")
    assert headrace(small, "ls", "--firing", "--json") == 0
    listed = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert fired.fingerprint in [one["fingerprint"] for one in listed]
    assert worker.stop() == 0
    told = written(small)
    assert folded(small)[: len(told)] == told
    notices = asked(small)
    assert [one.action for one in notices] == ["acknowledged", "silenced", "unsilenced"]
    assert notices[1].matchers == [
        Matcher(name="alertname", value="Rejects*"),
        Matcher(name="severity", value="critical", equal=False),
    ]


def test_what_a_report_of_quiet_made_fire_is_told_once_though_the_leader_dies(deploy: Deploy) -> None:
    slow = deploy(
        before=NUMBERS_ONLY + "from headrace import Objective",
        more="profile_events=8, health_window=8, objective=Objective('latency_p50_ms', at_most=1e-6)",
    )
    feed = Feed(slow)

    def reports() -> int:
        return len(list(slow.read("health")))

    def quiet(wanted: int) -> None:
        for _ in range(wanted):
            before = reports()
            feed.send(100)
            slow.wait_until(lambda before=before: reports() > before, "a report after the events")  # type: ignore[misc]

    worker = slow.start(HEADRACE_CHECKPOINT_EVERY_S="1000")
    quiet(2)
    slow.wait_until(lambda: bool(written(slow)), "the alert")
    worker.kill()
    worker = slow.start()
    quiet(3)
    assert worker.stop() == 0

    told = written(slow)
    assert [(one.name, one.status) for one in told] == [("ObjectiveBroken", "firing")]
    assert folded(slow) == told


def test_command_that_is_wrong_is_rejected_with_its_reason(
    small: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    worker = small.start()
    Feed(small).send(50)
    small.wait_until(lambda: len(small.predictions()) == 50, "predictions")
    unknown: dict[str, Any] = {"by": "ada", "reason": "", "time": at_millisecond(0)}
    small.send("commands", "x", b"nonsense", 0)
    small.send("commands", "y", encode(Command(id="y", action="acknowledge", target="0" * 16, **unknown)), 0)
    small.flush()
    small.wait_until(lambda: len(small.rejects()) == 2, "the rejects")
    assert [(one.reason, one.field, one.source.topic, one.source.offset) for one in small.rejects()] == [
        ("not_json", "$", small.topology.name("commands"), 0),
        ("command", "$.target", small.topology.name("commands"), 1),
    ]
    assert headrace(small, "unsilence", "silence-0") == 2
    assert "no silence 'silence-0'" in capsys.readouterr().err
    assert worker.stop() == 0
    # Each was answered once.
    worker = small.start()
    Feed(small, 8).send(50)
    small.wait_until(lambda: small.processed() == 100, "the second worker")
    assert worker.stop() == 0
    assert len(small.rejects()) == 3


def test_command_waits_for_a_leader(small: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("alertname=*", "--for", "1h", "--reason", "night")
    assert headrace(small, "silence", *arguments, "--no-wait") == 0
    assert "waits for a leader" in capsys.readouterr().out
    small.start()
    small.wait_until(lambda: bool(asked(small)), "the notice")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("show", "abc"), "there is no alert 'abc'"),
        (("ack", "abc"), "there is no alert 'abc'"),
        (("silence", "nonsense", "--for", "2h", "--reason", "x"), "name=value"),
        (("silence", "a=b", "--for", "2 hours", "--reason", "x"), "no duration"),
        (("test",), "HEADRACE_ALERTS_WEBHOOKS"),
    ],
)
def test_mistake_is_told_and_ends_with_two(
    deployment: Deployment,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    says: str,
) -> None:
    monkeypatch.setenv("HEADRACE_BOOTSTRAP", deployment.settings.bootstrap)
    assert main(["alerts", arguments[0], str(deployment.file), *arguments[1:]]) == 2
    assert says in capsys.readouterr().err


def test_test_tells_what_each_receiver_answered(
    deployment: Deployment, inbox: Inbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = Inbox(lambda _: 403)
    monkeypatch.setenv("HEADRACE_ALERTS_WEBHOOKS", f"good={inbox.url} closed[critical]={closed.url}")
    assert main(["alerts", "test", str(deployment.file), "--json"]) == 1
    closed.close()
    good, bad = json.loads(capsys.readouterr().out)
    assert good == {"receiver": "good", "delivered": True, "answer": "HTTP 200"}
    assert (bad["receiver"], bad["delivered"]) == ("closed", False)
    assert "403" in bad["answer"]
    assert inbox.messages[0]["alerts"][0]["labels"]["alertname"] == "Test"
    monkeypatch.setenv("HEADRACE_ALERTS_WEBHOOKS", inbox.url)
    assert main(["alerts", "test", str(deployment.file)]) == 0


def test_checkpoint_from_before_there_were_alerts_still_loads(small: Deployment) -> None:
    worker = small.start()
    feed = Feed(small)
    shelf = Checkpoints(small.settings, small.topology, {name: version(name) for name in LIBRARIES})

    def written_down() -> bool:
        feed.send(100)
        return shelf.newest(bytes) is not None

    small.wait_until(written_down, "a checkpoint")
    assert worker.stop() == 0
    newest = shelf.newest(pickle.loads)
    assert newest is not None
    manifest, state = newest
    del state["alerting"]
    producer = Producer({"bootstrap.servers": small.settings.bootstrap})
    for slot in SLOTS:
        for record in shelf.write(slot, manifest.position, pickle.dumps(state), at_millisecond(0)):
            producer.produce(small.topology.name("models"), record.value, record.key, 0)
    assert producer.flush(30) == 0
    worker = small.start()
    feed.until("RejectsAboveRate", "firing", bad=0.5)
    assert worker.stop() == 0
    assert "refused" not in worker.said


def test_both_clients_tell_of_the_newest_state_of_each_alert(deployment: Deployment) -> None:
    first = alert("Drift", "warning")
    again = msgspec.structs.replace(first, acknowledged_by="ada")
    worse, over = alert("FeedBroken", "critical"), alert("Promoted", "info", status="resolved")
    post = Post(deployment)
    post.write(first, over, again, worse)
    newest, streamed = asyncio.run(read(deployment))
    assert newest == states(deployment) == [worse, again, over]
    assert streamed == [first, over, again, worse]
    with Client(deployment.topology.pipeline, deployment.settings) as client:
        assert list(client.alerts_stream("earliest", follow=False)) == streamed


async def read(deployment: Deployment) -> tuple[list[Alert], list[Alert]]:
    async with AsyncClient(deployment.pipeline, deployment.settings) as client:
        streamed = [one async for one in client.alerts_stream("earliest", follow=False)]
        return await client.alerts(), streamed
