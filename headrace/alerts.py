"""Alerts as clients see them: how things stand now, and what a person may ask the leader to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from headrace.asking import new_id
from models.fingerprints import fingerprint
from models.payloads import SEVERITIES
from schemas.alerts import Alert
from schemas.codec import decode
from schemas.commands import Command, Matcher
from schemas.errors import UserError
from streams.settings import Settings
from streams.tail import Tail
from streams.topology import Topology


def current(settings: Settings, topology: Topology) -> list[Alert]:
    """The newest record of each alert: those that fire first, the worst and youngest of them before the others.

    Raises
    ------
    BrokerUnavailable
        If no broker answers.
    UserError
        If the pipeline has no topics there.
    """
    with Tail(settings, topology.name("alerts"), "earliest") as tail:
        return newest(decode(Alert, record.value() or b"") for record in tail.to_end() if record.value() is not None)


def newest(alerts: Iterable[Alert]) -> list[Alert]:
    """The last of each fingerprint, in the order of :func:`current`."""
    return sorted({alert.fingerprint: alert for alert in alerts}.values(), key=_urgency)


def _urgency(alert: Alert) -> tuple[bool, bool, int, float]:
    severity = SEVERITIES.index(alert.severity) if alert.severity in SEVERITIES else 0
    firing = alert.status == "firing"
    return not firing, alert.suppressed, severity if firing else 0, -(alert.ends_at or alert.starts_at).timestamp()


def found(alerts: Iterable[Alert], begins: str) -> Alert:
    """The alert that is meant: the beginning of its fingerprint is enough.

    Raises
    ------
    UserError
        If there is none, or more than one.
    """
    wanted = begins.lower()
    matching = [alert for alert in alerts if wanted and alert.fingerprint.startswith(wanted)]
    if len(matching) == 1:
        return matching[0]
    many = f"{len(matching)} alerts begin with" if matching else "there is no alert"
    raise UserError(f"{many} {begins!r}; `headrace alerts ls` shows them all")


def acknowledge(alert: Alert, by: str, reason: str) -> Command:
    """Somebody has taken an alert up."""
    return Command(id=new_id("ack"), action="acknowledge", target=alert.fingerprint, by=by, reason=reason, time=_now())


def silence(matchers: list[Matcher], span: timedelta, by: str, reason: str) -> Command:
    """Nobody is to be told of the alerts that match, for a while of event time."""
    span_s = span.total_seconds()
    id = new_id("silence")
    return Command(id=id, action="silence", matchers=matchers, span_s=span_s, by=by, reason=reason, time=_now())


def unsilence(id: str, by: str, reason: str) -> Command:
    """A silence is over before its time."""
    return Command(id=new_id("unsilence"), action="unsilence", target=id, by=by, reason=reason, time=_now())


def trial(pipeline: str) -> Alert:
    """An alert that only says that alerts arrive."""
    labels = {"alertname": "Test", "pipeline": pipeline, "severity": "info"}
    notes = {"summary": "This is a test", "description": "Somebody has called `headrace alerts test`."}
    return Alert(status="firing", labels=labels, annotations=notes, starts_at=_now(), fingerprint=fingerprint(labels))


def _now() -> datetime:
    return datetime.now(UTC)
