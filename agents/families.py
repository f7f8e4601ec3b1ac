"""The table of metrics: the one place that knows their names, kinds, labels and meaning."""

from __future__ import annotations

from typing import Literal, NamedTuple

#: Series of one metric that one worker tells at most; what is beyond it is left out, and counted.
SERIES_MAX = 2000


class Family(NamedTuple):
    """One metric. Every series also has the label ``pipeline``.

    Parameters
    ----------
    name
        As Prometheus has it, with the unit, and ``_total`` for a counter.
    labels
        What its series differ in.
    who
        ``worker``: each tells its own. ``leader``: only the worker that leads.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    who: Literal["worker", "leader"] = "worker"


FAMILIES: tuple[Family, ...] = (
    # The worker.
    Family("headrace_build_info", "gauge", "1, with the versions in use", ("version", "python", "river")),
    Family("headrace_worker_info", "gauge", "1, with the worker's name", ("worker",)),
    Family("headrace_worker_leading", "gauge", "1 if this worker owns the learning log and reports, else 0"),
    Family("headrace_worker_serving", "gauge", "1 if it has models as fresh as the log was at its start, else 0"),
    Family("headrace_worker_partitions", "gauge", "partitions of events that it owns"),
    Family("headrace_worker_starts_total", "counter", "starts of the batch source; all after the first follow a fault"),
    Family("headrace_worker_step_timestamp_seconds", "gauge", "when a step of the batch source went through last"),
    # What went through, counted when it is committed.
    Family("headrace_events_total", "counter", "events read"),
    Family("headrace_predictions_total", "counter", "events answered"),
    Family("headrace_labels_total", "counter", "labels read"),
    Family("headrace_duplicates_total", "counter", "events and labels dropped because they had come before"),
    Family("headrace_rejects_total", "counter", "records rejected", ("stage", "reason")),
    Family("headrace_log_records_total", "counter", "records of the learning log folded"),
    Family("headrace_records_written_total", "counter", "records written, all topics together"),
    # How fast.
    Family("headrace_batch_records", "histogram", "events and labels in one batch"),
    Family("headrace_stage_seconds", "histogram", "time that one stage takes for one batch", ("stage",)),
    Family("headrace_transaction_seconds", "histogram", "time from the end of the agents' work to the commit"),
    Family(
        "headrace_prediction_latency_seconds",
        "histogram",
        "from when Kafka took an event to when its prediction was committed; up to 8 events of a batch stand for all",
    ),
    # What waits.
    Family("headrace_lag_records", "gauge", "records that are not processed yet", ("topic", "partition")),
    Family("headrace_log_position", "gauge", "position in the learning log of this worker's models"),
    Family(
        "headrace_log_behind_records",
        "gauge",
        "records from there to the end of the log; a transaction's mark counts as one",
    ),
    Family("headrace_waiting_events", "gauge", "events that wait for their label", ("partition",)),
    Family("headrace_remembered_events", "gauge", "events remembered: waiting, or settled lately", ("partition",)),
    Family("headrace_early_labels", "gauge", "labels that wait for their event", ("partition",)),
    Family("headrace_event_timestamp_seconds", "gauge", "latest event time", ("partition",)),
    Family(
        "headrace_settled_timestamp_seconds",
        "gauge",
        "event time up to which labels have been read: what is due before is expired",
        ("partition",),
    ),
    # Checkpoints.
    Family("headrace_checkpoint_timestamp_seconds", "gauge", "when the newest checkpoint that it knows was made"),
    Family("headrace_checkpoint_bytes", "gauge", "its size"),
    Family("headrace_checkpoint_position", "gauge", "its position in the learning log"),
    # The models.
    Family("headrace_model_champion", "gauge", "1 for the model that serves, else 0", ("model", "version")),
    Family("headrace_model_failed", "gauge", "1 if it raised an error and answers no more", ("model", "version")),
    Family("headrace_model_share_ratio", "gauge", "part of the keys that a challenger serves", ("model", "version")),
    Family("headrace_model_answer_seconds", "gauge", "what an answer takes, of samples", ("model", "version")),
    Family("headrace_model_learn_seconds", "gauge", "what a lesson takes, of samples", ("model", "version")),
    Family(
        "headrace_model_time_share_ratio", "gauge", "part of the worker's time it took lately", ("model", "version")
    ),
    Family(
        "headrace_served_score",
        "gauge",
        "a metric of what was served, where challengers have or had a share; window as for `headrace_model_score`",
        ("metric", "window"),
        "leader",
    ),
    Family(
        "headrace_model_labels",
        "gauge",
        "labels that its scores of a window rest on",
        ("model", "version", "window"),
        "leader",
    ),
    Family(
        "headrace_model_score",
        "gauge",
        "a metric of River; window is `all`, `rolling`, or the seconds of event time that an objective looks back on",
        ("model", "version", "metric", "window"),
        "leader",
    ),
    Family(
        "headrace_model_interval",
        "gauge",
        "where the mean of the clipped loss lies with 95 %, over `all` at all times at once; bound is `low` or `high`",
        ("model", "version", "metric", "window", "bound"),
        "leader",
    ),
    Family(
        "headrace_model_advantage",
        "gauge",
        "by how much it is better than a baseline on the same events",
        ("model", "version", "baseline", "metric"),
        "leader",
    ),
    Family(
        "headrace_group_score",
        "gauge",
        "the champion's metric on one value of a declared group, in the windows of its score",
        ("group", "value", "metric", "window"),
        "leader",
    ),
    Family(
        "headrace_group_interval",
        "gauge",
        "where the mean of its clipped loss lies there, as for the model",
        ("group", "value", "metric", "window", "bound"),
        "leader",
    ),
    Family(
        "headrace_group_labels",
        "gauge",
        "labels that the champion's scores of a window rest on there",
        ("group", "value", "window"),
        "leader",
    ),
    Family(
        "headrace_group_coverage_ratio", "gauge", "share of outcomes with a label there", ("group", "value"), "leader"
    ),
    Family(
        "headrace_group_label_delay_seconds",
        "gauge",
        "from event time to label there, lately, by percentile",
        ("group", "value", "percentile"),
        "leader",
    ),
    # Cohorts: age 0 is the newest with an outcome, age 1 the one before.
    Family("headrace_cohort_width_seconds", "gauge", "event time that one cohort lasts", (), "leader"),
    Family("headrace_cohort_events", "gauge", "answered events of a cohort, by its age in cohorts", ("age",), "leader"),
    Family("headrace_cohort_outcomes", "gauge", "outcomes of a cohort so far", ("age", "status"), "leader"),
    Family(
        "headrace_cohort_resolved_ratio",
        "gauge",
        "share of a cohort's events that have an outcome, at least",
        ("age",),
        "leader",
    ),
    Family(
        "headrace_score_estimate",
        "gauge",
        "the champion's metric as it should be where no label has come; invalid under concept drift",
        ("model", "version", "metric", "about"),
        "leader",
    ),
    Family("headrace_objective_state", "gauge", "1 for the state it is in, else 0", ("objective", "state"), "leader"),
    Family("headrace_objective_value", "gauge", "what was measured", ("objective",), "leader"),
    Family("headrace_objective_bound", "gauge", "what it must keep", ("objective",), "leader"),
    Family(
        "headrace_label_outcomes",
        "gauge",
        "outcomes over all time; `late` are among the corrected: their label came after they had expired; `withdrawn` "
        "among the unavailable: their label had been known",
        ("status",),
        "leader",
    ),
    Family(
        "headrace_label_coverage_ratio",
        "gauge",
        "share of labels that came in time, of those that came or expired",
        (),
        "leader",
    ),
    Family(
        "headrace_label_delay_seconds",
        "gauge",
        "from event time to label, lately, by percentile",
        ("percentile",),
        "leader",
    ),
    # Data quality, drift and alerts.
    Family(
        "headrace_data_findings",
        "gauge",
        "what is wrong with the data now: findings of one kind, about one field or, without, about the events as such",
        ("kind", "field"),
        "leader",
    ),
    Family("headrace_drift_alarms_total", "counter", "alarms about drift", ("detector", "cause"), "leader"),
    Family("headrace_drift_open_episodes", "gauge", "episodes of drift that have not ended", ("cause",), "leader"),
    Family(
        "headrace_alerts_firing",
        "gauge",
        "firing alerts of the topic alerts; state is `active`, or `suppressed` by a silence or by another alert",
        ("alert", "severity", "state"),
        "leader",
    ),
    # The endpoint itself.
    Family("headrace_metrics_left_out_series", "gauge", "series left out, because their metric has too many"),
)

BY_NAME = {family.name: family for family in FAMILIES}
