"""What was sent and what came back: the one account that screen, summary and sender look at."""

from __future__ import annotations

import threading
import time
from array import array
from bisect import bisect_left
from collections import deque
from datetime import datetime

from headrace.demo.compared import Compared
from headrace.demo.decisions import Decisions
from schemas.examples import Control, Example, LogRecord, Notice, Profile
from schemas.health import Health
from schemas.predictions import Prediction

#: Predictions in the latencies of the screen, and seconds in its rate.
RECENT = 2_000
RATE_S = 5.0


class Tally:
    """Counts of a run; whoever touches it holds ``changed``, which is notified of all that comes back.

    Parameters
    ----------
    challengers_max
        As the pipeline declares.

    Attributes
    ----------
    events, labels
        Sent so far.
    answered, learnt
        Events with a prediction, and labels that are in the learning log; each event and label counts once.
    repeated
        Predictions of an event that had one, or of none that was sent; and the same of labels in the log.
    expired, rejected
        Events whose label did not come in time, and records that were rejected.
    serving
        Whether a worker has begun: it has declared its models in the log.
    first_sent_s, last_back_s
        When, by the monotonic clock, the first event went out, and the last prediction or label came back.
    latencies_ms
        Milliseconds from each event to its prediction, both as Kafka took them.
    behind
        For each prediction, how many labels sent before its event its state had not learnt.
    moment
        When, in 2013, what was sent last happened.
    decisions, compared
        What was decided, and how good the models were.
    """

    def __init__(self, challengers_max: int = 0) -> None:
        self.changed = threading.Condition()
        self.events = self.labels = 0
        self.answered = self.learnt = 0
        self.repeated = self.expired = self.rejected = 0
        self.moment: datetime | None = None
        self.health: Health | None = None
        self.last: Prediction | None = None
        self.serving = False
        self.first_sent_s = self.last_back_s = 0.0
        self.latencies_ms = array("f")
        self.behind = array("l")
        # What is under way: of an event, how many labels were sent before it.
        self._events: dict[str, int] = {}
        self._labels: set[str] = set()
        self._offsets = array("q")
        self._log_read = 0
        self._unplaced: deque[tuple[int, int]] = deque()
        self.decisions = Decisions(challengers_max)
        self.compared = Compared()
        self._rates: deque[tuple[float, int]] = deque([(time.monotonic(), 0)])

    @property
    def unanswered(self) -> int:
        """Events under way."""
        return len(self._events)

    @property
    def unlearnt(self) -> int:
        """Labels under way."""
        return len(self._labels)

    @property
    def waiting(self) -> int:
        """Events that have their prediction and wait for their label."""
        return max(0, self.answered - self.learnt - self.expired)

    @property
    def state(self) -> str | None:
        """``model@version:position`` of the last prediction."""
        last = self.last
        return None if last is None else f"{last.model}@{last.version}:{last.position}"

    def sent_event(self, id: str, moment: datetime) -> None:
        """An event goes out."""
        self.first_sent_s = self.first_sent_s or time.monotonic()
        self.events += 1
        self.moment = moment
        self._events[id] = self.labels

    def sent_label(self, id: str, moment: datetime) -> None:
        """A label goes out."""
        self.labels += 1
        self.moment = moment
        self._labels.add(id)

    def prediction(self, prediction: Prediction, appended_ms: int) -> None:
        """A prediction came back; ``appended_ms`` is when Kafka took it."""
        labels_before = self._events.pop(prediction.id, None)
        if labels_before is None:
            self.repeated += 1
            return
        self.answered += 1
        self.last = prediction
        self.last_back_s = time.monotonic()
        self.latencies_ms.append(max(0.0, appended_ms - prediction.received.timestamp() * 1000))
        self._unplaced.append((prediction.position, labels_before))

    def logged(self, offset: int, record: LogRecord) -> None:
        """A record of the learning log came."""
        self._log_read = offset + 1
        match record:
            case Control():
                self.serving = True
                self.decisions.control(record)
                self.compared.control(record)
            case Profile() | Notice():
                pass
            case Example(label=None):
                self.expired += 1
            case Example():
                self._labelled(offset, record)

    def _labelled(self, offset: int, example: Example) -> None:
        if example.id not in self._labels:
            self.repeated += 1
            return
        self._labels.remove(example.id)
        self.learnt += 1
        self.last_back_s = time.monotonic()
        self.expired -= example.previous is None and example.status == "corrected"
        self._offsets.append(offset)
        self.compared.example(example)

    def reported(self, health: Health) -> None:
        """A health report came."""
        self.health = health

    def settle(self) -> None:
        """Find out how far behind the states were whose place in the log has been read by now."""
        while self._unplaced and self._unplaced[0][0] <= self._log_read:
            position, labels_before = self._unplaced.popleft()
            self.behind.append(max(0, labels_before - bisect_left(self._offsets, position)))
        now = time.monotonic()
        self._rates.append((now, self.answered))
        while len(self._rates) > 2 and now - self._rates[1][0] > RATE_S:
            self._rates.popleft()

    def rate(self) -> float:
        """Predictions a second over the last seconds."""
        (began_s, before), now = self._rates[0], time.monotonic()
        return (self.answered - before) / max(now - began_s, 1e-3)


def quantile(values: array[float] | array[int], share: float, *, last: int | None = None) -> float | None:
    """The value below which this share of the values lies, or of the last so many; ``None`` if there are none."""
    ordered = sorted(values if last is None else values[-last:])
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else None
