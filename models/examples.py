"""What becomes of each event of one partition: its label comes, again, changed, too late, or never.

The life of an event's label::

    event ──> waiting ──label──> known ──another label──> known (an example with status `corrected`)
                 │                                             ┌──label──> known (`corrected`, no previous)
                 ├──due, none came──> expired ─────────────────┤
                 └──"unavailable"──> unavailable ──────────────┘
    known or expired ──"unavailable"──> unavailable (it replaces the one or the other)
    label before its event ──> early ──event──> known, or unavailable
                                 └──no event while it is remembered──> rejected (`label_unmatched`)

Everything is forgotten when it is past ``remember``; until then a repeated event or label is a duplicate, and so is
a label that is unavailable again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Literal

from models.pipeline import Pipeline
from models.waiting import Packing, Served, Waiting
from models.watermarks import Watermark
from schemas.errors import BadRecord
from schemas.examples import Example, Status
from schemas.feedback import Feedback
from schemas.values import Address, LabelValue


class Lack(Enum):
    """Why an event whose life is settled has no label."""

    EXPIRED = "expired"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Early:
    """A label that waits for its event.

    Parameters
    ----------
    feedback, address
        The label and where it lies.
    key, value
        The record as it came, for the case that it must be rejected.
    since
        Event time of the partition when it came.
    """

    feedback: Feedback
    address: Address
    key: bytes | None
    value: bytes
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Unmatched:
    """An early label that is given up, and why."""

    early: Early
    error: BadRecord


class Examples:
    """The remembered events and early labels of one partition.

    Parameters
    ----------
    pipeline
        Its timeouts and bounds.
    partition
        Which partition of ``events`` and ``feedback``.
    packing
        Shared by all partitions of a worker.
    """

    def __init__(self, pipeline: Pipeline, partition: int, packing: Packing) -> None:
        self.partition = partition
        self.watermark = Watermark()
        self.waiting = Waiting(packing)
        self.settled = Waiting(packing)
        self.early: dict[str, Early] = {}
        self._labels: dict[str, LabelValue | Lack] = {}
        self._arrived: set[str] = set()
        self._timeout = pipeline.timeout
        self._remember = pipeline.remember
        self._events_max = pipeline.waiting_events_max
        self._early_max = pipeline.early_labels_max

    @property
    def after_due(self) -> timedelta:
        """For how long after it was due an event is still remembered."""
        return self._remember - self._timeout

    def arrive(self, id: str) -> bool:
        """Whether an event is new; from now on it is not."""
        if id in self._arrived or self.knows(id):
            return False
        self._arrived.add(id)
        return True

    def dismiss(self, id: str) -> None:
        """An event that arrived was rejected: it is as if it had not come."""
        self._arrived.discard(id)

    def due(self, time: datetime) -> datetime:
        """Until when the label of an event with this event time is waited for.

        It counts from the event time of the stream, so that an event that comes late is waited for as long as
        any other.
        """
        return self.watermark.event(time) + self._timeout

    def remember(self, id: str, served: Served) -> Example | None:
        """Remember what was served; gives the example at once if the label was early."""
        self._arrived.discard(id)
        self.waiting.add(id, served)
        early = self.early.pop(id, None)
        return None if early is None else self.label(early.feedback)

    def knows(self, id: str) -> bool:
        """Whether a label with this id has its event here."""
        return id in self.waiting or (id in self.settled and not self._is_past(id))

    def _is_past(self, id: str) -> bool:
        """Forget a settled event if it is time.

        :meth:`forget` may be late: what expired was settled behind younger events whose label came at once.
        """
        safe = self.watermark.safe
        if safe is None or self.settled.get(id).due >= safe - self.after_due:
            return False
        self._forget(id)
        return True

    def label(self, feedback: Feedback) -> Example | None:
        """The example that a label makes; ``None`` for a label that is known already."""
        id = feedback.id
        has_label = feedback.label is not None
        label = Lack.UNAVAILABLE if feedback.label is None else feedback.label
        if id in self.waiting:
            served = self.waiting.move(id, self.settled)
            self._labels[id] = label
            return self._example(id, served, "known" if has_label else "unavailable", feedback)
        before = self._labels[id]
        if before == label:
            return None
        self._labels[id] = label
        served = self.settled.get(id)
        return self._example(id, served, "corrected" if has_label else "unavailable", feedback, before)

    def wait_for_event(self, early: Early) -> Unmatched | None:
        """Keep a label whose event has not come; gives the oldest one that falls out at the bound."""
        self.early.pop(early.feedback.id, None)
        self.early[early.feedback.id] = early
        if len(self.early) <= self._early_max:
            return None
        return self._give_up("label_bound", f"more than {self._early_max} labels of this partition wait for events")

    def expire(self) -> Iterator[Example]:
        """The examples of events whose label did not come in time, or that fall out at the bound."""
        safe = self.watermark.safe
        expired = list(self.waiting.until(safe)) if safe is not None else []
        for id, served in expired:
            self.waiting.move(id, self.settled)
            self._labels[id] = Lack.EXPIRED
            yield self._example(id, served, "expired")
        while len(self.waiting) + len(self.settled) > self._events_max:
            if self._forget_oldest():
                continue
            id, served = self.waiting.pop_oldest()
            yield self._example(id, served, "expired")

    def forget(self) -> datetime | None:
        """Forget what is past ``remember``; returns the time before which nothing due is remembered."""
        if self.watermark.safe is None:
            return None
        forgotten = self.watermark.safe - self.after_due
        for id in [id for id, _ in self.settled.until(forgotten)]:
            self._forget(id)
        return forgotten

    def unmatched(self) -> Iterator[Unmatched]:
        """The early labels whose event did not come."""
        safe = self.watermark.safe
        while self.early and safe is not None:
            oldest = next(iter(self.early.values()))
            if oldest.since is not None and oldest.since + self._remember >= safe:
                return
            if oldest.since is None:
                # It came before any event: its time starts now.
                self.early = {id: _since(early, safe) for id, early in self.early.items()}
                return
            yield self._give_up(
                "label_unmatched",
                "no event with this id came by this partition while its label was waited for: the id is "
                "unknown, the event expired long ago, or its key put it in another partition",
            )

    def restore(self, id: str, served: Served, status: Status | None, label: LabelValue | None) -> None:
        """Remember an event again as the topics tell it: what was served, what the log says of its label."""
        self.watermark.event(served.due - self._timeout)
        if status is None:
            self.waiting.add(id, served)
        else:
            self.settled.add(id, served)
            lack = Lack.UNAVAILABLE if status == "unavailable" else Lack.EXPIRED
            self._labels[id] = lack if label is None else label

    def _forget_oldest(self) -> bool:
        oldest = self.settled.oldest()
        if oldest is None:
            return False
        self._forget(oldest[0])
        return True

    def _forget(self, id: str) -> None:
        self.settled.pop(id)
        del self._labels[id]

    def _give_up(self, reason: str, detail: str) -> Unmatched:
        id = next(iter(self.early))
        return Unmatched(self.early.pop(id), BadRecord(reason, detail, "$.id"))

    def _example(
        self,
        id: str,
        served: Served,
        status: Status,
        feedback: Feedback | None = None,
        before: LabelValue | Lack | None = None,
    ) -> Example:
        previous, replaces = _replaced(before) if before is not None else (None, None)
        return Example(
            id=id,
            partition=self.partition,
            time=served.time,
            status=status,
            label=None if feedback is None else feedback.label,
            previous=previous,
            replaces=replaces,
            labelled=None if feedback is None else feedback.time,
            reason=None if feedback is None else feedback.reason,
            features=served.features,
            said=served.said,
            position=served.position,
            served=served.served,
        )


def _replaced(before: LabelValue | Lack) -> tuple[LabelValue | None, Literal["known", "expired", "unavailable"]]:
    """The label that stood there, if there was one, and what the event was."""
    return (None, before.value) if isinstance(before, Lack) else (before, "known")


def _since(early: Early, since: datetime) -> Early:
    if early.since is not None:
        return early
    return Early(early.feedback, early.address, early.key, early.value, since)
