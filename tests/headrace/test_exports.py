"""What is exported for operators is what Prometheus' own tools accept, and names only metrics that a worker has."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from river import linear_model
from ruamel.yaml import YAML

from agents.line import Line
from agents.metrics import registry
from headrace.cli import main
from headrace.exports.dashboards import dashboards
from headrace.exports.rules import ALERTS, RECORDS
from headrace.exports.targets import INHIBITED, ROUTES
from headrace.exports.yaml import written
from models.pipeline import Field, Label, Pipeline
from streams.settings import load
from streams.source import Source
from streams.topology import Topology

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
HERE = Path(__file__).parent

#: How docker-compose.yml's files are made.
COMMANDS = {
    "prometheus": ["--dns", "worker:9464", "--alertmanager", "alertmanager:9093"],
    "alertmanager": [],
    "grafana": ["--prometheus", "http://prometheus:9090", "--dashboards-at", "/etc/grafana/dashboards"],
}


def tool(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run one of Prometheus' own tools."""
    if shutil.which(name) is None:
        package = {"promtool": "prometheus", "amtool": "prometheus-alertmanager"}[name]
        pytest.skip(f"{name} is not installed: apt-get install {package}")
    return subprocess.run([name, *arguments], capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> CollectorRegistry:
    """What a worker tells; no broker is there, so nothing of lags."""
    pipeline = Pipeline(
        name="told",
        problem="binary",
        fields=[Field("a")],
        label=Label(timeout="1h"),
        models={"m": linear_model.LogisticRegression()},
        champion="m",
    )
    settings = load(data=tmp_path_factory.mktemp("data"), bootstrap="127.0.0.1:1")
    topology = Topology(pipeline.name, pipeline.partitions)
    line = Line(pipeline, settings, topology)
    return registry(line, Source(settings, topology, "one", line), "one")


@pytest.fixture(scope="module")
def names(told: CollectorRegistry) -> set[str]:
    """Every name that a query may use."""
    found: set[str] = set()
    for metric in told.collect():
        ends = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(metric.type, ("",))
        found |= {metric.name + end for end in ends}
    return found


def queries() -> list[tuple[str, str]]:
    """Every expression that is exported, and where it stands."""
    found = [(name, expr) for name, expr in RECORDS.items()]
    found += [(rule["alert"], rule["expr"]) for rule in ALERTS]
    for name, made in dashboards().items():
        for panel in made["panels"]:
            found += [(f"{name}: {panel['title']}", target["expr"]) for target in panel["targets"]]
    return found


@pytest.mark.parametrize(("where", "expr"), queries())
def test_every_query_names_only_what_a_worker_tells(where: str, expr: str, names: set[str]) -> None:
    used = set(re.findall(r"\b(?:headrace|process)_\w+", expr))
    recorded = set(re.findall(r"\bheadrace:[\w:]+", expr))

    assert used | recorded | set(re.findall(r"\bup\b", expr)), "it asks for nothing of ours"
    assert used <= names
    assert recorded <= set(RECORDS)


def test_a_name_that_no_worker_tells_would_be_found(names: set[str]) -> None:
    assert not {"headrace_events", "headrace_event_total", "headrace_stage_seconds"} & names


def test_every_recorded_name_is_asked_for() -> None:
    asked = " ".join(expr for where, expr in queries() if where not in RECORDS)
    asked += " ".join(RECORDS.values())

    assert [name for name in RECORDS if name not in asked] == []


@pytest.mark.parametrize("name", dashboards())
def test_panels_of_a_dashboard_do_not_overlap(name: str) -> None:
    cells: set[tuple[int, int]] = set()
    for panel in dashboards()[name]["panels"]:
        place = panel["gridPos"]
        own = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not own & cells, panel["title"]
        cells |= own


def test_dashboards_have_names_and_numbers_of_their_own() -> None:
    made = dashboards().values()

    assert len({each["uid"] for each in made}) == len(made)
    for each in made:
        numbers = [panel["id"] for panel in each["panels"]]
        assert len(set(numbers)) == len(numbers)


def test_promtool_accepts_the_rules_and_the_configuration(tmp_path: Path) -> None:
    assert main(["export", "prometheus", str(tmp_path)]) == 0

    result = tool("promtool", "check", "config", tmp_path / "prometheus.yml")

    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{len(RECORDS) + len(ALERTS)} rules found" in result.stdout


def test_the_rules_do_what_they_are_for(tmp_path: Path) -> None:
    assert main(["export", "prometheus", str(tmp_path)]) == 0
    tests = shutil.copy(HERE / "headrace.rules.test.yml", tmp_path)

    result = tool("promtool", "test", "rules", tests)

    assert result.returncode == 0, result.stdout + result.stderr


def test_a_rule_that_does_something_else_is_found(tmp_path: Path) -> None:
    assert main(["export", "prometheus", str(tmp_path)]) == 0
    rules = tmp_path / "headrace.rules.yml"
    rules.write_text(rules.read_text().replace("> 0.05", "> 0.5"))
    tests = shutil.copy(HERE / "headrace.rules.test.yml", tmp_path)

    assert tool("promtool", "test", "rules", tests).returncode != 0


def test_amtool_accepts_the_configuration(tmp_path: Path) -> None:
    assert main(["export", "alertmanager", str(tmp_path)]) == 0

    result = tool("amtool", "check-config", tmp_path / "alertmanager.yml")

    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{len(INHIBITED)} inhibit rules" in result.stdout


@pytest.mark.parametrize(("severity", "receiver"), [(severity, receiver) for severity, receiver, _, _ in ROUTES])
def test_alerts_go_where_their_severity_says(severity: str, receiver: str, tmp_path: Path) -> None:
    assert main(["export", "alertmanager", str(tmp_path)]) == 0

    file = f"--config.file={tmp_path / 'alertmanager.yml'}"
    result = tool("amtool", "config", "routes", "test", file, f"severity={severity}", "alertname=HeadraceX")

    assert result.stdout.strip() == receiver, result.stderr


def test_every_severity_has_a_route_and_inhibition_names_alerts_that_exist() -> None:
    alerts = {rule["alert"] for rule in ALERTS}
    severities = {rule["labels"]["severity"] for rule in ALERTS if not rule["labels"]["severity"].startswith("{{")}

    assert severities <= {severity for severity, _, _, _ in ROUTES}
    assert {f"Headrace{name}" for pair in INHIBITED for side in pair for name in side} <= alerts


def test_workers_and_webhook_are_those_that_were_given(tmp_path: Path) -> None:
    assert main(["export", "prometheus", str(tmp_path), "--target", "a:1", "--target", "b:2", "--dns", "w:3"]) == 0
    assert main(["export", "alertmanager", str(tmp_path), "--webhook", "https://example.com/hook?a=1#b"]) == 0

    configured: dict[str, Any] = YAML(typ="safe").load(tmp_path / "prometheus.yml")
    (job,) = configured["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["a:1", "b:2"]}]
    assert job["dns_sd_configs"][0] | {"names": ["w"], "port": 3} == job["dns_sd_configs"][0]
    receivers = YAML(typ="safe").load(tmp_path / "alertmanager.yml")["receivers"]
    assert {each["webhook_configs"][0]["url"] for each in receivers} == {"https://example.com/hook?a=1#b"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["prometheus", "--target", "worker"], "host:port"),
        (["prometheus", "--dns", "worker:99999"], "host:port"),
        (["alertmanager", "--webhook", "example.com"], "http://"),
    ],
)
def test_a_mistake_is_said(
    arguments: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(["export", *arguments]) == 2
    assert says in capsys.readouterr().err


def test_a_folder_that_is_a_file_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "taken").write_text("")

    assert main(["export", "grafana", str(tmp_path / "taken")]) == 2
    assert "can't be written" in capsys.readouterr().err


@pytest.mark.parametrize("kind", COMMANDS)
def test_the_files_of_compose_are_what_is_exported(kind: str, tmp_path: Path) -> None:
    """Run `make exports` where this fails."""
    assert main(["export", kind, str(tmp_path), *COMMANDS[kind]]) == 0

    exported = {path.relative_to(tmp_path): path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    kept = {path.relative_to(DEPLOY / kind): path.read_text() for path in (DEPLOY / kind).rglob("*") if path.is_file()}
    assert exported == kept


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, 2.5, True, None, "yes", "5m", "", "a: b", 'say "it"', "it's", "# no", "é\n"]},
        {"empty": [], "none": {}, "deep": {"list": [{"a": 1, "b": [{"c": "d"}]}, "plain"]}},
        {"{{ $labels.x }}": "{{ $value }}", "1": "1e3", "- x": "~"},
    ],
)
def test_yaml_is_read_as_it_was_meant(value: Any) -> None:
    assert YAML(typ="safe").load(written(value, "one\ntwo")) == value


@pytest.mark.parametrize("name", dashboards())
def test_a_dashboard_is_json_that_grafana_finds(name: str, tmp_path: Path) -> None:
    assert main(["export", "grafana", str(tmp_path)]) == 0

    provider = YAML(typ="safe").load(tmp_path / "provisioning/dashboards/headrace.yml")["providers"][0]
    file = Path(provider["options"]["path"]) / f"headrace-{name}.json"
    assert json.loads(file.read_text()) == dashboards()[name]
