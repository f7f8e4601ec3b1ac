"""The topic ``alerts``, whoever writes to it, and whoever delivers from it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import Producer
from pydantic import SecretStr

from agents.delivery import Delivery
from agents.receivers import receivers
from models.fingerprints import fingerprint
from schemas.alerts import Alert
from schemas.codec import encode
from streams.settings import Settings
from tests.broker.deployment import PATIENCE_S, Deployment

START = datetime(2026, 5, 1, tzinfo=UTC)


def alert(name: str = "Drift", severity: str = "critical", **changes: Any) -> Alert:
    labels = {"alertname": name, "pipeline": "p", "severity": severity, **changes.pop("labels", {})}
    settings: dict[str, Any] = {
        "status": "firing",
        "annotations": {"summary": f"{name} happened"},
        "starts_at": START,
        "tell": True,
    }
    return Alert(labels=labels, fingerprint=fingerprint(labels), **(settings | changes))


class Post:
    """Writes alerts, and lets them be delivered."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self._producer = Producer({"bootstrap.servers": deployment.settings.bootstrap})
        self._running: list[tuple[Delivery, threading.Thread]] = []

    def write(self, *alerts: Alert) -> None:
        for one in alerts:
            self.put(one.fingerprint, encode(one))
        self.flush()

    def put(self, key: str, value: bytes | None) -> None:
        self._producer.produce(self.deployment.topology.name("alerts"), value, key.encode(), 0)

    def flush(self) -> None:
        assert self._producer.flush(PATIENCE_S) == 0

    def settings(self, **changes: Any) -> Settings:
        secrets = ("alerts_webhooks", "alerts_webhook_tokens", "alerts_apprise")
        hidden = {name: SecretStr(value) if name in secrets else value for name, value in changes.items()}
        return self.deployment.settings.model_copy(update={"session_timeout_ms": 6000, **hidden})

    def deliver(self, backoff_s: float = 0.05, **changes: Any) -> None:
        settings = self.settings(**changes)
        delivery = Delivery(settings, self.deployment.topology, receivers(settings), backoff_s)
        self._running.append((delivery, delivery.start()))

    def stop(self) -> None:
        for delivery, thread in self._running:
            delivery.stop()
            thread.join(30)
            assert not thread.is_alive()
        self._running = []
