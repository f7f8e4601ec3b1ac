"""What receivers of alerts are sent: Alertmanager's webhook payload, and a text for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from schemas.alerts import Alert

#: Labels whose alerts make one message.
GROUP_BY = ("alertname", "pipeline")

#: Severities, the worst first.
SEVERITIES = ("critical", "warning", "info")

#: Alerts in one message at most; the payload says how many are left out.
ALERTS_MAX = 100

#: How Go writes a time that is none.
_NEVER = "0001-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Group:
    """Alerts that are told of together.

    Parameters
    ----------
    labels
        What they have in common, by :data:`GROUP_BY`.
    alerts
        Those that have changed, and those of the same group that fire.
    traceparent
        The trace of the newest of those that have changed; empty if it has none.
    """

    labels: dict[str, str]
    alerts: tuple[Alert, ...]
    traceparent: str = ""

    @property
    def status(self) -> str:
        """``firing`` as long as one of them does."""
        return "firing" if any(alert.status == "firing" for alert in self.alerts) else "resolved"


def groups(alerts: Iterable[Alert]) -> list[Group]:
    """Alerts put together by :data:`GROUP_BY`."""
    found: dict[tuple[str, ...], list[Alert]] = {}
    for alert in alerts:
        found.setdefault(group_of(alert), []).append(alert)
    return [Group(dict(zip(GROUP_BY, values, strict=True)), tuple(members)) for values, members in found.items()]


def group_of(alert: Alert) -> tuple[str, ...]:
    """The group that an alert belongs to."""
    return tuple(alert.labels.get(name, "") for name in GROUP_BY)


def wanted(alert: Alert, severity: str) -> bool:
    """Whether an alert is at least as severe."""
    order = SEVERITIES.index
    return order(alert.severity if alert.severity in SEVERITIES else "critical") <= order(severity)


def webhook(group: Group, receiver: str, external_url: str) -> dict[str, Any]:
    """The payload of Alertmanager's webhook, version 4.

    Source
    ------
    https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
    """
    key = ", ".join(f'{name}="{value}"' for name, value in sorted(group.labels.items()))
    told = group.alerts[:ALERTS_MAX]
    return {
        "version": "4",
        "groupKey": f"{{}}:{{{key}}}",
        "truncatedAlerts": len(group.alerts) - len(told),
        "status": group.status,
        "receiver": receiver,
        "groupLabels": group.labels,
        "commonLabels": _common([alert.labels for alert in group.alerts]),
        "commonAnnotations": _common([alert.annotations for alert in group.alerts]),
        "externalURL": external_url,
        "alerts": [
            {
                "status": alert.status,
                "labels": alert.labels,
                "annotations": alert.annotations,
                "startsAt": _time(alert.starts_at),
                "endsAt": _time(alert.ends_at),
                "generatorURL": external_url,
                "fingerprint": alert.fingerprint,
            }
            for alert in told
        ],
    }


def title(group: Group) -> str:
    """One line for a person."""
    firing = sum(alert.status == "firing" for alert in group.alerts)
    state = f"FIRING:{firing}" if firing else "RESOLVED"
    return f"[{state}] {group.labels['alertname']} ({group.labels['pipeline']})"


def text(group: Group) -> str:
    """What there is to say, for a person."""
    lines = []
    for alert in group.alerts[:ALERTS_MAX]:
        notes = alert.annotations
        lines.append(f"{alert.status} ({alert.severity}): {notes.get('summary', alert.name)}")
        lines += [notes["description"]] if "description" in notes else []
        since = f"since {_time(alert.starts_at)}"
        lines.append(since if alert.ends_at is None else f"{since}, until {_time(alert.ends_at)}")
        if alert.status == "firing" and "action" in notes:
            lines.append(f"What to do: {notes['action']}")
        lines.append(f"headrace alerts show {alert.labels['pipeline']} {alert.fingerprint}")
    return "\n".join(lines)


def worst(group: Group) -> str:
    """The worst severity of those that fire; ``resolved`` if none does."""
    firing = [alert.severity for alert in group.alerts if alert.status == "firing"]
    return min(firing, key=lambda one: SEVERITIES.index(one) if one in SEVERITIES else 0, default="resolved")


def _common(all_: Sequence[dict[str, str]]) -> dict[str, str]:
    first, *rest = all_
    return {name: value for name, value in first.items() if all(other.get(name) == value for other in rest)}


def _time(time: datetime | None) -> str:
    return _NEVER if time is None else time.astimezone(UTC).isoformat().replace("+00:00", "Z")
