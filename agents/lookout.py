"""What the leader sees by its clock, and takes down in the log: records that wait, lanes that stand still."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence

from models.backlogs import Backlogs, Lane
from models.conditions import CHECKPOINT_REFUSED, LAG, STALLED
from models.pipeline import Pipeline, duration
from schemas.errors import HeadraceError
from schemas.examples import Notice
from streams.lag import Lags
from streams.members import LOG
from streams.settings import Settings
from streams.topology import Topology

#: Seconds from one look to the next.
LOOK_S = 5.0


class Lookout:
    """Asks the brokers now and then how far behind the workers are.

    Parameters
    ----------
    pipeline, settings, topology
        Of what, where, and how much is too much.
    """

    def __init__(self, pipeline: Pipeline, settings: Settings, topology: Topology) -> None:
        self._partitions = range(pipeline.partitions)
        self._waiting_s_max = duration(pipeline.alerts.lag).total_seconds()
        self._still_s_max = duration(pipeline.alerts.stalled).total_seconds()
        self._lags = Lags(settings, topology)
        #: Why checkpoints were refused at the start, until that is said.
        self.refused: Sequence[str] = ()
        self.begin()

    def begin(self) -> None:
        """Another worker may have led meanwhile: what was seen before says nothing."""
        self._backlogs = Backlogs()
        self._asked_s = 0.0
        self._answer: list[tuple[float, dict[Lane, tuple[int, int]]]] = []
        self._asking: threading.Thread | None = None

    def look(self, open: Iterable[str]) -> Iterator[Notice]:
        """What has changed, once an answer is there. It does not wait for one: this is passed with every batch.

        Parameters
        ----------
        open
            The troubles of which the log knows.
        """
        if self.refused:
            yield trouble(CHECKPOINT_REFUSED, "; ".join(self.refused))
            self.refused = ()
        now_s = time.monotonic()
        if self._answer:
            self._backlogs.look(*self._answer.pop())
            yield from self._changes(set(open))
        elif now_s - self._asked_s >= LOOK_S and not (self._asking and self._asking.is_alive()):
            self._asked_s = now_s
            self._asking = threading.Thread(target=self._ask, args=(self._answer,), name="lookout", daemon=True)
            self._asking.start()

    def _ask(self, answer: list[tuple[float, dict[Lane, tuple[int, int]]]]) -> None:
        try:
            found = self._lags.read(self._partitions)
        except HeadraceError:
            # Without an answer nothing is said. A broker that is away stops everybody, and is not told by its topics.
            return
        answer.append((time.monotonic(), {lane: place for lane, place in found.items() if lane[0] != LOG}))

    def _changes(self, open: set[str]) -> Iterator[Notice]:
        backlogs = self._backlogs
        waiting_s, still, count = backlogs.waiting_s(), backlogs.stalled(self._still_s_max), backlogs.records()
        records = f"{count:,} records wait"
        found = {}
        if waiting_s > self._waiting_s_max:
            found[LAG] = f"{records}, the oldest for {waiting_s:.0f} s"
        if still:
            lanes = ", ".join(f"{noun}[{partition}]" for noun, partition in still)
            found[STALLED] = f"nothing was done on {lanes} for more than {self._still_s_max:.0f} s; {records}"
        # What a leader before has seen is over once this one knows it.
        sure = {LAG: not count or backlogs.watched_s > self._waiting_s_max, STALLED: not backlogs.untouched()}
        for name in (LAG, STALLED):
            if name in found and name not in open:
                yield trouble(name, found[name])
            elif name in open and name not in found and sure[name]:
                yield Notice(action="recovered", command="", target=name, by="leader", reason=records)


def trouble(name: str, reason: str) -> Notice:
    """Something is wrong that no other record tells."""
    return Notice(action="troubled", command="", target=name, by="leader", reason=reason)
