"""The commands on the real broker: what they do, what they print, with which code they end."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from headrace.cli import main
from schemas.codec import encode
from schemas.rejects import Reject, to_headers
from schemas.values import Address
from streams.broker import Broker

NAME_IN_FILE = 'name="orders"'


class Shell:
    """The command line against one broker and one pipeline of its own."""

    def __init__(self, file: Path, name: str, capfd: pytest.CaptureFixture[str]) -> None:
        self.file = file
        self.name = name
        self.error = ""
        self._capfd = capfd

    def run(self, *arguments: str, code: int = 0) -> str:
        """What a command prints."""
        self._capfd.readouterr()
        ended = main(list(arguments))
        shown = self._capfd.readouterr()
        self.error = shown.err
        assert ended == code, shown
        return shown.out

    def json(self, *arguments: str, code: int = 0) -> Any:
        """What a command prints as JSON, one value per line."""
        lines = [json.loads(line) for line in self.run(*arguments, "--json", code=code).splitlines()]
        return lines[0] if len(lines) == 1 else lines


@pytest.fixture
def shell(broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Shell:
    monkeypatch.setenv("HEADRACE_BOOTSTRAP", broker.bootstrap)
    monkeypatch.setenv("HEADRACE_DATA", str(tmp_path))
    assert main(["init", str(tmp_path)]) == 0
    file, name = tmp_path / "pipeline.py", f"orders-{uuid.uuid4().hex[:8]}"
    file.write_text(file.read_text().replace(NAME_IN_FILE, f'name="{name}"'))
    return Shell(file, name, capfd)


@pytest.fixture
def applied(shell: Shell) -> Shell:
    shell.run("apply", str(shell.file))
    return shell


def order(id: str) -> dict[str, Any]:
    return {"order_id": id, "ordered_at": "2026-05-01T00:00:00Z", "amount": 1.5, "items": 1, "country": "de"}


def test_plan_is_shown_then_done_then_found_right(shell: Shell) -> None:
    file = str(shell.file)
    planned = shell.json("apply", file, "--dry-run")
    assert (planned["done"], {step["action"] for step in planned["steps"]}) == (False, {"create"})
    assert shell.json("apply", file, "--dry-run")["steps"] == planned["steps"], "a dry run changes nothing"
    assert "13 of 13 topics done" in shell.run("apply", file)
    assert "nothing to do" in shell.run("apply", file)


def test_refused_partition_count_ends_with_code_2(applied: Shell) -> None:
    applied.file.write_text(applied.file.read_text().replace("partitions=4", "partitions=8"))
    out = applied.run("apply", str(applied.file), code=2)
    assert "has 4 partitions and the pipeline asks for 8" in re.sub(r"\s+", " ", out)
    assert "Nothing was changed" in out
    assert applied.json("apply", str(applied.file), code=2)["refused"]


def test_worker_does_not_start_without_topics(shell: Shell) -> None:
    shell.run("run", str(shell.file), code=2)
    assert f"{shell.name}.events" in shell.error
    assert "headrace apply" in shell.error


def test_sent_events_are_shown_by_tail_in_order(applied: Shell) -> None:
    for id in ("a", "b", "c"):
        assert applied.json("send", str(applied.file), json.dumps(order(id)))["id"] == id
    shown = applied.json("tail", applied.name, "events", "-n", "2")
    assert [record["value"]["order_id"] for record in shown] == ["b", "c"]
    assert [record["key"] for record in shown] == ["b", "c"]
    assert len(applied.json("tail", applied.name, "events", "--from", "earliest")) == 3
    assert applied.run("tail", "events", applied.name, "--from", "latest") == "", "either order of the words"


def test_events_of_a_file_are_sent_line_by_line(applied: Shell, tmp_path: Path) -> None:
    lines = tmp_path / "orders.ndjson"
    lines.write_text("\n".join(json.dumps(order(str(number))) for number in range(20)) + "\n\n")
    assert applied.json("send", str(applied.file), str(lines)) == {"sent": 20}


@pytest.mark.parametrize("bad", ['{"order_id": 1', "[]", '{"amount": 1}', '{"order_id": NaN}'])
def test_bad_line_is_told_with_its_number(applied: Shell, tmp_path: Path, bad: str) -> None:
    lines = tmp_path / "orders.ndjson"
    lines.write_text(json.dumps(order("a")) + "\n" + bad + "\n")
    applied.run("send", str(applied.file), str(lines), code=2)
    assert f"{lines}, line 2: " in applied.error
    assert len([applied.json("tail", applied.name, "events")]) == 1


def test_label_is_checked_and_sent(applied: Shell) -> None:
    sent = applied.json("label", str(applied.file), "a", "true", "--time", "2026-05-02T00:00:00Z")
    assert sent["address"]["topic"] == f"{applied.name}.feedback"
    (record,) = [applied.json("tail", applied.name, "feedback")]
    assert record["value"] == {"id": "a", "label": True, "time": "2026-05-02T00:00:00Z"}
    applied.run("label", str(applied.file), "a", "perhaps", code=2)
    assert "expected a bool, got 'perhaps'" in applied.error


def test_prediction_without_a_worker_is_given_up(applied: Shell) -> None:
    applied.run("predict", str(applied.file), json.dumps(order("a")), "--timeout", "0.3", code=1)
    assert "headrace run" in applied.error


def test_reject_is_shown_with_address_and_reason(applied: Shell, broker: Broker) -> None:
    source = Address(topic=f"{applied.name}.events", partition=2, offset=9)
    reject = Reject(source=source, reason="range", field="$.amount", detail="too\x1b[2Jsmall", stage="features")
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    producer.produce(f"{applied.name}.rejects", b"\xff\x00", "a", headers=dict(to_headers(reject)))
    assert producer.flush(20) == 0
    line = applied.run("tail", applied.name, "rejects")
    assert "range at $.amount" in line
    assert f"{applied.name}.events[2]@9" in line
    assert "\x1b" not in line
    assert applied.json("tail", applied.name, "rejects")["reject"] == json.loads(encode(reject))


def test_status_of_a_pipeline_that_nobody_serves(applied: Shell) -> None:
    applied.run("send", str(applied.file), json.dumps(order("a")))
    status = applied.json("status", applied.name)
    assert (status["lag"], status["workers"], status["served"], status["health"]) == (1, [], None, None)
    assert len(status["inputs"]) == 8
    assert "1 records wait" in applied.run("status", applied.name)


def test_status_of_a_pipeline_without_topics_is_a_mistake(shell: Shell) -> None:
    shell.run("status", shell.name, code=2)
    assert "headrace apply" in shell.error


def findings(shell: Shell, code: int = 0) -> dict[str, dict[str, str]]:
    answer = shell.json("doctor", str(shell.file), code=code)
    assert answer["well"] == (code == 0)
    return {finding["check"]: finding for finding in answer["findings"]}


def test_doctor_finds_a_fresh_pipeline_well(applied: Shell) -> None:
    found = findings(applied)
    assert all(finding["verdict"] == "ok" for finding in found.values()), found
    assert {"broker", "topics", "co-partitioning", "offsets", "lag", "clock", "disk", "faust", "file"} <= set(found)


def test_doctor_finds_missing_topics(shell: Shell) -> None:
    assert "headrace apply" in findings(shell, code=2)["topics"]["way_out"]


def test_doctor_names_librdkafkas_default_as_the_cause_of_misplaced_labels(applied: Shell, broker: Broker) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    for number in range(40):
        producer.produce(f"{applied.name}.feedback", b'{"id": "x", "label": true}', f"UA{number}")
    assert producer.flush(20) == 0
    found = findings(applied, code=2)
    assert found["partitioner of feedback"]["verdict"] == "fault"
    assert "CRC32" in found["partitioner of feedback"]["detail"]
    assert "murmur2_random" in found["partitioner of feedback"]["way_out"]
    assert found["partitioner of events"]["verdict"] == "ok"
    assert found["lag"]["verdict"] == "warning", "records wait and nobody works"


def test_doctor_finds_events_and_feedback_apart(shell: Shell, broker: Broker) -> None:
    client = AdminClient({"bootstrap.servers": broker.bootstrap})
    for answer in client.create_topics([NewTopic(f"{shell.name}.feedback", 2, 1)]).values():
        answer.result()
    shell.file.write_text(shell.file.read_text().replace("partitions=4", "partitions=2"))
    shell.run("apply", str(shell.file))
    shell.file.write_text(shell.file.read_text().replace("partitions=2", "partitions=3"))
    found = findings(shell, code=2)
    assert found["topics"]["verdict"] == "fault"
    assert found["co-partitioning"]["verdict"] == "ok"


def test_tail_follows_until_interrupted(applied: Shell) -> None:
    command = [sys.executable, "-m", "headrace.cli", "tail", applied.name, "events", "--follow", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as tail:
        assert tail.stdout is not None
        assert tail.stderr is not None
        # Sent again and again until it is seen: nothing else tells that the other process listens by now.
        os.set_blocking(tail.stdout.fileno(), False)
        line = b""
        for number in range(100):
            applied.run("send", str(applied.file), json.dumps(order(str(number))))
            line += tail.stdout.read() or b""
            if b"\n" in line:
                break
        tail.send_signal(signal.SIGINT)
        assert tail.wait(20) == 0
        assert tail.stderr.read() == b""
    assert json.loads(line.splitlines()[0])["value"]["country"] == "de"


def test_broker_command_runs_until_interrupted() -> None:
    command = [sys.executable, "-m", "headrace.cli", "broker", "--port", "0", "--json"]
    environment = {name: value for name, value in os.environ.items() if name != "HEADRACE_BOOTSTRAP"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as running:
        assert running.stdout is not None
        told = json.loads(running.stdout.readline())
        assert main(["apply", "--help"]) == 0
        running.send_signal(signal.SIGINT)
        assert running.wait(30) == 0
    assert told["bootstrap"].startswith("127.0.0.1:")
    assert not Path(told["data"]).exists(), "what is not asked to be kept is thrown away"
