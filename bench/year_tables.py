"""The tables of a year, in Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def tables(found: dict[str, Any]) -> str:
    """Everything, from what ``bench.year`` measured."""
    parts = [
        overall(found["contenders"]),
        "Log loss by month",
        by_month(found["contenders"], "log_loss", ".3f"),
        "Area under the ROC curve by month",
        by_month(found["contenders"], "auc", ".3f"),
        "Calibration error by month",
        by_month(found["contenders"], "calibration_error", ".3f"),
        "Who took over, and what hindsight says of it",
        decisions(found["changes"]),
        "What was trained, each version on the flights that it answered",
        challengers(found["challengers"]),
        f"Retrainings that were asked for and had no room to the end of the year: {found['retrainings_waiting']}.",
        "Other policies on the same log",
        policies(found["policies"]),
    ]
    return "\n\n".join(parts)


def overall(contenders: dict[str, Any]) -> str:
    """One row for each contender."""
    rows = [
        [
            name,
            _number(each["year"]["log_loss"], ".4f"),
            _number(each["year"]["auc"], ".4f"),
            _number(each["year"]["calibration_error"], ".4f"),
            _gap(each["loop_loses_less"]),
        ]
        for name, each in contenders.items()
    ]
    return table(["contender", "log loss", "AUC", "calibration error", "the loop loses less by"], rows)


def by_month(contenders: dict[str, Any], metric: str, form: str) -> str:
    """One row for each contender, one column for each month."""
    rows = [
        [name, *(_number(None if month is None else month[metric], form) for month in each["months"])]
        for name, each in contenders.items()
    ]
    return table(["contender", *_MONTHS], rows)


def decisions(changes: Sequence[dict[str, Any]]) -> str:
    """One row for each change of who is in charge."""
    rows = [
        [
            each["time"].replace("T", " "),
            each["verdict"].replace("_", " "),
            f"{each['before']} → {each['state']}",
            f"{each['labels']:,}",
            f"{each['e_value']:,.0f} ({each['threshold']:,.0f})",
            _gap(each["later"]),
            _gap(each["reign"]),
            "false" if each["is_false"] else "right",
        ]
        for each in changes
    ]
    head = ["decided", "", "who", "labels", "e-value (needed)", "gain in 30 days", "gain in its reign", "in hindsight"]
    return table(head, rows)


def challengers(trained: Iterable[dict[str, Any]]) -> str:
    """One row for each trained version."""
    rows = [
        [
            each["state"],
            each["time"].replace("T", " "),
            each["trigger"],
            f"{each['examples']:,}",
            f"{each['flights']:,}",
            _number(each["log_loss"], ".4f"),
            _gap(each["first_loses_more"]),
            _gap(each["loop_loses_more"]),
        ]
        for each in trained
    ]
    told = ["version", "joined", "because of", "labels learnt", "flights", "log loss"]
    head = [*told, "better than version 1 by", "than the served by"]
    return table(head, rows)


def policies(found: Iterable[dict[str, Any]]) -> str:
    """One row for each policy."""
    rows = [
        [
            each["name"],
            _number(each["log_loss"], ".4f"),
            f"{each['promotions']}",
            f"{each['false_promotions']}",
            f"{each['rollbacks']}",
            f"{each['false_rollbacks']}",
        ]
        for each in found
    ]
    return table(["policy", "log loss", "promotions", "false", "ways back", "false"], rows)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; all columns but the first are to the right."""
    lines = [f"| {' | '.join(head)} |", f"| --- |{' --: |' * (len(head) - 1)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _number(value: float | None, form: str) -> str:
    if value is None:
        return ""
    # A policy may put a version in charge that the loop's own log has taken out: then nobody knows what it would say.
    return "–" if math.isnan(value) else format(value, form)


def _gap(gap: dict[str, Any] | None) -> str:
    if gap is None:
        return ""
    error = "" if gap["standard_error"] is None else f" ± {gap['standard_error']:.4f}"
    return f"{gap['mean']:z.4f}{error}"
