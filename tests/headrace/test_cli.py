"""The command line without a broker: help, exit codes, messages, JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

import headrace
from headrace.cli import COMMANDS, application, main
from headrace.cli.output import printable, table
from schemas.records import RECORDS

NOWHERE = ["--bootstrap", "127.0.0.1:1"]
NETWORKED = {
    "apply": ["pipeline.py"],
    "run": ["pipeline.py"],
    "send": ["orders", '{"order_id": 1}', "--id-field", "order_id"],
    "label": ["orders", "1", "true"],
    "predict": ["orders", '{"order_id": 1}', "--id-field", "order_id"],
    "tail": ["orders", "events"],
    "status": ["orders"],
    "doctor": ["orders"],
}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that `init` writes, in the working directory."""
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(application("init"), ["init"]).exit_code == 0
    return tmp_path / "pipeline.py"


def run(*arguments: str, text: str = "", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The real command, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "headrace.cli", *arguments],
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=cwd,
        check=False,
    )


def test_help_names_every_command() -> None:
    answer = run("--help")
    assert answer.returncode == 0
    assert all(f" {entry.name} " in answer.stdout for entry in COMMANDS)
    assert all(entry.help.split(",")[0] in answer.stdout for entry in COMMANDS)


def test_help_loads_neither_kafka_nor_machine_learning() -> None:
    code = (
        "import sys; from headrace.cli import main; main(['--help']); "
        "heavy = {'river', 'numpy', 'pandas', 'faust', 'confluent_kafka', 'aiokafka', 'pydantic'}; "
        "sys.exit(str(heavy & sys.modules.keys()) if heavy & sys.modules.keys() else 0)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr


def test_sending_by_name_loads_no_river() -> None:
    code = "import sys, headrace.cli.send; sys.exit('river' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_version_is_that_of_the_package() -> None:
    assert run("--version").stdout.strip() == headrace.__version__


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda entry: entry.name)
def test_each_command_has_help(entry: Any) -> None:
    answer = CliRunner().invoke(application(entry.name), [entry.name, "--help"])
    assert answer.exit_code == 0, answer.output
    assert entry.help.split(":")[0].split(",")[0] in answer.output


def test_unknown_command_and_option_are_mistakes() -> None:
    assert run("frobnicate").returncode == 2
    assert run("init", "--frobnicate").returncode == 2


def test_written_file_passes_check(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(file)]) == 0
    assert "is right, pipeline orders" in capsys.readouterr().out
    assert main(["check", str(file), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["passed"]
    assert told["mistakes"] == []
    assert all(check["passed"] for check in told["checks"])


def test_file_that_is_there_is_not_overwritten(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("mine")
    assert main(["init"]) == 2
    assert "is left as it is" in capsys.readouterr().err
    assert file.read_text() == "mine"


def test_all_mistakes_of_a_file_are_told_at_once(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = file.read_text()
    file.write_text(text.replace('champion="logistic"', 'champion="logistics"').replace('"14d"', '"soon"'))
    assert main(["check", str(file)]) == 2
    out = capsys.readouterr().out
    assert "logistics" in out
    assert "soon" in out
    assert "2 mistakes" in out
    assert main(["check", str(file), "--json"]) == 2
    assert len(json.loads(capsys.readouterr().out)["mistakes"]) == 2


@pytest.mark.parametrize("name", NETWORKED)
def test_absent_broker_is_one_message_with_two_ways_out(
    file: Path, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    assert main([name, *NETWORKED[name], *NOWHERE]) == 1
    shown = capfd.readouterr()
    text = shown.err if name != "doctor" else shown.out
    assert text.count("no Kafka broker at 127.0.0.1:1") == 1
    assert "headrace broker" in text
    assert "HEADRACE_BOOTSTRAP" in text
    assert "Traceback" not in shown.err
    assert "rdkafka" not in shown.err


@pytest.mark.parametrize("name", sorted(NETWORKED.keys() - {"run", "doctor"}))
def test_failure_with_json_is_json_alone(file: Path, capfd: pytest.CaptureFixture[str], name: str) -> None:
    assert main([name, *NETWORKED[name], *NOWHERE, "--json"]) == 1
    shown = capfd.readouterr()
    assert json.loads(shown.out)["error"]["kind"] == "BrokerUnavailable"
    assert shown.err == ""


def test_doctor_tells_what_it_can_without_a_broker(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "orders", *NOWHERE, "--json"]) == 1
    findings = {finding["check"]: finding for finding in json.loads(capfd.readouterr().out)["findings"]}
    assert findings["broker"]["verdict"] == "fault"
    assert findings["faust"]["verdict"] == "ok"


def test_real_process_ends_with_the_code_of_its_failure(tmp_path: Path) -> None:
    away = run("status", "orders", *NOWHERE)
    assert (away.returncode, away.stdout) == (1, "")
    assert away.stderr.startswith("headrace: no Kafka broker at 127.0.0.1:1")
    assert run("check", "nosuch.py", cwd=tmp_path).returncode == 2


def test_wrong_setting_is_a_mistake(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("HEADRACE_BATCH_MS_MAX", "soon")
    assert main(["status", "orders"]) == 2
    assert "HEADRACE_BATCH_MS_MAX" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["label", "orders", "1"], "one of them is needed"),
        (["label", "orders", "1", "true", "--unavailable"], "not both"),
        (["label", "orders", "1", "true", "--reason", "lost"], "--unavailable"),
    ],
)
def test_label_or_unavailable_but_not_both(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert told in capsys.readouterr().err


def test_broker_with_two_nodes_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["broker", "--nodes", "2"]) == 2
    assert "1 or 3" in capsys.readouterr().err


def test_topic_that_does_not_exist_is_told_with_those_that_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tail", "orders", "forecasts"]) == 2
    error = capsys.readouterr().err
    assert "forecasts" in error
    assert "predictions" in error


def test_asyncapi_of_a_file_has_its_fields(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "asyncapi", str(file)]) == 0
    written = json.loads(capsys.readouterr().out)
    assert written["channels"]["events"]["address"] == "orders.events"
    event = written["components"]["schemas"]["Event"]
    assert event["properties"]["amount"] == {"type": "number", "minimum": 0}
    assert "customer_days" not in event["required"]
    assert {"order_id", "ordered_at"} <= set(event["required"])


def test_asyncapi_needs_no_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "asyncapi", "--json"]) == 0
    written = capsys.readouterr().out
    assert written.count("\n") == 1
    assert json.loads(written)["asyncapi"] == "3.0.0"


def test_schemas_are_written_by_name_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "schemas"]) == 0
    assert json.loads(capsys.readouterr().out).keys() == {entry.name for entry in RECORDS}


def test_text_of_others_reaches_the_terminal_neither_as_markup_nor_as_escape_codes() -> None:
    assert printable("a\x1b[2Jb\n") == "a\\x1b[2Jb\\n"
    console = Console(width=40)
    with console.capture() as captured:
        console.print(table(("name",), [("[red]zz[/red]",)]))
    assert "[red]zz[/red]" in captured.get()


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    main(["doctor", "orders", *NOWHERE])
    assert "\x1b[31m" in capsys.readouterr().out
    monkeypatch.setenv("NO_COLOR", "1")
    main(["doctor", "orders", *NOWHERE])
    assert "\x1b[3" not in capsys.readouterr().out
