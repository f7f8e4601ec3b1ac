"""Messages about alerts: one for each group, complete, and readable for people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from models.payloads import ALERTS_MAX, groups, text, title, wanted, webhook, worst
from schemas.alerts import Alert

START = datetime(2026, 5, 1, 12, 30, tzinfo=timezone(timedelta(hours=2)))


def alert(name: str = "Drift", severity: str = "warning", **changes: Any) -> Alert:
    labels = {"alertname": name, "pipeline": "flights", "severity": severity, **changes.pop("labels", {})}
    settings: dict[str, Any] = {
        "status": "firing",
        "annotations": {"summary": "It drifts", "action": "retrain"},
        "starts_at": START,
    }
    return Alert(labels=labels, fingerprint=changes.pop("fingerprint", "5e6a"), **(settings | changes))


def over(**changes: Any) -> Alert:
    return alert(status="resolved", ends_at=datetime(2026, 5, 1, 11, 0, 0, 500_000, tzinfo=UTC), **changes)


def test_alerts_of_one_name_and_pipeline_are_one_group() -> None:
    found = groups([alert(labels={"cause": "prior"}), alert("FeedBroken"), alert(labels={"cause": "concept"})])
    assert [(group.labels["alertname"], len(group.alerts)) for group in found] == [("Drift", 2), ("FeedBroken", 1)]


def test_group_fires_as_long_as_one_of_it_does() -> None:
    (mixed,) = groups([over(), alert()])
    (done,) = groups([over(), over()])
    assert (mixed.status, done.status) == ("firing", "resolved")
    assert (title(mixed), title(done)) == ("[FIRING:1] Drift (flights)", "[RESOLVED] Drift (flights)")


def test_common_labels_are_those_that_all_share() -> None:
    (group,) = groups(
        [alert(labels={"cause": "prior", "model": "tree"}), alert(labels={"cause": "concept", "model": "tree"})]
    )
    message = webhook(group, "pager", "")
    assert message["commonLabels"] == {
        "alertname": "Drift",
        "pipeline": "flights",
        "severity": "warning",
        "model": "tree",
    }
    assert message["commonAnnotations"] == {"summary": "It drifts", "action": "retrain"}
    assert message["groupKey"] == '{}:{alertname="Drift", pipeline="flights"}'


def test_times_are_told_in_utc() -> None:
    (group,) = groups([over()])
    (told,) = webhook(group, "pager", "")["alerts"]
    assert (told["startsAt"], told["endsAt"]) == ("2026-05-01T10:30:00Z", "2026-05-01T11:00:00.500000Z")


def test_message_has_a_bound_and_says_what_it_leaves_out() -> None:
    (group,) = groups([alert(labels={"field": f"f{number}"}) for number in range(ALERTS_MAX + 7)])
    message = webhook(group, "pager", "")
    assert (len(message["alerts"]), message["truncatedAlerts"]) == (ALERTS_MAX, 7)


def test_text_says_what_it_is_since_when_and_what_to_do() -> None:
    (group,) = groups([alert(), over()])
    told = text(group)
    for part in (
        "firing (warning): It drifts",
        "What to do: retrain",
        "since 2026-05-01T10:30:00Z",
        "resolved (warning)",
    ):
        assert part in told
    assert told.count("What to do") == 1
    assert "headrace alerts show flights 5e6a" in told


@pytest.mark.parametrize(
    ("severity", "least", "heard"),
    [("critical", "info", True), ("warning", "critical", False), ("info", "info", True), ("odd", "critical", True)],
)
def test_receiver_hears_of_what_is_at_least_so_severe(severity: str, least: str, heard: bool) -> None:
    assert wanted(alert(severity=severity), least) is heard


def test_worst_of_a_group_is_told_to_services() -> None:
    (group,) = groups([alert(severity="info"), alert(severity="critical"), over(severity="critical")])
    (done,) = groups([over()])
    assert (worst(group), worst(done)) == ("critical", "resolved")
