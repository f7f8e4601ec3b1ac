"""Where nothing more comes, a notice in the log says where a report is due: the same for whoever folds it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from models.alerts import Alerting
from models.changes import changes
from models.health import Monitor
from models.learning import Learning, fresh_from
from models.monitoring import Objective
from schemas.alerts import Alert
from schemas.examples import LogRecord, Notice, Profile
from schemas.health import Health
from tests.models.stories import START, pipeline_for

QUIET = Notice(action="quiet", command="", by="leader", reason="nothing more has come")
SLOW = pipeline_for(
    "binary", partitions=1, health_every=10**6, health_window=8, objective=Objective("latency_p50_ms", at_most=1.0)
)


def profile(number: int) -> Profile:
    times: dict[str, Any] = dict.fromkeys(("start", "until", "received"), START + timedelta(minutes=number))
    return Profile(partition=0, first=number, end=number + 1, events=8, latency_p50_ms=9.0, fields={}, **times)


def folded(log: list[LogRecord]) -> tuple[list[Health | None], list[Alert]]:
    """The reports after each record, and the alerts."""
    monitor, alerting = Monitor(SLOW), Alerting(SLOW)
    reports, alerts = [], []
    for offset, record in enumerate(log):
        reports.append(monitor.fold(offset, record))
        alerts += alerting.fold(offset, record, [report for report in reports[-1:] if report is not None])
    return reports, alerts


def begun() -> list[LogRecord]:
    return list(changes(SLOW, Learning(SLOW, fresh_from(SLOW))))


def test_a_report_is_due_at_the_notice_if_anything_has_come_since_the_last_one() -> None:
    log = [*begun(), QUIET, profile(1), QUIET, QUIET, profile(2), QUIET]

    reports, _ = folded(log)

    assert [offset - len(begun()) for offset, report in enumerate(reports) if report is not None] == [2, 5]


def test_who_folds_the_log_anew_tells_the_same_alerts_at_the_same_places() -> None:
    log = [*begun(), profile(1), QUIET, profile(2), QUIET]
    _, told = folded(log)
    assert [(alert.name, alert.status, alert.position) for alert in told] == [("ObjectiveBroken", "firing", len(log))]

    _, again = folded([*log, profile(3), QUIET, profile(4), QUIET])

    assert again == told
