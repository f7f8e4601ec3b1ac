"""Conditions: every fold's words become alerts of a known kind, with labels that have a bound."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from models.alerts import Alerting
from models.conditions import KINDS, of_drift, of_finding, of_health, of_promotion
from models.findings import KINDS as FINDINGS
from models.findings import Finding
from models.silencing import matcher_of, matches
from schemas.alerts import Alert
from schemas.drift import Cause, Drift, Moved
from schemas.errors import UserError
from schemas.examples import Profile
from schemas.health import Health, LabelHealth, ObjectiveHealth
from schemas.promotions import Promotion
from tests.models.stories import pipeline_for

START = datetime(2026, 5, 1, tzinfo=UTC)


def health(**states: Any) -> Health:
    objectives = [
        ObjectiveHealth(name=name, metric="LogLoss", bound=0.5, state=state, value=0.6, count=900, since=0)
        for name, state in states.items()
    ]
    labels = LabelHealth(known=900, corrected=0, expired=0)
    return Health(position=9, time=START, window=100, models=[], labels=labels, objectives=objectives)


class Reported:
    """An alerting that is told reports, a minute of event time apart."""

    def __init__(self) -> None:
        self.alerting = Alerting(pipeline_for("binary"))
        self.minutes = 0

    def report(self, minutes: int = 1, **states: Any) -> dict[str, str]:
        """What changes: alert and objective to status."""
        self.minutes += minutes
        time = START + timedelta(minutes=self.minutes)
        profile = Profile(partition=0, first=0, end=0, start=time, until=time, received=time, events=0, fields={})
        alerts = self.alerting.fold(self.minutes, profile, [health(**states)])
        return {f"{alert.name} {alert.labels['objective']}": alert.status for alert in alerts}

    @property
    def firing(self) -> set[str]:
        return {alert.name for alert in self.alerting.firing.values()}


def test_objective_fires_after_two_reports_and_is_over_once_it_was_met_for_a_while() -> None:
    log = Reported()
    assert log.report(loss="broken") == {}
    assert log.report(loss="broken") == {"ObjectiveBroken loss": "firing"}
    assert log.report(loss="met") == {}
    assert log.report(loss="met") == {}
    assert log.report(minutes=10, loss="met") == {"ObjectiveBroken loss": "resolved"}


def test_objective_that_gets_worse_is_at_risk_first_and_then_only_broken_is_told() -> None:
    log = Reported()
    log.report(loss="at_risk")
    assert log.report(loss="at_risk") == {"ObjectiveAtRisk loss": "firing"}
    log.report(loss="broken")
    log.report(loss="broken")
    assert log.firing == {"ObjectiveAtRisk", "ObjectiveBroken"}
    risk = next(alert for alert in log.alerting.firing.values() if alert.name == "ObjectiveAtRisk")
    assert risk.inhibited_by
    log.report(minutes=20, loss="broken")
    assert log.firing == {"ObjectiveBroken"}


def test_objective_with_too_few_labels_stays_what_it_was() -> None:
    log = Reported()
    log.report(loss="broken")
    log.report(loss="broken")
    for _ in range(5):
        log.report(minutes=20, loss="not_enough_labels")
    assert log.firing == {"ObjectiveBroken"}


def test_objective_that_is_no_longer_declared_is_over() -> None:
    log = Reported()
    log.report(loss="broken", latency="broken")
    log.report(loss="broken", latency="broken")
    for _ in range(3):
        log.report(minutes=20, latency="broken")
    assert {alert.labels["objective"] for alert in log.alerting.firing.values()} == {"latency"}


def test_health_without_objectives_says_nothing() -> None:
    assert list(of_health(health())) == []


def test_challenger_waits_until_somebody_has_decided() -> None:
    asks = Promotion(
        verdict="promote",
        status="waiting",
        champion="logistic@1",
        challenger="tree@2",
        position=1,
        time=START,
        examples=900,
        evidence={},
        reason="log loss 0.01 lower",
    )
    condition = of_promotion(asks)
    assert (condition.name, condition.active, condition.labels) == ("ChallengerWaiting", True, {"model": "tree"})
    for status in ("done", "rejected", "lapsed", "vetoed"):
        assert not of_promotion(msgspec.structs.replace(asks, status=status)).active


@pytest.mark.parametrize("cause", get_args(Cause))
def test_every_cause_of_drift_is_a_kind(cause: Cause) -> None:
    moved = [
        Moved(stream=f"f{n}", distance=0.5, shift=0.1, before=[], after=[], count_before=9, count_after=9)
        for n in range(9)
    ]
    drift = Drift(
        position=1,
        time=START,
        detector="e",
        stream="s",
        cause=cause,
        evidence={},
        phase="start",
        episode=1,
        moved=moved,
    )
    condition = of_drift(drift)
    assert condition.name in KINDS
    assert "f4" in condition.summary
    assert "f5" not in condition.summary
    assert set(condition.labels) <= {"cause"}


@pytest.mark.parametrize("kind", FINDINGS)
def test_every_finding_is_a_kind_until_it_is_over(kind: Any) -> None:
    finding = Finding(kind=kind, field="wind", since=START, size=0.5, sentence="wind is odd")
    condition = of_finding(finding)
    assert condition.name in KINDS
    assert condition.active
    assert condition.labels == {"field": "wind"}
    over = Finding(kind=kind, field="wind", since=START, until=START, size=0.5, sentence="wind is odd")
    assert not of_finding(over).active
    partition = Finding(kind=kind, partition=3, since=START, size=9, sentence="3 is silent")
    assert of_finding(partition).labels == {"partition": "3"}


def test_the_page_names_every_alert_with_its_severity() -> None:
    page = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| ([a-z, ]+) \|", page, flags=re.MULTILINE))
    assert rows.keys() == KINDS.keys()
    assert all(kind.severity in rows[name] for name, kind in KINDS.items())


@pytest.mark.parametrize(
    ("text", "labels", "meant"),
    [
        ("alertname=Drift", {"alertname": "Drift"}, True),
        ("alertname=Drift", {"alertname": "DriftSignal"}, False),
        ("alertname=Drift*", {"alertname": "DriftSignal"}, True),
        ("alertname=*", {}, True),
        ("field=w*n*d", {"field": "wind"}, True),
        ("field=w*n*d", {"field": "wider"}, False),
        ("field=a*a", {"field": "a"}, False),
        ("cause!=concept", {"cause": "prior"}, True),
        ("cause!=concept", {}, True),
        ("cause=", {}, True),
        ("field='a b'", {"field": "a b"}, True),
    ],
)
def test_matcher_means_what_it_says(text: str, labels: dict[str, str], meant: bool) -> None:
    assert matches(matcher_of(text), labels) is meant


def test_matcher_that_would_keep_a_regular_expression_busy_is_quick() -> None:
    assert not matches(matcher_of("field=" + "*a" * 400), {"field": "a" * 399})


@pytest.mark.parametrize("text", ["", "Drift", "=Drift", "alertname~Drift", "1a=b"])
def test_what_is_no_matcher_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UserError, match="alertname=Drift"):
        matcher_of(text)


def test_alert_knows_its_name_and_whether_it_is_suppressed() -> None:
    labels = {"alertname": "Drift", "severity": "warning"}
    alert = Alert(status="firing", labels=labels, starts_at=START, fingerprint="f", inhibited_by=["g"])
    assert (alert.name, alert.severity, alert.suppressed) == ("Drift", "warning", True)
