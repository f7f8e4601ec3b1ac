"""People are told of alerts: at least once, by webhook or apprise, and what nobody takes is not lost."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import jsonschema
import msgspec
import pytest
from pydantic import SecretStr

from agents.receivers import receivers
from schemas.alerts import Alert
from schemas.codec import encode
from schemas.errors import SettingsError
from streams.settings import Settings
from tests.broker.conftest import Deploy
from tests.broker.deployment import PATIENCE_S, Deployment
from tests.broker.inbox import Inbox
from tests.broker.post import START, Post, alert

#: The payload as Alertmanager documents it.
PAYLOAD = {
    "type": "object",
    "required": [
        "version",
        "groupKey",
        "truncatedAlerts",
        "status",
        "receiver",
        "groupLabels",
        "commonLabels",
        "commonAnnotations",
        "externalURL",
        "alerts",
    ],
    "properties": {
        "version": {"const": "4"},
        "groupKey": {"type": "string"},
        "truncatedAlerts": {"type": "integer"},
        "status": {"enum": ["firing", "resolved"]},
        "receiver": {"type": "string"},
        "groupLabels": {"$ref": "#/$defs/texts"},
        "commonLabels": {"$ref": "#/$defs/texts"},
        "commonAnnotations": {"$ref": "#/$defs/texts"},
        "externalURL": {"type": "string"},
        "alerts": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": [
                    "status",
                    "labels",
                    "annotations",
                    "startsAt",
                    "endsAt",
                    "generatorURL",
                    "fingerprint",
                ],
                "properties": {
                    "status": {"enum": ["firing", "resolved"]},
                    "labels": {"$ref": "#/$defs/texts"},
                    "annotations": {"$ref": "#/$defs/texts"},
                    "startsAt": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"},
                    "endsAt": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"},
                    "generatorURL": {"type": "string"},
                    "fingerprint": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
                },
            },
        },
    },
    "$defs": {"texts": {"type": "object", "additionalProperties": {"type": "string"}}},
}


def resolved(one: Alert) -> Alert:
    return msgspec.structs.replace(one, status="resolved", ends_at=START)


@pytest.fixture
def post(deployment: Deployment) -> Iterator[Post]:
    post = Post(deployment)
    yield post
    post.stop()


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    inbox = Inbox()
    yield inbox
    inbox.close()


def wait(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)


def names(inbox: Inbox) -> list[str]:
    return [f"{one['labels']['alertname']} {one['status']}" for one in inbox.alerts()]


def test_webhook_gets_alertmanagers_payload(post: Post, inbox: Inbox) -> None:
    post.deliver(
        alerts_webhooks=f"pager={inbox.url}", alerts_webhook_tokens="pager=t0ken", external_url="http://grafana.example"
    )
    one = alert(labels={"cause": "concept"})
    post.write(one)
    wait(lambda: len(inbox.messages) == 1)
    (message,) = inbox.messages
    jsonschema.Draft202012Validator(PAYLOAD).validate(message)
    assert message["receiver"] == "pager"
    assert message["groupLabels"] == {"alertname": "Drift", "pipeline": "p"}
    assert message["commonLabels"] == one.labels
    assert message["externalURL"] == "http://grafana.example"
    assert message["alerts"][0]["fingerprint"] == one.fingerprint
    assert message["alerts"][0]["endsAt"] == "0001-01-01T00:00:00Z"
    assert inbox.headers[0]["Authorization"] == "Bearer t0ken"
    post.write(resolved(one))
    wait(lambda: len(inbox.messages) == 2)
    jsonschema.Draft202012Validator(PAYLOAD).validate(inbox.messages[1])
    assert (inbox.messages[1]["status"], inbox.messages[1]["alerts"][0]["endsAt"]) == (
        "resolved",
        "2026-05-01T00:00:00Z",
    )


def test_alerts_of_one_kind_come_in_one_message_and_others_in_another(post: Post, inbox: Inbox) -> None:
    post.write(alert(labels={"cause": "concept"}), alert(labels={"cause": "prior"}), alert("FeedBroken"))
    post.deliver(alerts_webhooks=inbox.url)
    wait(lambda: len(inbox.messages) == 2)
    assert sorted(len(message["alerts"]) for message in inbox.messages) == [1, 2]


def test_nobody_is_told_of_what_is_not_worth_it(post: Post, inbox: Inbox) -> None:
    quiet = alert("Silenced", tell=False, silenced_by=["s"])
    seen = alert("Acknowledged", tell=False, acknowledged_by="ada")
    post.deliver(alerts_webhooks=inbox.url)
    post.write(quiet, seen, alert("Last"))
    wait(lambda: "Last firing" in names(inbox))
    assert names(inbox) == ["Last firing"]


def test_receiver_hears_only_of_what_is_bad_enough_for_it(post: Post, inbox: Inbox) -> None:
    other = Inbox()
    post.write(alert("Bad", "critical"), alert("Medium", "warning"), alert("News", "info"))
    post.deliver(alerts_webhooks=f"pager[critical]={inbox.url} chat[warning]={other.url}")
    wait(lambda: len(other.messages) == 2 and len(inbox.messages) == 1)
    other.close()
    assert names(inbox) == ["Bad firing"]
    assert sorted(names(other)) == ["Bad firing", "Medium firing"]


def test_message_is_tried_again_until_it_is_taken(post: Post) -> None:
    busy = Inbox(lambda number: 503 if number < 3 else 200)
    post.deliver(alerts_webhooks=busy.url)
    post.write(alert())
    wait(lambda: len(busy.messages) == 4)
    post.stop()
    busy.close()
    assert post.deployment.rejects() == []


@pytest.mark.parametrize(("status", "tries", "reason"), [(503, 5, "HTTP 503, tried 5 times"), (410, 1, "HTTP 410")])
def test_refused_alert_is_rejected_without_secret(
    deploy: Deploy, caplog: pytest.LogCaptureFixture, status: int, tries: int, reason: str
) -> None:
    caplog.set_level(logging.DEBUG)
    deployment = deploy()
    post, closed, good = Post(deployment), Inbox(lambda _: status), Inbox()
    post.deliver(alerts_webhooks=f"pager={closed.url} chat={good.url}", alerts_webhook_tokens="pager=t0ken")
    one = alert()
    post.write(one)
    wait(lambda: len(deployment.rejects()) == 1)
    post.stop()
    closed.close()
    good.close()
    assert (len(closed.messages), len(good.messages)) == (tries, 1)
    assert "Authorization" in closed.headers[0]
    assert "Authorization" not in good.headers[0]
    (reject,) = deployment.rejects()
    assert (reject.reason, reject.stage) == ("delivery", "delivery")
    assert reject.detail == f"receiver 'pager': {reason}"
    (record,) = deployment.read("rejects")
    assert (record.key, record.value) == (one.fingerprint.encode(), encode(one))
    told = repr(record) + caplog.text
    assert "s3cret" not in told
    assert "t0ken" not in told


def test_receiver_that_is_not_there_does_not_keep_another_waiting_for_ever(post: Post, inbox: Inbox) -> None:
    post.deliver(alerts_webhooks=f"gone=http://127.0.0.1:1/s3cret chat={inbox.url}")
    post.write(alert())
    wait(lambda: len(inbox.messages) == 1)
    wait(lambda: len(post.deployment.rejects()) == 1)
    assert post.deployment.rejects()[0].detail == "receiver 'gone': no connection, tried 5 times"


def test_whoever_goes_on_tells_only_what_is_new(post: Post, inbox: Inbox) -> None:
    post.deliver(alerts_webhooks=inbox.url)
    first = alert("First")
    post.write(first)
    wait(lambda: len(inbox.messages) == 1)
    # The commit comes after the answer.
    time.sleep(0.5)
    post.stop()
    post.write(alert("Second"), resolved(first))
    post.deliver(alerts_webhooks=inbox.url)
    wait(lambda: len(inbox.messages) == 3)
    assert sorted(names(inbox)[1:]) == ["First resolved", "Second firing"]


def test_what_was_sent_and_not_committed_is_sent_again(post: Post) -> None:
    asked = threading.Event()

    def answer(number: int) -> int:
        asked.set()
        return 503 if number == 0 else 200

    inbox = Inbox(answer)
    post.deliver(backoff_s=60.0, alerts_webhooks=inbox.url)
    post.write(alert())
    assert asked.wait(PATIENCE_S)
    post.stop()
    post.deliver(alerts_webhooks=inbox.url)
    wait(lambda: len(inbox.messages) == 2)
    inbox.close()


def test_who_begins_late_tells_what_fires_and_not_what_is_long_over(post: Post, inbox: Inbox) -> None:
    over = alert("Over")
    taken = alert("Taken")
    post.write(over, resolved(over), alert("Still"), taken)
    post.write(msgspec.structs.replace(taken, tell=False, acknowledged_by="ada"))
    post.deliver(alerts_webhooks=inbox.url)
    wait(lambda: len(inbox.messages) == 1)
    post.write(alert("Next"))
    wait(lambda: len(inbox.messages) == 2)
    assert names(inbox) == ["Still firing", "Next firing"]


def test_alert_that_nobody_took_up_is_told_again(post: Post, inbox: Inbox) -> None:
    post.deliver(alerts_webhooks=inbox.url, alerts_repeat_s=1.0)
    one, taken = alert("Open"), alert("Taken")
    post.write(one, taken, msgspec.structs.replace(taken, tell=False, acknowledged_by="ada"))
    wait(lambda: names(inbox).count("Open firing") >= 3)
    assert names(inbox).count("Taken firing") <= 1


def test_only_one_of_two_deliverers_tells(post: Post, inbox: Inbox) -> None:
    post.deliver(alerts_webhooks=inbox.url)
    post.deliver(alerts_webhooks=inbox.url)
    post.write(alert("First"))
    wait(lambda: len(inbox.messages) >= 1)
    time.sleep(0.5)
    post.write(alert("Second"))
    wait(lambda: "Second firing" in names(inbox))
    post.stop()
    assert names(inbox).count("Second firing") == 1


def test_record_that_is_no_alert_stops_nobody(post: Post, inbox: Inbox) -> None:
    post.deliver(alerts_webhooks=inbox.url)
    post.put("x", b"\xff\xfe")
    post.put("y", None)
    post.write(alert())
    wait(lambda: len(inbox.messages) == 1)


def test_apprise_tells_any_service_it_knows(post: Post, inbox: Inbox) -> None:
    post.deliver(alerts_apprise=f"chat=json://{inbox.address}/s3cret")
    post.write(alert())
    wait(lambda: len(inbox.messages) == 1)
    (message,) = inbox.messages
    assert message["title"] == "[FIRING:1] Drift (p)"
    assert "Drift happened" in message["message"]
    assert message["type"] == "failure"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"alerts_webhooks": "pager=s3cret"}, "entry 1 is no address"),
        ({"alerts_webhooks": "http://a/ ftp://s3cret/"}, "entry 2 is no http"),
        ({"alerts_webhooks": "pager[loud]=http://s3cret/"}, "severity 'loud'"),
        ({"alerts_webhooks": "a=http://s3cret/ a=http://s3cret/"}, "a is named twice"),
        ({"alerts_webhooks": "http://a/", "alerts_webhook_tokens": "s3cret"}, "these are webhook-1"),
        ({"alerts_apprise": "chat=nonsense://s3cret"}, "no service for the address of 'chat'"),
    ],
)
def test_address_that_is_wrong_is_told_by_number_or_name_and_never_shown(changes: dict[str, str], says: str) -> None:
    settings = Settings().model_copy(update={name: SecretStr(value) for name, value in changes.items()})
    with pytest.raises(SettingsError) as caught:
        receivers(settings)
    assert says in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_receivers_show_no_secret_of_theirs() -> None:
    settings = Settings(alerts_webhooks=SecretStr("a=http://h/s3cret"), alerts_webhook_tokens=SecretStr("a=t0ken"))
    assert "s3cret" not in repr(settings) + repr(receivers(settings))
    assert "t0ken" not in repr(settings) + repr(receivers(settings))


def test_worker_does_not_start_with_a_receiver_that_is_none(deployment: Deployment) -> None:
    worker = deployment.start(HEADRACE_ALERTS_WEBHOOKS="pager=s3cret")
    assert worker.ended() == 2
    assert "entry 1 is no address" in worker.said
    assert "s3cret" not in worker.said


def test_command_delivers_apart_from_the_workers_until_it_is_told_to_end(post: Post, inbox: Inbox) -> None:
    deployment = post.deployment
    process = subprocess.Popen(
        [sys.executable, "-m", "headrace.cli", "alerts", "deliver", str(deployment.file)],
        env=os.environ | deployment.environment | {"HEADRACE_ALERTS_WEBHOOKS": inbox.url},
    )
    try:
        post.write(alert())
        wait(lambda: len(inbox.messages) == 1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait(10)
