"""The line: the state that the agents of one worker share, and the channels between them."""

from __future__ import annotations

import asyncio
import pickle
from datetime import datetime
from importlib.metadata import version
from typing import Any

from agents.rebuild import rebuild
from agents.work import Work
from models.examples import Examples
from models.features import Preparation
from models.feedback import Labels
from models.health import Monitor
from models.learning import Learning, fresh_from
from models.pipeline import Pipeline
from models.waiting import Packing
from schemas.codec import cloud_event_headers
from schemas.errors import CheckpointRefused
from schemas.records import RECORDS
from streams.batches import Batch, Headers, Outgoing
from streams.checkpoints import SLOTS, Checkpoints
from streams.marks import Marks
from streams.members import Assignment, Lane
from streams.settings import Settings
from streams.topology import Topology

#: A checkpoint is only loaded by the same minor versions of these.
LIBRARIES = ("river", "numpy")


class Line:
    """What the agents of one worker share.

    Only one batch is under way at a time, so nothing here needs a lock: the source's thread touches it only while
    no agent works.

    Parameters
    ----------
    pipeline, settings
        What to compute, and within which bounds.
    topology
        The topics.
    """

    def __init__(self, pipeline: Pipeline, settings: Settings, topology: Topology) -> None:
        self.pipeline = pipeline
        self.settings = settings
        self.topology = topology
        self.duplicates = 0
        self._channels: list[Any] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._checkpoints = Checkpoints(settings, topology, {name: version(name) for name in LIBRARIES})
        self._reset()

    def _reset(self) -> None:
        self.caught_up = False
        #: Whether this worker, as the leader, has compared the log's models with the declared ones.
        self.declared = False
        #: Up to where in the log the leader before has reported.
        self.spoken = 0
        self.preparation = Preparation(self.pipeline)
        self.labels = Labels(self.pipeline)
        self.learning = Learning(self.pipeline, fresh_from(self.pipeline))
        self.monitor = Monitor(self.pipeline)
        self.examples: dict[int, Examples] = {}
        self.marks: dict[int, Marks] = {}
        self._packing = Packing()
        self._slot = 0

    def connect(self, channels: list[Any], loop: asyncio.AbstractEventLoop) -> None:
        """Batches go through these channels, in this order."""
        self._channels = channels
        self._loop = loop

    def headers(self, noun: str) -> Headers:
        """CloudEvents headers of the records on a topic."""
        record = next(entry for entry in RECORDS if entry.noun == noun)
        return cloud_event_headers(self.pipeline.name, record)

    # What the source asks for, from its own thread.

    @property
    def serving(self) -> bool:
        """Whether there are models to serve from, as fresh as the log was at the start."""
        return self.caught_up and self.learning.champion is not None

    def begin(self) -> int:
        """Forget everything and load the newest checkpoint; gives the log position to read from."""
        self._reset()
        newest = self._checkpoints.newest(_load)
        if newest is not None:
            manifest, state = newest
            self.learning.restore(state["learning"])
            self.monitor.restore(state["monitor"])
            self._slot = SLOTS.index(manifest.slot) + 1
        return self.learning.position

    def assign(self, assignment: Assignment) -> int:
        """Rebuild what belongs to these partitions; gives the log position to read from."""
        self.caught_up = self.declared = False
        self.examples, self.marks = {}, {}
        for partition in sorted(assignment.partitions):
            self.examples[partition], self.marks[partition] = rebuild(
                self.pipeline, self.settings, self.topology, self._packing, partition, assignment
            )
        if not assignment.leads:
            return self.learning.position
        committed = assignment.committed.get(("examples", 0))
        self.spoken = committed.offset if committed else 0
        if self.monitor.position < self.learning.position:
            newest = self._checkpoints.newest(_load)
            if newest is not None and newest[0].position > self.monitor.position:
                self.monitor.restore(newest[1]["monitor"])
        return min(self.monitor.position, self.learning.position)

    def process(self, batch: Batch) -> None:
        """Send a batch through all agents; it says itself when it is done."""
        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(self._channels[0].put(Work(batch)), self._loop)

    def committed(self, batch: Batch, last: dict[Lane, int]) -> None:
        """The batch is written."""
        log = last.get(("examples", 0))
        for partition in batch.metadata:
            self.marks[partition].written(last.get(("features", partition)), last.get(("predictions", partition)), log)

    # What the agents ask for, from the event loop.

    async def forward(self, work: Work) -> None:
        """Hand a batch to the next agent, unless one has failed on it."""
        if work.batch.error is None:
            work.stage += 1
            await self._channels[work.stage].put(work)

    def finish(self, work: Work) -> None:
        """The last agent is through."""
        self.duplicates += work.duplicates
        work.batch.done.set()

    def checkpoint(self, now: datetime) -> list[Outgoing]:
        """The records of a checkpoint of the state as it is."""
        state = {"learning": self.learning.state(), "monitor": self.monitor.state()}
        slot = SLOTS[self._slot % len(SLOTS)]
        self._slot += 1
        return self._checkpoints.write(slot, self.learning.position, pickle.dumps(state, protocol=5), now)


def _load(content: bytes) -> dict[str, Any]:
    """A verified checkpoint as the state it was made from."""
    try:
        state = pickle.loads(content)  # the signature has been verified
    except Exception as error:  # a class may have moved, a library may be missing
        raise CheckpointRefused(f"it does not load here: {error!r}") from error
    assert isinstance(state, dict)
    return state
