"""The Grafana dashboards: how a pipeline is, how good its models are, what its workers do."""

from __future__ import annotations

from typing import Any

from headrace.exports.panels import PIPELINE, Panel, Query, dashboard
from headrace.exports.rules import JOB


def _sum(metric: str, by: str = "pipeline") -> str:
    return f"sum by ({by}) ({metric}{{{PIPELINE}}})"


def _rate(counter: str, by: str = "pipeline") -> str:
    return f"sum by ({by}) (rate({counter}{{{PIPELINE}}}[$__rate_interval]))"


def _quantile(share: float, histogram: str, by: str = "") -> str:
    labels = ", ".join(filter(None, ("pipeline", by, "le")))
    return f"histogram_quantile({share}, sum by ({labels}) (rate({histogram}_bucket{{{PIPELINE}}}[$__rate_interval])))"


def _quantiles(histogram: str) -> tuple[Query, ...]:
    return tuple(
        Query(_quantile(share, histogram), f"{{{{pipeline}}}} {name}")
        for share, name in ((0.5, "p50"), (0.9, "p90"), (0.99, "p99"))
    )


def _plain(metric: str) -> str:
    return f"{metric}{{{PIPELINE}}}"


def _stat(title: str, expr: str, unit: str = "short", legend: str = "{{pipeline}}") -> Panel:
    return Panel(title, (Query(expr, legend),), unit, "stat", width=4, height=4)


CHAMPION = f"headrace_model_champion{{{PIPELINE}}} == 1"


def _or_none(expr: str) -> str:
    """The same, and 0 for a pipeline of which nothing is told."""
    return f"{expr} or 0 * max by (pipeline) (headrace_build_info{{{PIPELINE}}})"


OVERVIEW = (
    _stat("Events", _rate("headrace_events_total"), "reqps"),
    _stat("Latency, p99", _quantile(0.99, "headrace_prediction_latency_seconds"), "s"),
    _stat("Records that wait", _sum("headrace_lag_records")),
    _stat("Rejected", _plain("headrace:rejects:ratio5m"), "percentunit"),
    _stat("Episodes of drift", _sum("headrace_drift_open_episodes")),
    _stat("Firing alerts", _or_none(f'sum by (pipeline) (headrace_alerts_firing{{{PIPELINE}, state="active"}})')),
    Panel(
        "What goes through",
        (
            Query(_rate("headrace_events_total"), "{{pipeline}} events"),
            Query(_rate("headrace_predictions_total"), "{{pipeline}} predictions"),
            Query(_rate("headrace_labels_total"), "{{pipeline}} labels"),
        ),
        "reqps",
        about="Per second, counted when it is committed.",
    ),
    Panel(
        "From event to prediction",
        _quantiles("headrace_prediction_latency_seconds"),
        "s",
        about="From when Kafka took the event to when its prediction was committed.",
    ),
    Panel(
        "The champion, lately",
        (
            Query(
                f'headrace_model_score{{{PIPELINE}, window="rolling"}} and on (pipeline, model, version) ({CHAMPION})',
                "{{pipeline}} {{model}}@{{version}} {{metric}}",
            ),
        ),
        about="Over the last labels of a report. Each prediction was made before its label was learnt.",
    ),
    Panel("Records that wait", (Query(_sum("headrace_lag_records", "pipeline, topic"), "{{topic}}"),)),
    Panel(
        "Rejected, by reason",
        (Query(_rate("headrace_rejects_total", "pipeline, stage, reason"), "{{stage}}: {{reason}}"),),
        "reqps",
    ),
    Panel(
        "Alerts of the pipelines",
        (
            Query(
                _sum("headrace_alerts_firing", "pipeline, alert, severity, state"),
                "{{alert}} ({{severity}}, {{state}})",
            ),
        ),
    ),
    Panel(
        "Objectives",
        (Query(f"max by (pipeline, objective, state) (headrace_objective_state{{{PIPELINE}}}) == 1"),),
        kind="table",
        about="The state of each: met, at_risk, broken, not_enough_labels.",
    ),
    Panel(
        "Objectives: what was measured, and what must be kept",
        (
            Query(_plain("headrace_objective_value"), "{{objective}}"),
            Query(_plain("headrace_objective_bound"), "{{objective}}: bound"),
        ),
    ),
)

MODELS = (
    Panel("Who serves", (Query(CHAMPION),), kind="table", width=8, height=6),
    Panel("Who has failed", (Query(f"headrace_model_failed{{{PIPELINE}}} == 1"),), kind="table", width=8, height=6),
    Panel("Labels in the scores", (Query(_plain("headrace_model_labels")),), kind="table", width=8, height=6),
    Panel(
        "Scores, lately",
        (Query(f'headrace_model_score{{{PIPELINE}, window="rolling"}}', "{{model}}@{{version}} {{metric}}"),),
        about="Over the last labels of a report: champion, shadows and baselines side by side.",
    ),
    Panel(
        "Scores, over all labels",
        (Query(f'headrace_model_score{{{PIPELINE}, window="all"}}', "{{model}}@{{version}} {{metric}}"),),
    ),
    Panel(
        "Better than the baselines",
        (
            Query(
                f"headrace_model_advantage{{{PIPELINE}}} and on (pipeline, model, version) ({CHAMPION})",
                "{{model}}@{{version}} {{metric}} than {{baseline}}",
            ),
        ),
        about="The champion, on the same events, over all labels.",
    ),
    Panel(
        "Where the mean loss lies",
        (
            Query(
                f"headrace_model_interval{{{PIPELINE}}} and on (pipeline, model, version) ({CHAMPION})",
                "{{model}}@{{version}} {{metric}} {{bound}}",
            ),
        ),
        about="The champion's clipped loss over all labels; the bounds hold at all times at once, with 95 %.",
    ),
    Panel(
        "Groups: the champion",
        (Query(_plain("headrace_group_score"), "{{group}} {{value}} {{metric}}"),),
    ),
    Panel(
        "An estimate, where no label has come",
        (Query(_plain("headrace_score_estimate"), "{{model}}@{{version}} {{metric}}, {{about}}"),),
        about="From calibrated scores. No measurement: concept drift makes it invalid, and it cannot see that.",
    ),
    Panel(
        "Outcomes",
        (Query(f"deriv(headrace_label_outcomes{{{PIPELINE}}}[5m])", "{{pipeline}} {{status}}"),),
        "reqps",
        about="Labels known, corrected and expired, per second.",
    ),
    Panel(
        "From event to label",
        (Query(_plain("headrace_label_delay_seconds"), "{{pipeline}} {{percentile}}"),),
        "s",
        about="In event time.",
    ),
    Panel(
        "How far event time is behind",
        (
            Query(
                f"time() - max by (pipeline) (headrace_event_timestamp_seconds{{{PIPELINE}}})", "{{pipeline}} events"
            ),
            Query(_plain("headrace:labels_behind_seconds"), "{{pipeline}} labels behind events"),
        ),
        "s",
        about="Events behind the clock, and the labels that have been read behind the events.",
    ),
    Panel("Events with a label", (Query(_plain("headrace_label_coverage_ratio"), "{{pipeline}}"),), "percentunit"),
    Panel(
        "Events that wait for their label",
        (
            Query(_sum("headrace_waiting_events"), "{{pipeline}} waiting"),
            Query(_sum("headrace_remembered_events"), "{{pipeline}} remembered"),
            Query(_sum("headrace_early_labels"), "{{pipeline}} labels without event"),
        ),
    ),
    Panel(
        "Alarms about drift",
        (
            Query(
                f"sum by (pipeline, detector, cause) (increase(headrace_drift_alarms_total{{{PIPELINE}}}[1h]))",
                "{{detector}}: {{cause}}",
            ),
        ),
        about="In the last hour.",
    ),
    Panel("Open episodes of drift", (Query(_sum("headrace_drift_open_episodes", "pipeline, cause"), "{{cause}}"),)),
)

BY_INSTANCE = "pipeline, instance"

WORKERS = (
    Panel(
        "Workers",
        (Query(f"max by (pipeline, instance, worker) (headrace_worker_info{{{PIPELINE}}})"),),
        kind="table",
        width=8,
        height=6,
    ),
    Panel(
        "Partitions",
        (Query(_sum("headrace_worker_partitions", BY_INSTANCE), "{{instance}}"),),
        width=8,
        height=6,
    ),
    Panel(
        "Leading and serving",
        (
            Query(_plain("headrace_worker_leading"), "{{instance}} leads"),
            Query(_plain("headrace_worker_serving"), "{{instance}} serves"),
        ),
        width=8,
        height=6,
    ),
    Panel(
        "Where the time goes",
        (Query(_rate("headrace_stage_seconds_sum", "pipeline, stage"), "{{stage}}"),),
        "percentunit",
        about="Share of the time that each stage is at work, of one worker's 100 %.",
    ),
    Panel("One stage, one batch, p99", (Query(_quantile(0.99, "headrace_stage_seconds", "stage"), "{{stage}}"),), "s"),
    Panel("Transactions", _quantiles("headrace_transaction_seconds"), "s"),
    Panel("Records in a batch", _quantiles("headrace_batch_records")),
    Panel(
        "Processor",
        (Query(f'rate(process_cpu_seconds_total{{job="{JOB}"}}[$__rate_interval])', "{{instance}}"),),
        "percentunit",
    ),
    Panel("Memory", (Query(f'process_resident_memory_bytes{{job="{JOB}"}}', "{{instance}}"),), "bytes"),
    Panel(
        "Records of the learning log to fold",
        (Query(_sum("headrace_log_behind_records", BY_INSTANCE), "{{instance}}"),),
    ),
    Panel("Age of the newest checkpoint", (Query(_plain("headrace:checkpoint_age_seconds"), "{{pipeline}}"),), "s"),
    Panel("Size of a checkpoint", (Query(_plain("headrace_checkpoint_bytes"), "{{instance}}"),), "bytes"),
    Panel(
        "Starts and steps",
        (
            Query(f"increase(headrace_worker_starts_total{{{PIPELINE}}}[15m])", "{{instance}} starts in 15 min"),
            Query(f"time() - headrace_worker_step_timestamp_seconds{{{PIPELINE}}}", "{{instance}} s since a step"),
        ),
    ),
)

#: Name to title and panels.
DASHBOARDS: dict[str, tuple[str, tuple[Panel, ...]]] = {
    "overview": ("Overview", OVERVIEW),
    "models": ("Models", MODELS),
    "workers": ("Workers", WORKERS),
}


def dashboards() -> dict[str, dict[str, Any]]:
    """Name to dashboard."""
    return {name: dashboard(name, title, panels) for name, (title, panels) in DASHBOARDS.items()}


def datasources(url: str) -> dict[str, Any]:
    """Grafana's provisioning of Prometheus, at this address."""
    source = {"name": "Prometheus", "type": "prometheus", "access": "proxy", "url": url, "isDefault": True}
    return {"apiVersion": 1, "datasources": [source]}


def providers(folder: str) -> dict[str, Any]:
    """Grafana's provisioning of the dashboards in a folder."""
    provider = {"name": "headrace", "folder": "Headrace", "type": "file", "options": {"path": folder}}
    return {"apiVersion": 1, "providers": [provider]}
