"""The table of records: which type each topic holds, under which name and version it goes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from schemas.alerts import Alert
from schemas.commands import Command
from schemas.drift import Drift
from schemas.examples import Control, Example, Notice, Profile
from schemas.features import Features
from schemas.feedback import LABEL_OR_NOT, Feedback
from schemas.health import Health
from schemas.models import Manifest
from schemas.predictions import Prediction
from schemas.promotions import Promotion
from schemas.rejects import Reject
from schemas.retrains import Retrain
from schemas.values import Record


@dataclass(frozen=True, slots=True)
class RecordType:
    """One kind of record.

    Parameters
    ----------
    noun
        The topic it lies on.
    type
        Its Python type.
    version
        Goes up only if a reader of the old version could be misled, which adding a field never does.
    rules
        JSON Schema of what its Python type cannot say.
    """

    noun: str
    type: type[Record]
    version: int = 1
    rules: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def name(self) -> str:
        """Its stable name, also the CloudEvents type: ``headrace.prediction.v1``."""
        return f"headrace.{self.type.__name__.lower()}.v{self.version}"

    def json_schema(self) -> dict[str, Any]:
        """Its JSON Schema (2020-12)."""
        return {**msgspec.json.schema(self.type), **self.rules}


RECORDS: tuple[RecordType, ...] = (
    RecordType("features", Features),
    RecordType("predictions", Prediction),
    RecordType("feedback", Feedback, rules=LABEL_OR_NOT),
    RecordType("examples", Example),
    RecordType("examples", Control),
    RecordType("examples", Profile),
    RecordType("examples", Notice),
    RecordType("health", Health),
    RecordType("drift", Drift),
    RecordType("retrains", Retrain),
    RecordType("promotions", Promotion),
    RecordType("models", Manifest),
    RecordType("alerts", Alert),
    RecordType("commands", Command),
    RecordType("rejects", Reject),
)


def record_type(of: type[Record]) -> RecordType:
    """The entry of a Python type."""
    return next(entry for entry in RECORDS if entry.type is of)
