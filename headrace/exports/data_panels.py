"""The dashboard about groups, labels and data: on what the scores of the models rest."""

from __future__ import annotations

from headrace.exports.panels import PIPELINE, Panel, Query
from headrace.exports.queries import plain, summed

DATA = (
    Panel(
        "Groups: the champion, over all labels",
        (Query(f'headrace_group_score{{{PIPELINE}, window="all"}}', "{{group}} {{value}} {{metric}}"),),
    ),
    Panel(
        "Groups: the champion, lately",
        (Query(f'headrace_group_score{{{PIPELINE}, window="rolling"}}', "{{group}} {{value}} {{metric}}"),),
        about="Over those of the last labels of a report that are of this group.",
    ),
    Panel(
        "Groups: labels that this rests on",
        (Query(f'headrace_group_labels{{{PIPELINE}, window="rolling"}}', "{{group}} {{value}}"),),
    ),
    Panel(
        "Groups: events with a label",
        (Query(plain("headrace_group_coverage_ratio"), "{{group}} {{value}}"),),
        "percentunit",
    ),
    Panel(
        "Groups: from event to label, p90",
        (Query(f'headrace_group_label_delay_seconds{{{PIPELINE}, percentile="p90"}}', "{{group}} {{value}}"),),
        "s",
    ),
    Panel(
        "Cohorts: how much is resolved",
        (Query(plain("headrace_cohort_resolved_ratio"), "{{pipeline}} {{age}} cohorts ago"),),
        "percentunit",
        about="Events with an outcome, by how many cohorts of event time ago they were.",
    ),
    Panel(
        "Outcomes",
        (Query(f"deriv(headrace_label_outcomes{{{PIPELINE}}}[5m])", "{{pipeline}} {{status}}"),),
        "reqps",
        about="Labels known, corrected, expired and unavailable, per second.",
    ),
    Panel(
        "From event to label",
        (Query(plain("headrace_label_delay_seconds"), "{{pipeline}} {{percentile}}"),),
        "s",
        about="In event time.",
    ),
    Panel(
        "How far event time is behind",
        (
            Query(
                f"time() - max by (pipeline) (headrace_event_timestamp_seconds{{{PIPELINE}}})", "{{pipeline}} events"
            ),
            Query(plain("headrace:labels_behind_seconds"), "{{pipeline}} labels behind events"),
        ),
        "s",
        about="Events behind the clock, and the labels that have been read behind the events.",
    ),
    Panel("Events with a label", (Query(plain("headrace_label_coverage_ratio"), "{{pipeline}}"),), "percentunit"),
    Panel(
        "Events that wait for their label",
        (
            Query(summed("headrace_waiting_events"), "{{pipeline}} waiting"),
            Query(summed("headrace_remembered_events"), "{{pipeline}} remembered"),
            Query(summed("headrace_early_labels"), "{{pipeline}} labels without event"),
        ),
    ),
    Panel(
        "What is wrong with the data",
        (Query(summed("headrace_data_findings", "pipeline, kind, field"), "{{kind}} {{field}}"),),
        about="Findings that are open; `headrace profile` shows each.",
    ),
)
