"""A cluster that asks for a log-in and for certificates: every client that the project makes gets in, or says why not."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from headrace import AsyncClient, Client
from headrace.files import load_pipeline
from streams import broker as embedded
from streams.broker_settings import LOOPBACK, server_properties
from streams.settings import Settings, load
from tests.broker.deployment import FILE, NUMBERS_ONLY, PATIENCE_S

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl: apt-get install openssl")

USER, PASSWORD = "headrace", "to the mill"

Run = Callable[..., subprocess.CompletedProcess[str]]


def certificates(folder: Path) -> None:
    """An authority of our own, and what it has signed for the broker and for a client: all as PEM files."""

    def openssl(*arguments: str) -> None:
        done = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    days = ("-days", "2", "-noenc")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=mill", *days)
    (folder / "names.ext").write_text(f"subjectAltName=IP:{LOOPBACK},DNS:localhost\n")
    for name in ("broker", "client"):
        openssl(
            "req",
            "-newkey",
            "rsa:2048",
            "-noenc",
            "-keyout",
            f"{name}.key",
            "-out",
            f"{name}.csr",
            "-subj",
            f"/CN={name}",
        )
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names.ext")
        openssl("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", *signed)
    (folder / "keystore.pem").write_text((folder / "broker.key").read_text() + (folder / "broker.pem").read_text())


def secured(folder: Path, port: int, plain: str) -> str:
    """Settings of a node with one more listener, which asks for a password and for a certificate."""
    listeners = next(line for line in plain.splitlines() if line.startswith("listeners="))
    advertised = next(line for line in plain.splitlines() if line.startswith("advertised.listeners="))
    log_in = f'org.apache.kafka.common.security.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
    more = {
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURED:SASL_SSL",
        "inter.broker.listener.name": "PLAINTEXT",
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.secured.plain.sasl.jaas.config": log_in,
        "listener.name.secured.ssl.client.auth": "required",
        "listener.name.secured.ssl.keystore.type": "PEM",
        "listener.name.secured.ssl.keystore.location": folder / "keystore.pem",
        "listener.name.secured.ssl.truststore.type": "PEM",
        "listener.name.secured.ssl.truststore.location": folder / "ca.pem",
    }
    here = f",SECURED://{LOOPBACK}:{port}"
    return "\n".join(
        [plain, listeners + here, advertised + here, *(f"{name}={value}" for name, value in more.items()), ""]
    )


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What a user sets who has been given a log-in and a certificate."""
    folder = tmp_path_factory.mktemp("secured")
    certificates(folder)
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port = probe.getsockname()[1]
    plain = server_properties
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedded, "server_properties", lambda *given: secured(folder, port, plain(*given)))
        patch.delenv("HEADRACE_BOOTSTRAP", raising=False)
        running = embedded.start()
    with running:
        yield {
            "HEADRACE_BOOTSTRAP": f"{LOOPBACK}:{port}",
            "HEADRACE_DATA": str(folder / "data"),
            "HEADRACE_SECURITY_PROTOCOL": "SASL_SSL",
            "HEADRACE_SASL_MECHANISM": "PLAIN",
            "HEADRACE_SASL_USERNAME": USER,
            "HEADRACE_SASL_PASSWORD": PASSWORD,
            "HEADRACE_SSL_CA_LOCATION": str(folder / "ca.pem"),
            "HEADRACE_SSL_CERTIFICATE_LOCATION": str(folder / "client.pem"),
            "HEADRACE_SSL_KEY_LOCATION": str(folder / "client.key"),
        }


@pytest.fixture
def file(tmp_path: Path) -> Path:
    written = tmp_path / "pipeline.py"
    written.write_text(FILE.format(name="secured", before=NUMBERS_ONLY, prepare="numbers", partitions=2, more=""))
    return written


@pytest.fixture
def settings(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return load()


@pytest.fixture
def command(settings: Settings) -> Run:
    assert settings.security_protocol == "SASL_SSL"

    def run(*arguments: str, text: str = "", **changed: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(Path(sys.executable).with_name("headrace")), *arguments],
            input=text,
            capture_output=True,
            text=True,
            env=os.environ | changed,
            timeout=PATIENCE_S,
            check=False,
        )

    return run


def event(number: int) -> dict[str, object]:
    return {"id": f"e{number}", "at": 1000.0 + number, "a": number / 100, "b": 1.0, "word": "x"}


def test_every_client_gets_in(settings: Settings, command: Run, file: Path, tmp_path: Path) -> None:
    assert command("apply", str(file)).returncode == 0
    with (tmp_path / "worker.log").open("wb") as log:
        headrace = str(Path(sys.executable).with_name("headrace"))
        worker = subprocess.Popen([headrace, "run", str(file)], stdout=log, stderr=subprocess.STDOUT)
    try:
        pipeline = load_pipeline(file)
        with Client(pipeline, settings) as client:
            assert client.predict(event(1), timeout_s=PATIENCE_S).id == "e1"
            client.label("e1", True)

        async def ask() -> str:
            async with AsyncClient(pipeline, settings) as client:
                return (await client.predict(event(2), timeout_s=PATIENCE_S)).id

        assert asyncio.run(ask()) == "e2"
        sent = command("send", str(file), "-", text=json.dumps(event(3)))
        assert sent.returncode == 0, sent.stderr
        told = command("status", str(file), "--json")
        assert told.returncode == 0, told.stderr
        looked = command("doctor", str(file), "--json")
        assert not [each for each in json.loads(looked.stdout)["findings"] if each["verdict"] == "fault"]
    finally:
        worker.terminate()
        worker.wait(PATIENCE_S)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("HEADRACE_SASL_PASSWORD", "to the hill", "HEADRACE_SASL_MECHANISM, _USERNAME and _PASSWORD"),
        ("HEADRACE_SECURITY_PROTOCOL", "PLAINTEXT", "HEADRACE_SECURITY_PROTOCOL must be what the broker expects"),
        ("HEADRACE_SSL_CA_LOCATION", "/nowhere.pem", "HEADRACE_SSL_CA_LOCATION"),
    ],
)
def test_who_is_not_let_in_is_told_what_decides(command: Run, file: Path, name: str, value: str, told: str) -> None:
    refused = command("apply", str(file), **{name: value})
    assert refused.returncode != 0
    assert told in " ".join(refused.stderr.split())
    assert "Traceback" not in refused.stderr
    assert PASSWORD not in refused.stderr
