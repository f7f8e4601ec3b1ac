"""Events and labels from a seed: with duplicates of both, labels before their event, and labels that never come."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field

from streams.partitioner import partition_of
from tests.broker.deployment import PARTITIONS, Deployment

#: Event time moves on by so many seconds with each event, so that a label is due 600 events after its event.
STEP_S = 1.0
DUE_S = 600.0

START_S = 1_700_000_000.0

#: A label comes at most so many events after its own: well before it is due.
DELAY_EVENTS_MAX = 200

DUPLICATES = 0.03
EARLY = 0.02
NEVER = 0.03


@dataclass
class Traffic:
    """What is sent, and what must become of it.

    Parameters
    ----------
    deployment
        Where to.
    seed
        Of everything that is random.
    keys
        So many keys come again and again; ``None``: each event has its own, which is its id.
    """

    deployment: Deployment
    seed: int
    keys: int | None = None
    events: int = 0
    labels: dict[str, bool] = field(default_factory=dict)
    unlabelled: dict[str, float] = field(default_factory=dict)
    newest_s: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._waiting: list[tuple[str, bool]] = []

    def send(self, count: int) -> None:
        """So many events, and about as many labels, of these and of earlier events."""
        for _ in range(count):
            self._event()
            if len(self._waiting) > DELAY_EVENTS_MAX // 2:
                self._label(*self._waiting.pop(self._random.randrange(len(self._waiting))))
            # The oldest must not be unlucky for too long.
            if len(self._waiting) > 1 and self.events - int(self._waiting[0][0]) > DELAY_EVENTS_MAX:
                self._label(*self._waiting.pop(0))
        self.deployment.flush()

    def finish(self) -> None:
        """All labels that are still to come."""
        for id, label in self._waiting:
            self._label(id, label)
        self._waiting.clear()
        self.deployment.flush()

    def _event(self) -> None:
        id = f"{self.events:06}"
        at = START_S + self.events * STEP_S
        a, b = self._random.gauss(0, 1), self._random.gauss(0, 1)
        label = a + 0.5 * b + self._random.gauss(0, 0.5) > 0
        value = json.dumps({"id": id, "at": at, "a": a, "b": b, "word": ""}).encode()
        fate = self._random.random()
        if fate < EARLY:
            self._label(id, label)
        elif fate < EARLY + NEVER:
            self.unlabelled[id] = at
        else:
            self._waiting.append((id, label))
        for _ in range(self._times()):
            self.deployment.send("events", self._key(id), value)
        self.newest_s[partition_of(self._key(id).encode(), PARTITIONS)] = at
        self.events += 1

    def _label(self, id: str, label: bool) -> None:
        self.labels[id] = label
        for _ in range(self._times()):
            self.deployment.send("feedback", self._key(id), json.dumps({"id": id, "label": label}).encode())

    def _key(self, id: str) -> str:
        return id if self.keys is None else f"key-{int(id) % self.keys}"

    def _times(self) -> int:
        return 2 if self._random.random() < DUPLICATES else 1

    @property
    def expired(self) -> set[str]:
        """The events whose label was not there when it was due."""
        return {
            id
            for id, at in self.unlabelled.items()
            if at + DUE_S < self.newest_s[partition_of(self._key(id).encode(), PARTITIONS)]
        }
