"""docker-compose.yml is valid, agrees with itself, and starts what the project has."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from streams import settings
from streams.broker_jars import KAFKA_VERSION
from streams.broker_settings import Ports, server_properties

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "docker-compose.yml"
COMPOSE: dict[str, Any] = YAML(typ="safe").load(FILE)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
HEADRACE = ("apply", "worker", "demo")

# Names and places, and what an image that runs for weeks has no use for.
ELSEWHERE = {
    "advertised.listeners",
    "broker.heartbeat.interval.ms",
    "broker.session.timeout.ms",
    "controller.quorum.voters",
    "listeners",
    "log.cleaner.dedupe.buffer.size",
    "log.dirs",
    "metric.reporters",
    "num.io.threads",
    "num.network.threads",
}


def validate(file: Path) -> subprocess.CompletedProcess[str]:
    """Check a file against the schema of the Compose specification, which the checker brings along."""
    return subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def plain(text: str) -> str:
    """Give what Compose makes of a value when none of the variables in it is set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def waits() -> list[tuple[str, str, str]]:
    """Who waits for whom, and for what."""
    return [
        (name, other, how["condition"])
        for name, service in SERVICES.items()
        for other, how in service.get("depends_on", {}).items()
    ]


def test_it_is_valid() -> None:
    result = validate(FILE)

    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("condition: service_healthy", "condition: service_happy"),
        ("restart: ", "restrat: "),
        ("[demo]", "[1]"),
    ],
)
def test_a_mistake_in_it_is_found(tmp_path: Path, right: str, wrong: str) -> None:
    text = FILE.read_text(encoding="utf-8")
    assert right in text
    broken = tmp_path / "docker-compose.yml"
    broken.write_text(text.replace(right, wrong), encoding="utf-8")

    assert validate(broken).returncode == 1


@pytest.mark.parametrize(("name", "other", "condition"), waits())
def test_what_a_service_waits_for_can_happen(name: str, other: str, condition: str) -> None:
    awaited = SERVICES[other]
    match condition:
        case "service_healthy":
            assert "healthcheck" in awaited
        case "service_completed_successfully":
            assert awaited["restart"] == "no"
        case _:
            pytest.fail(f"{name} should wait until {other} is ready, not for {condition}")
    # A service of a profile is not there when the profile is not asked for.
    assert set(awaited.get("profiles", [])) <= set(SERVICES[name].get("profiles", []))


def test_nobody_starts_before_kafka_answers() -> None:
    assert {name for name, other, how in waits() if (other, how) == ("kafka", "service_healthy")} == set(HEADRACE)


def test_the_worker_starts_when_its_topics_are_there() -> None:
    assert ("worker", "apply", "service_completed_successfully") in waits()


def test_images_are_pinned() -> None:
    bases = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    images = [service["image"] for service in SERVICES.values() if "image" in service]

    assert bases
    assert images
    for image in [*bases, *images]:
        assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+[\w.-]*", image), image


def test_kafka_is_the_one_that_is_embedded() -> None:
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"


def test_kafka_has_the_settings_of_the_embedded_one(tmp_path: Path) -> None:
    lines = server_properties(1, {1: Ports(9092, 9093)}, tmp_path).splitlines()
    embedded = dict(line.split("=", 1) for line in lines)
    # The image makes a setting's name of a variable's like this.
    composed = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in SERVICES["kafka"]["environment"].items()
    }

    assert {name for name, value in embedded.items() if composed.get(name) != value} <= ELSEWHERE


def test_everything_is_reached_from_this_machine_only() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]

    assert len(published) > 1
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_prometheus_looks_where_the_worker_tells() -> None:
    configured = YAML(typ="safe").load(ROOT / "deploy/prometheus/prometheus.yml")
    (names,) = configured["scrape_configs"][0]["dns_sd_configs"]

    assert names["names"] == ["worker"]
    assert names["port"] == int(SERVICES["worker"]["environment"]["HEADRACE_METRICS_PORT"])
    assert SERVICES["worker"]["environment"]["HEADRACE_METRICS_HOST"] == "0.0.0.0"


def test_what_is_mounted_into_the_services_is_there() -> None:
    for service in SERVICES.values():
        for volume in service["volumes"]:
            source = plain(volume).split(":")[0]
            if source.startswith("."):
                assert (ROOT / source).exists(), volume


@pytest.mark.parametrize("webhook", ["", "https://example.com/hook?a=1&b=2|3#\\\\x", "http://127.0.0.1:1/"])
def test_alerts_go_to_the_webhook_of_the_environment(webhook: str, tmp_path: Path) -> None:
    (command,) = SERVICES["alertmanager"]["command"]
    written = tmp_path / "alertmanager.yml"
    script = (
        command.replace("$$", "$")
        .replace("/etc/alertmanager", str(ROOT / "deploy/alertmanager"))
        .replace("/tmp/alertmanager.yml", str(written))
        .replace("exec /bin/alertmanager", "true")
    )
    entrypoint = [*SERVICES["alertmanager"]["entrypoint"], script]

    subprocess.run(entrypoint, env={"ALERTMANAGER_WEBHOOK": webhook, "PATH": "/usr/bin:/bin"}, check=True, timeout=10)

    receivers = re.findall(r'- url: "(.*)"', written.read_text())
    assert receivers and set(receivers) == {webhook or "http://127.0.0.1:9095/"}


@pytest.mark.parametrize("name", HEADRACE)
def test_settings_of_a_service_are_settings_of_headrace(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {key: plain(value) for key, value in SERVICES[name]["environment"].items()}
    for key, value in environment.items():
        monkeypatch.setenv(key, value)

    loaded = settings.load()

    assert {key.removeprefix("HEADRACE_").lower() for key in environment} <= set(type(loaded).model_fields)
    assert f"PLAINTEXT://{loaded.bootstrap}" in SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]


@pytest.mark.parametrize("name", HEADRACE)
def test_the_pipeline_file_is_there(name: str) -> None:
    source, target, _ = plain(SERVICES[name]["volumes"][0]).split(":")

    assert (ROOT / source).is_file()
    assert SERVICES[name]["command"][1:] in ([target], [])


def test_volumes_are_declared() -> None:
    used = {volume.split(":")[0] for service in SERVICES.values() for volume in service["volumes"]}

    assert {volume for volume in used if not volume.startswith(("$", ".", "/"))} == set(COMPOSE["volumes"])


@pytest.mark.parametrize(
    "command",
    sorted({SERVICES[name]["command"][0] for name in HEADRACE} | {SERVICES["worker"]["healthcheck"]["test"][2]}),
)
def test_commands_are_commands_of_headrace(command: str) -> None:
    result = subprocess.run(
        [Path(sys.executable).with_name("headrace"), command, "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert result.returncode == 0, result.stderr


def test_the_image_has_every_package() -> None:
    copied = re.findall(r"^COPY (\w+) \1$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)

    assert set(copied) == {"schemas", "streams", "models", "agents", "headrace"}
