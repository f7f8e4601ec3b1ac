"""What ``headrace status`` shows of a health report: models, objectives, groups, estimates."""

from __future__ import annotations

from datetime import datetime

from headrace.cli.output import console, table
from schemas.health import Estimate, GroupHealth, Health, Interval, LabelHealth, ModelHealth, ObjectiveHealth


def show(health: Health) -> None:
    """Print a report for a person."""
    out = console()
    out.print(f"Health at position {health.position:,}: {labels_line(health.labels)}", markup=False)
    _show_models(health)
    if health.objectives:
        columns = ("objective", "state", "value", "95 % interval (clipped)", "labels", "since position", "until")
        rows = [objective_row(objective) for objective in health.objectives]
        out.print(table(columns, rows, right=("value", "95 % interval (clipped)", "labels", "since position")))
    champion = next((model for model in health.models if model.champion), None)
    if health.groups and champion is not None:
        names = sorted(champion.metrics)
        last = (f"of the last {health.window:,}", *(f"{name}, last" for name in names))
        numbers = ("known", "coverage", "delay p50", "delay p90", *names, *last)
        rows = [group_row(group, champion, names) for group in health.groups]
        out.print(table(("group", "value", *numbers), rows, right=numbers))
    for estimate in health.estimates:
        out.print(estimate_line(estimate), markup=False)


def labels_line(labels: LabelHealth) -> str:
    """What became of the labels, in one line."""
    coverage = "" if labels.coverage is None else f", coverage {labels.coverage:.1%}"
    delay = "" if labels.delay_p50_s is None else f", median delay {labels.delay_p50_s:,.0f} s"
    waiting = "" if labels.waiting is None else f", about {labels.waiting:,} waiting"
    unavailable = f", {labels.unavailable:,} unavailable" if labels.unavailable else ""
    return (
        f"labels {labels.known:,} known, {labels.corrected:,} corrected, {labels.expired:,} expired{unavailable}"
        f"{waiting}{coverage}{delay}"
    )


def _show_models(health: Health) -> None:
    names = sorted({name for model in health.models for name in model.metrics})
    rows = []
    for model in health.models:
        role = "champion" if model.champion else "baseline" if model.baseline else "shadow"
        # Before its first label a metric is 0, which is no measurement.
        overall = [_number(model.metrics.get(name) if model.count else None) for name in names]
        rolling = [_number(model.rolling.get(name) if model.count else None) for name in names]
        rows.append((f"{model.model}@{model.version}", role, f"{model.count:,}", *overall, *rolling))
    numbers = ("labels", *names, *(f"{name}, last {health.window:,}" for name in names))
    console().print(table(("model", "role", *numbers), rows, right=numbers))


def objective_row(objective: ObjectiveHealth) -> tuple[str, ...]:
    """One bound: what it is, how it stands, on what evidence."""
    return (
        objective.name,
        objective.state.replace("_", " "),
        _number(objective.value),
        _interval(objective.interval),
        f"{objective.count:,}",
        f"{objective.since:,}",
        _time(objective.until),
    )


def group_row(group: GroupHealth, champion: ModelHealth, names: list[str]) -> tuple[str, ...]:
    """One value of a group, with the champion's metrics on it."""
    models = (one for one in group.models if (one.model, one.version) == (champion.model, champion.version))
    on_group = next(models, None)
    overall, rolling = (on_group.metrics, on_group.rolling) if on_group else ({}, {})
    count = on_group.rolling_count if on_group else None
    return (
        group.group,
        "all others" if group.other else "none" if group.value is None else str(group.value),
        f"{group.known:,}",
        "" if group.coverage is None else f"{group.coverage:.1%}",
        _seconds(group.delay_p50_s),
        _seconds(group.delay_p90_s),
        *(_number(overall.get(name)) for name in names),
        "" if count is None else f"{count:,}",
        *(_number(rolling.get(name)) for name in names),
    )


def estimate_line(estimate: Estimate) -> str:
    """A guess, marked as one."""
    about = "events whose label expired" if estimate.about == "expired" else "newest events"
    metrics = ", ".join(f"{name} {value:.4f}" for name, value in sorted(estimate.metrics.items()))
    return (
        f"Estimate without labels, invalid under {estimate.invalid_under}: {estimate.model}@{estimate.version} "
        f"{metrics} on the last {estimate.count:,} {about}"
    )


def _interval(interval: Interval | None) -> str:
    return "" if interval is None else f"{interval.low:.4f} to {interval.high:.4f}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f} s"


def _time(value: datetime | None) -> str:
    return "" if value is None else f"{value:%Y-%m-%d %H:%M}"
