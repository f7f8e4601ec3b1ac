"""The pieces of a Grafana dashboard: panels with queries, in rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

#: Columns of Grafana's grid.
COLUMNS = 24

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}

#: In every query: the pipeline that is chosen above.
PIPELINE = 'pipeline=~"$pipeline"'


class Query(NamedTuple):
    """One query and the name of its series."""

    expr: str
    legend: str = ""


class Panel(NamedTuple):
    """One panel.

    Parameters
    ----------
    kind
        ``timeseries``: over time; ``stat``: the newest value, large; ``table``: one row per series.
    unit
        Grafana's name of the unit.
    width, height
        In the grid's units.
    """

    title: str
    queries: Sequence[Query]
    unit: str = "short"
    kind: Literal["timeseries", "stat", "table"] = "timeseries"
    width: int = 12
    height: int = 8
    about: str = ""


def dashboard(name: str, title: str, panels: Sequence[Panel]) -> dict[str, Any]:
    """A dashboard as Grafana imports it, its panels from left to right and top to bottom."""
    placed, x, y, row_height = [], 0, 0, 0
    for number, panel in enumerate(panels, start=1):
        if x + panel.width > COLUMNS:
            x, y, row_height = 0, y + row_height, 0
        placed.append(_panel(panel, number, {"x": x, "y": y, "w": panel.width, "h": panel.height}))
        x, row_height = x + panel.width, max(row_height, panel.height)
    return {
        "uid": f"headrace-{name}",
        "title": f"Headrace / {title}",
        "tags": ["headrace"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "refresh": "15s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "links": [{"type": "dashboards", "tags": ["headrace"], "title": "Headrace", "asDropdown": False}],
        "templating": {"list": [_datasource(), _pipeline()]},
        "panels": placed,
    }


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    over_time = panel.kind == "timeseries"
    defaults: dict[str, Any] = {"unit": panel.unit, **({"custom": {"fillOpacity": 8}} if over_time else {})}
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": DATASOURCE,
        "gridPos": place,
        "targets": [_target(panel, letter, query) for letter, query in zip("ABCDEFGH", panel.queries, strict=False)],
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}} if over_time else {},
    }


def _target(panel: Panel, letter: str, query: Query) -> dict[str, Any]:
    target: dict[str, Any] = {"refId": letter, "expr": query.expr, "datasource": DATASOURCE}
    if query.legend:
        target["legendFormat"] = query.legend
    if panel.kind != "timeseries":
        target["instant"] = True
    if panel.kind == "table":
        target["format"] = "table"
    return target


def _datasource() -> dict[str, Any]:
    return {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus"}


def _pipeline() -> dict[str, Any]:
    return {
        "name": "pipeline",
        "type": "query",
        "label": "Pipeline",
        "datasource": DATASOURCE,
        "query": {"query": "label_values(headrace_build_info, pipeline)", "refId": "pipeline"},
        "refresh": 2,
        "includeAll": True,
        "multi": True,
        "current": {"text": "All", "value": "$__all"},
        "sort": 1,
    }
