"""``alerts``: what a person should know, in the shape of an Alertmanager alert."""

from __future__ import annotations

from typing import Literal

from schemas.values import Record, Time

Severity = Literal["critical", "warning", "info"]


class Alert(Record, frozen=True, kw_only=True):
    """One alert; the key on the topic is its fingerprint, so the newest record is its state.

    Parameters
    ----------
    labels
        What it is about; ``alertname``, ``pipeline`` and ``severity`` are always there.
    annotations
        ``summary``, ``description`` and ``action`` for a person, ``value`` as a number.
    starts_at, ends_at
        Event time at which its cause began, and was over.
    fingerprint
        Alertmanager's for these labels.
    position
        Of the learning log, behind the record that has changed it last.
    tell
        Whether this change is worth a message.
    acknowledged_by
        Who has taken it up.
    silenced_by
        Ids of the silences that match it.
    inhibited_by
        Fingerprints of the alerts that explain it.
    """

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, str] = {}
    starts_at: Time
    ends_at: Time | None = None
    fingerprint: str
    position: int = 0
    tell: bool = False
    acknowledged_by: str | None = None
    silenced_by: list[str] = []
    inhibited_by: list[str] = []

    @property
    def name(self) -> str:
        """What kind of alert it is."""
        return self.labels["alertname"]

    @property
    def severity(self) -> str:
        """How bad it is."""
        return self.labels["severity"]

    @property
    def suppressed(self) -> bool:
        """Whether nobody is to be told."""
        return bool(self.silenced_by or self.inhibited_by)
