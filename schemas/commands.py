"""``commands``: what people ask the leader to do."""

from __future__ import annotations

from typing import Literal

from schemas.values import Record, Time


class Command(Record, frozen=True, kw_only=True):
    """One request of one person."""

    id: str
    action: Literal["retrain", "promote", "roll_back", "approve", "reject", "pause", "resume", "retire"]
    model: str | None = None
    version: int | None = None
    by: str
    reason: str
    time: Time
