"""The configuration files of Prometheus and of Alertmanager."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headrace.exports.rules import INTERVAL, JOB

#: Alerts that say where the trouble is, to those that follow from it.
INHIBITED: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("Stalled", "NoLeader"), ("LagGrows", "LatencyHigh", "CheckpointOld", "FollowerBehind", "NotServing")),
    (("ChampionFailed",), ("RejectsHigh",)),
)

#: By severity: its receiver, how long alerts are gathered, and how often one that stays is told again.
ROUTES: tuple[tuple[str, str, str, str], ...] = (
    ("critical", "page", "10s", "1h"),
    ("warning", "ticket", "1m", "12h"),
    ("info", "note", "5m", "24h"),
)

#: Where the messages go until an operator says where: nobody listens there.
WEBHOOK = "http://127.0.0.1:9095/"


def prometheus(targets: Sequence[str], names: Sequence[str], alertmanagers: Sequence[str]) -> dict[str, Any]:
    """``prometheus.yml``.

    Parameters
    ----------
    targets
        Workers, host:port.
    names
        Names that stand for several workers in the DNS, name:port.
    alertmanagers
        host:port.
    """
    found: dict[str, Any] = {"job_name": JOB}
    if targets:
        found["static_configs"] = [{"targets": list(targets)}]
    if names:
        found["dns_sd_configs"] = [
            {"names": [name], "type": "A", "port": int(port), "refresh_interval": INTERVAL}
            for name, _, port in (each.rpartition(":") for each in names)
        ]
    return {
        "global": {"scrape_interval": INTERVAL, "evaluation_interval": INTERVAL},
        "rule_files": ["headrace.rules.yml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": list(alertmanagers)}]}]},
        "scrape_configs": [found],
    }


def alertmanager(webhook: str) -> dict[str, Any]:
    """``alertmanager.yml``.

    Parameters
    ----------
    webhook
        Address that is sent Alertmanager's messages.
    """
    routes = [
        {"matchers": [f'severity="{severity}"'], "receiver": receiver, "group_wait": wait, "repeat_interval": again}
        for severity, receiver, wait, again in ROUTES
    ]
    return {
        "route": {
            "receiver": "ticket",
            "group_by": ["pipeline", "alertname"],
            "group_wait": "30s",
            "group_interval": "5m",
            "repeat_interval": "12h",
            "routes": routes,
        },
        "inhibit_rules": [
            {
                "source_matchers": [f'alertname=~"{_any(sources)}"'],
                "target_matchers": [f'alertname=~"{_any(targets)}"'],
                "equal": ["pipeline"],
            }
            for sources, targets in INHIBITED
        ],
        "receivers": [
            {"name": receiver, "webhook_configs": [{"url": webhook, "send_resolved": True}]}
            for _, receiver, _, _ in ROUTES
        ],
    }


def _any(names: Sequence[str]) -> str:
    return "|".join(f"Headrace{name}" for name in names)
