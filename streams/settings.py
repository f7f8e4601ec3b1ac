"""Settings of this process, from the environment (``HEADRACE_...``)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, FilePath, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from schemas.errors import SettingsError


def _data_folder() -> Path:
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "headrace"


class Settings(BaseSettings):
    """What a process needs to know about its surroundings; each field is ``HEADRACE_<NAME>``.

    The pipeline file says what is computed; these say where and within which bounds.
    """

    model_config = SettingsConfigDict(env_prefix="HEADRACE_", frozen=True, extra="ignore")

    bootstrap: str = Field("127.0.0.1:9092", description="Kafka brokers, host:port, separated by commas")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="how to talk to the brokers"
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="how to log in, with a SASL protocol"
    )
    sasl_username: str = Field("", description="user, with a SASL protocol")
    sasl_password: SecretStr = Field(SecretStr(""), description="password, with a SASL protocol")
    ssl_ca_location: FilePath | None = Field(None, description="file of the certificate authority, PEM")
    ssl_certificate_location: FilePath | None = Field(None, description="file of this client's certificate, PEM")
    ssl_key_location: FilePath | None = Field(None, description="file of this client's private key, PEM")
    ssl_key_password: SecretStr = Field(SecretStr(""), description="password of that private key")

    data: Path = Field(default_factory=_data_folder, description="folder for what must outlive a process")
    checkpoint_key: SecretStr = Field(
        SecretStr(""),
        description="secret that signs checkpoints, the same for all workers; empty: a random one is kept in data",
    )
    worker: str = Field("", description="name of this worker, the same after a restart; empty: chosen on this host")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="how much to log")
    log_format: Literal["text", "json"] = Field("text", description="one line per message: for people, or as JSON")
    metrics_port: Annotated[int, Field(ge=0, le=65535)] = Field(
        0, description="port of the worker's `/metrics` for Prometheus; 0: none"
    )
    metrics_host: str = Field(
        "127.0.0.1", description="address that it listens on; others than this machine's own open it to a network"
    )

    alerts_webhooks: SecretStr = Field(
        SecretStr(""),
        description="who gets alerts in Alertmanager's payload: URL, name=URL or name[critical]=URL, blanks between",
    )
    alerts_webhook_tokens: SecretStr = Field(
        SecretStr(""), description="bearer tokens of those webhooks: name=token, blanks between"
    )
    alerts_apprise: SecretStr = Field(
        SecretStr(""), description="who gets alerts by apprise: its URLs, written in the same way"
    )
    alerts_repeat_s: Annotated[float, Field(gt=0)] = Field(
        14_400.0, description="seconds after which an alert that still fires and nobody took up is told again"
    )
    external_url: str = Field("", description="address of a page about the pipeline, for links in alerts")
    tracing: bool = Field(
        False, description="tell OpenTelemetry how events with a `traceparent` went; needs the extra `tracing`"
    )

    batch_records_max: Annotated[int, Field(ge=1)] = Field(4000, description="records in one transaction at most")
    batch_ms_max: Annotated[int, Field(ge=1)] = Field(100, description="milliseconds a transaction gathers at most")
    session_timeout_ms: Annotated[int, Field(ge=1000)] = Field(
        10_000, description="milliseconds without a heartbeat until a worker's partitions go to others"
    )
    transaction_timeout_ms: Annotated[int, Field(ge=1000)] = Field(
        10_000, description="milliseconds until the broker aborts the transaction of a worker that hangs"
    )
    checkpoint_every_s: Annotated[float, Field(gt=0)] = Field(5.0, description="seconds between checkpoints at least")
    stall_s_max: Annotated[float, Field(gt=0)] = Field(
        60.0, description="seconds without progress, while work waits, until a worker ends itself"
    )


def load(**overrides: Any) -> Settings:
    """Read the settings; arguments win over the environment, ``None`` counts as not given.

    Raises
    ------
    SettingsError
        With one line per wrong setting.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        lines = [
            f"HEADRACE_{str(part['loc'][0]).upper()}: {part['msg']}, got {part['input']!r}"
            for part in error.errors(include_url=False)
        ]
        raise SettingsError("\n".join(lines)) from None
