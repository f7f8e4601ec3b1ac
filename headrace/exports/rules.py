"""Rules for Prometheus: what is computed beforehand, and when a person should look."""

from __future__ import annotations

from typing import Any

#: Seconds between two evaluations, and between two visits to a worker.
INTERVAL = "15s"

#: The name under which Prometheus knows the workers.
JOB = "headrace"

#: Recorded name to its expression.
RECORDS: dict[str, str] = {
    "headrace:events:rate5m": "sum by (pipeline) (rate(headrace_events_total[5m]))",
    "headrace:inputs:rate5m": (
        "sum by (pipeline) (rate(headrace_events_total[5m])) + sum by (pipeline) (rate(headrace_labels_total[5m]))"
    ),
    "headrace:rejects:ratio5m": ("sum by (pipeline) (rate(headrace_rejects_total[5m])) / (headrace:inputs:rate5m > 0)"),
    "headrace:prediction_latency_seconds:p99_5m": (
        "histogram_quantile(0.99, sum by (pipeline, le) (rate(headrace_prediction_latency_seconds_bucket[5m])))"
    ),
    "headrace:lag_records:sum": "sum by (pipeline, topic) (headrace_lag_records)",
    "headrace:checkpoint_age_seconds": "time() - max by (pipeline) (headrace_checkpoint_timestamp_seconds)",
    "headrace:labels_behind_seconds": (
        "max by (pipeline) (headrace_event_timestamp_seconds - headrace_settled_timestamp_seconds)"
    ),
}


def _alert(name: str, severity: str, expr: str, lasts: str, summary: str, action: str) -> dict[str, Any]:
    return {
        "alert": f"Headrace{name}",
        "expr": expr,
        "for": lasts,
        "labels": {"severity": severity},
        "annotations": {"summary": summary, "description": action},
    }


#: Numbers here are starting points: an operator knows better what is much for a pipeline.
ALERTS: tuple[dict[str, Any], ...] = (
    _alert(
        "WorkerDown",
        "critical",
        f'up{{job="{JOB}"}} == 0',
        "2m",
        "worker {{ $labels.instance }} does not answer",
        "Its partitions go to other workers if there are any. See its log; start it again under the same name.",
    ),
    _alert(
        "NoWorker",
        "critical",
        "absent(headrace_build_info)",
        "5m",
        "no worker at all is seen",
        "Nothing is predicted. Is a worker started with --metrics-port, and does Prometheus reach it?",
    ),
    _alert(
        "Stalled",
        "critical",
        "time() - headrace_worker_step_timestamp_seconds > 30",
        "1m",
        "{{ $labels.pipeline }}: worker {{ $labels.instance }} does not move",
        "It ends itself after HEADRACE_STALL_S_MAX. Look at the broker first: `headrace doctor`.",
    ),
    _alert(
        "NoLeader",
        "critical",
        "sum by (pipeline) (headrace_worker_leading) < 1",
        "2m",
        "{{ $labels.pipeline }}: no worker leads",
        "Nothing is reported, promoted or written down until one does. `headrace status` shows the group.",
    ),
    _alert(
        "NotServing",
        "warning",
        "headrace_worker_serving == 0",
        "5m",
        "{{ $labels.pipeline }}: worker {{ $labels.instance }} has not caught up with the learning log",
        "It takes no events until then. See its log for a refused checkpoint, and headrace_log_behind_records.",
    ),
    _alert(
        "LagGrows",
        "warning",
        "headrace:lag_records:sum > 1000 and deriv(headrace:lag_records:sum[10m]) > 0",
        "10m",
        "{{ $labels.pipeline }}: {{ $value }} records of {{ $labels.topic }} wait, and it gets worse",
        "Start more workers, up to as many as there are partitions; headrace_stage_seconds shows what takes long.",
    ),
    _alert(
        "FeedSilent",
        "warning",
        "headrace:events:rate5m == 0 and headrace:events:rate5m offset 1h > 0",
        "15m",
        "{{ $labels.pipeline }}: events have stopped",
        "Ask those who send them.",
    ),
    _alert(
        "LatencyHigh",
        "warning",
        "headrace:prediction_latency_seconds:p99_5m > 0.5",
        "10m",
        "{{ $labels.pipeline }}: one prediction in a hundred takes more than {{ $value | humanizeDuration }}",
        "Compare headrace_stage_seconds with headrace_transaction_seconds: it is the models, or the broker.",
    ),
    _alert(
        "RejectsHigh",
        "warning",
        "headrace:rejects:ratio5m > 0.05",
        "10m",
        "{{ $labels.pipeline }}: {{ $value | humanizePercentage }} of what comes in is rejected",
        "`headrace tail rejects` shows the records with the reasons.",
    ),
    _alert(
        "StartsOften",
        "warning",
        "increase(headrace_worker_starts_total[15m]) > 3",
        "0m",
        "{{ $labels.pipeline }}: worker {{ $labels.instance }} starts afresh again and again",
        "Its log says why, each time.",
    ),
    _alert(
        "CheckpointOld",
        "warning",
        "headrace:checkpoint_age_seconds > 900"
        " and on (pipeline) sum by (pipeline) (rate(headrace_log_records_total[15m])) > 0",
        "5m",
        "{{ $labels.pipeline }}: the newest checkpoint is {{ $value | humanizeDuration }} old",
        "Nothing is lost, but a start takes long. Does a worker lead, and is the topic of the models written?",
    ),
    _alert(
        "FollowerBehind",
        "warning",
        "headrace_log_behind_records > 10000",
        "5m",
        "{{ $labels.pipeline }}: the models of worker {{ $labels.instance }} are {{ $value }} records behind the log",
        "It serves from models that have not learnt these yet. Lighter models, or a faster processor.",
    ),
    _alert(
        "ChampionFailed",
        "critical",
        "max by (pipeline, model, version) (headrace_model_failed) == 1"
        " and max by (pipeline, model, version) (headrace_model_champion) == 1",
        "0m",
        "{{ $labels.pipeline }}: the champion {{ $labels.model }}@{{ $labels.version }} raised an error",
        "Events are rejected with the reason `prediction`. Promote another model.",
    ),
    _alert(
        "ModelFailed",
        "warning",
        "max by (pipeline, model, version) (headrace_model_failed) == 1"
        " unless max by (pipeline, model, version) (headrace_model_champion) == 1",
        "0m",
        "{{ $labels.pipeline }}: the shadow {{ $labels.model }}@{{ $labels.version }} raised an error",
        "It answers no more; the service goes on without it. Take it out of the pipeline file, or mend it.",
    ),
    _alert(
        "LabelsMissing",
        "warning",
        "headrace_label_coverage_ratio < 0.5",
        "30m",
        "{{ $labels.pipeline }}: only {{ $value | humanizePercentage }} of the events get a label",
        "Scores say little about the events without one. Ask those who send labels; is the key that of the event?",
    ),
    _alert(
        "AlertFiring",
        "{{ $labels.severity }}",
        'sum by (pipeline, alert, severity) (headrace_alerts_firing{state="active"}) > 0',
        "0m",
        "{{ $labels.pipeline }}: {{ $labels.alert }}",
        "The pipeline itself raised this alert: `headrace tail alerts` shows it in full.",
    ),
)


def rules() -> dict[str, Any]:
    """The file of rules."""
    records = [{"record": name, "expr": expr} for name, expr in RECORDS.items()]
    return {
        "groups": [
            {"name": "headrace-records", "interval": INTERVAL, "rules": records},
            {"name": "headrace-alerts", "interval": INTERVAL, "rules": list(ALERTS)},
        ]
    }
