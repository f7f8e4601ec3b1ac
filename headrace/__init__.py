"""Headrace keeps machine-learning models right while the world changes, on Apache Kafka."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from models.monitoring import Alerts, Drift, Objective, Sliding
from models.pipeline import Field, Label, Pipeline
from models.policies import Promotion, Retention, Retraining, Search

if TYPE_CHECKING:
    from headrace.async_client import AsyncClient
    from headrace.client import Client

__version__ = "0.1.0"

__all__ = [
    "Alerts",
    "AsyncClient",
    "Client",
    "Drift",
    "Field",
    "Label",
    "Objective",
    "Pipeline",
    "Promotion",
    "Retention",
    "Retraining",
    "Search",
    "Sliding",
]

# A pipeline file and the command line's help need no Kafka library.
_WHEN_ASKED_FOR = {"AsyncClient": "headrace.async_client", "Client": "headrace.client"}


def __getattr__(name: str) -> Any:
    if name in _WHEN_ASKED_FOR:
        return getattr(import_module(_WHEN_ASKED_FOR[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
