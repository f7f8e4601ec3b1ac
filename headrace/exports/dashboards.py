"""The Grafana dashboards: how a pipeline is, how good its models are, on what data, what its workers do."""

from __future__ import annotations

from typing import Any

from headrace.exports.data_panels import DATA
from headrace.exports.panels import PIPELINE, Panel, Query, dashboard
from headrace.exports.queries import CHAMPION, plain, quantile, quantiles, rate, summed
from headrace.exports.rules import JOB


def _stat(title: str, expr: str, unit: str = "short", legend: str = "{{pipeline}}") -> Panel:
    return Panel(title, (Query(expr, legend),), unit, "stat", width=4, height=4)


def _or_none(expr: str) -> str:
    """The same, and 0 for a pipeline of which nothing is told."""
    return f"{expr} or 0 * max by (pipeline) (headrace_build_info{{{PIPELINE}}})"


OVERVIEW = (
    _stat("Events", rate("headrace_events_total"), "reqps"),
    _stat("Latency, p99", quantile(0.99, "headrace_prediction_latency_seconds"), "s"),
    _stat("Records that wait", summed("headrace_lag_records")),
    _stat("Rejected", plain("headrace:rejects:ratio5m"), "percentunit"),
    _stat("Episodes of drift", summed("headrace_drift_open_episodes")),
    _stat("Firing alerts", _or_none(f'sum by (pipeline) (headrace_alerts_firing{{{PIPELINE}, state="active"}})')),
    Panel(
        "What goes through",
        (
            Query(rate("headrace_events_total"), "{{pipeline}} events"),
            Query(rate("headrace_predictions_total"), "{{pipeline}} predictions"),
            Query(rate("headrace_labels_total"), "{{pipeline}} labels"),
        ),
        "reqps",
        about="Per second, counted when it is committed.",
    ),
    Panel(
        "From event to prediction",
        quantiles("headrace_prediction_latency_seconds"),
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
    Panel("Records that wait", (Query(summed("headrace_lag_records", "pipeline, topic"), "{{topic}}"),)),
    Panel(
        "Rejected, by reason",
        (Query(rate("headrace_rejects_total", "pipeline, stage, reason"), "{{stage}}: {{reason}}"),),
        "reqps",
    ),
    Panel(
        "Alerts of the pipelines",
        (
            Query(
                summed("headrace_alerts_firing", "pipeline, alert, severity, state"),
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
            Query(plain("headrace_objective_value"), "{{objective}}"),
            Query(plain("headrace_objective_bound"), "{{objective}}: bound"),
        ),
    ),
)

MODELS = (
    Panel("Who serves", (Query(CHAMPION),), kind="table", width=8, height=6),
    Panel("Who has failed", (Query(f"headrace_model_failed{{{PIPELINE}}} == 1"),), kind="table", width=8, height=6),
    Panel(
        "Labels in the scores",
        (Query(f'headrace_model_labels{{{PIPELINE}, window="all"}}'),),
        kind="table",
        width=8,
        height=6,
    ),
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
                f'headrace_model_interval{{{PIPELINE}, window="all"}} and on (pipeline, model, version) ({CHAMPION})',
                "{{model}}@{{version}} {{metric}} {{bound}}",
            ),
        ),
        about="The champion's clipped loss over all labels; the bounds hold at all times at once, with 95 %.",
    ),
    Panel(
        "An estimate, where no label has come",
        (Query(plain("headrace_score_estimate"), "{{model}}@{{version}} {{metric}}, {{about}}"),),
        about="From calibrated scores. No measurement: concept drift makes it invalid, and it cannot see that.",
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
    Panel("Open episodes of drift", (Query(summed("headrace_drift_open_episodes", "pipeline, cause"), "{{cause}}"),)),
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
        (Query(summed("headrace_worker_partitions", BY_INSTANCE), "{{instance}}"),),
        width=8,
        height=6,
    ),
    Panel(
        "Leading and serving",
        (
            Query(plain("headrace_worker_leading"), "{{instance}} leads"),
            Query(plain("headrace_worker_serving"), "{{instance}} serves"),
        ),
        width=8,
        height=6,
    ),
    Panel(
        "Where the time goes",
        (Query(rate("headrace_stage_seconds_sum", "pipeline, stage"), "{{stage}}"),),
        "percentunit",
        about="Share of the time that each stage is at work, of one worker's 100 %.",
    ),
    Panel("One stage, one batch, p99", (Query(quantile(0.99, "headrace_stage_seconds", "stage"), "{{stage}}"),), "s"),
    Panel("Transactions", quantiles("headrace_transaction_seconds"), "s"),
    Panel("Records in a batch", quantiles("headrace_batch_records")),
    Panel(
        "Processor",
        (Query(f'rate(process_cpu_seconds_total{{job="{JOB}"}}[$__rate_interval])', "{{instance}}"),),
        "percentunit",
    ),
    Panel("Memory", (Query(f'process_resident_memory_bytes{{job="{JOB}"}}', "{{instance}}"),), "bytes"),
    Panel(
        "Records of the learning log to fold",
        (Query(summed("headrace_log_behind_records", BY_INSTANCE), "{{instance}}"),),
    ),
    Panel("Age of the newest checkpoint", (Query(plain("headrace:checkpoint_age_seconds"), "{{pipeline}}"),), "s"),
    Panel("Size of a checkpoint", (Query(plain("headrace_checkpoint_bytes"), "{{instance}}"),), "bytes"),
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
    "data": ("Groups, labels, data", DATA),
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
