"""``alerts``: what a person should know, in the shape of an Alertmanager alert."""

from __future__ import annotations

from typing import Literal

from schemas.values import Record, Time


class Alert(Record, frozen=True, kw_only=True):
    """One alert; the key on the topic is its fingerprint, so the newest record is its state."""

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, str] = {}
    starts_at: Time
    ends_at: Time | None = None
    fingerprint: str
