"""The line: the state that the agents of one worker share, and the channels between them."""

from __future__ import annotations

import asyncio
import pickle
from datetime import datetime
from importlib.metadata import version
from typing import Any

from agents.counts import Checkpoint, Counts
from agents.rebuild import rebuild
from agents.states import States, slot_of
from agents.tracing import Tracing
from agents.trainings import Running, tidy
from agents.work import Work
from models.alerts import Alerting
from models.drift import DriftMonitor
from models.examples import Examples
from models.features import Preparation
from models.feedback import Labels
from models.health import Monitor
from models.learning import Learning
from models.pipeline import Pipeline
from models.profiles import Profiler
from models.promotions import Verdicts
from models.references import References
from models.retrains import Retrains
from models.waiting import Packing
from schemas.codec import cloud_event_headers, decoder
from schemas.errors import CheckpointRefused
from schemas.records import RECORDS
from schemas.retrains import Retrain
from streams.batches import Batch, Headers, Outgoing
from streams.checkpoints import SLOTS, Checkpoints
from streams.log import LogReader
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
        #: What the metrics endpoint tells, added up per batch.
        self.counts = Counts()
        #: What is told of records that belong to a trace.
        self.tracing = Tracing()
        self._channels: list[Any] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._checkpoints = Checkpoints(settings, topology, {name: version(name) for name in LIBRARIES})
        #: What the leader is training now.
        self.running: Running | None = None
        self._reset()

    def _reset(self) -> None:
        self.caught_up = False
        #: Whether this worker owns the learning log in the consumer group.
        self.leads = False
        #: Whether this worker, as the leader, has compared the log's models with the declared ones.
        self.declared = False
        #: Up to where in the log the leader before has reported.
        self.spoken = 0
        self.preparation = Preparation(self.pipeline)
        self.labels = Labels(self.pipeline)
        self.states = States(self.pipeline, self.settings, self.topology, self._checkpoints)
        self.learning = Learning(self.pipeline, self.states)
        self.monitor = Monitor(self.pipeline)
        self.drift = DriftMonitor(self.pipeline)
        self.alerting = Alerting(self.pipeline)
        self.retrains = Retrains(self.pipeline)
        self.verdicts = Verdicts(self.pipeline)
        self._stop_training()
        self.references = References(self.pipeline)
        self.profilers: dict[int, Profiler] = {}
        self.examples: dict[int, Examples] = {}
        self.marks: dict[int, Marks] = {}
        self._packing = Packing()
        self._slot = 0
        #: Checkpoints that this leader has written.
        self._written = 0

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
        self.counts.begun()
        newest = self._checkpoints.newest(_load)
        if newest is not None:
            manifest, state = newest
            self.learning.restore(state["learning"])
            self.monitor.restore(state["monitor"])
            self.drift.restore(state.get("drift", {}))
            self._restore_alerting(state)
            # A checkpoint from before there were any has none: they are folded from the log's beginning.
            self.references.restore(state.get("references", {}))
            self.retrains.restore(state.get("retrains", {}))
            self.verdicts.restore(state.get("verdicts", {}))
            self._slot = SLOTS.index(manifest.slot) + 1
            self.counts.checkpoint = Checkpoint(manifest.position, manifest.size_bytes, manifest.created)
        return self._folded

    @property
    def _folded(self) -> int:
        """Up to where in the log every fold of a follower has come."""
        return min(self.learning.position, self.references.position)

    def assign(self, assignment: Assignment) -> int:
        """Rebuild what belongs to these partitions; gives the log position to read from."""
        self.caught_up = self.declared = False
        self.leads = assignment.leads
        self._written = 0
        self.counts.led(assignment.leads)
        self.examples, self.marks = {}, {}
        self.profilers = {partition: Profiler(self.pipeline, partition) for partition in assignment.partitions}
        for partition in sorted(assignment.partitions):
            self.examples[partition], self.marks[partition] = rebuild(
                self.pipeline, self.settings, self.topology, self._packing, partition, assignment
            )
        if not assignment.leads:
            self._stop_training()
            return self._folded
        committed = assignment.committed.get(("examples", 0))
        self.spoken = committed.offset if committed else 0
        if self.monitor.position < self.learning.position:
            newest = self._checkpoints.newest(_load)
            if newest is not None and newest[0].position > self.monitor.position:
                self.monitor.restore(newest[1]["monitor"])
                self.drift.restore(newest[1].get("drift", {}))
                self._restore_alerting(newest[1])
                self.retrains.restore(newest[1].get("retrains", {}))
                self.verdicts.restore(newest[1].get("verdicts", {}))
        self._hear_retrains()
        folds = (self.monitor, self.drift, self.retrains, self.verdicts)
        return min(self._folded, *(fold.position for fold in folds))

    def _hear_retrains(self) -> None:
        """What leaders have said about retrainings so far; what they asked for is still to be done."""
        folded = self.retrains.state()
        self.retrains = Retrains(self.pipeline)
        self.retrains.restore(folded)
        decode = decoder(Retrain)
        with LogReader(self.settings, self.topology.name("retrains"), 0, 0) as reader:
            for record in reader.to_end():
                self.retrains.hear(decode(record.value or b""))
        tidy(self.settings, self.pipeline.name, self.retrains.open)

    def _stop_training(self) -> None:
        """End the trainer, if there is one; what it wrote down is kept for the next leader on this machine."""
        if self.running is not None:
            self.running.process.stop()
            self.running = None

    def _restore_alerting(self, state: dict[str, Any]) -> None:
        if "alerting" in state:
            self.alerting.restore(state["alerting"])
        else:
            # A checkpoint from before there were alerts: what the other folds said until then is not said again.
            self.alerting.position = self.monitor.position

    def process(self, batch: Batch) -> None:
        """Send a batch through all agents; it says itself when it is done."""
        assert self._loop is not None
        work = Work(batch)
        self.counts.taken(work)
        asyncio.run_coroutine_threadsafe(self._channels[0].put(work), self._loop)

    def committed(self, batch: Batch, last: dict[Lane, int]) -> None:
        """The batch is written."""
        self.counts.committed(batch, self.spoken)
        log = last.get(("examples", 0))
        for partition in batch.metadata:
            self.marks[partition].written(last.get(("features", partition)), last.get(("predictions", partition)), log)

    # What the agents ask for, from the event loop.

    async def forward(self, work: Work) -> None:
        """Hand a batch to the next agent, unless one has failed on it."""
        if work.batch.error is None:
            self.counts.through(work)
            work.stage += 1
            await self._channels[work.stage].put(work)

    def finish(self, work: Work) -> None:
        """The last agent is through."""
        self.counts.through(work)
        self.duplicates += work.duplicates
        work.batch.done.set()

    def checkpoint(self, now: datetime) -> list[Outgoing]:
        """The records of a checkpoint of the state as it is."""
        state = {
            "learning": self.learning.state(),
            "monitor": self.monitor.state(),
            "drift": self.drift.state(),
            "alerting": self.alerting.state(),
            "references": self.references.state(),
            "retrains": self.retrains.state(),
            "verdicts": self.verdicts.state(),
        }
        slot = SLOTS[self._slot % len(SLOTS)]
        self._slot += 1
        content = pickle.dumps(state, protocol=5)
        self.counts.checkpoint = Checkpoint(self.learning.position, len(content), now)
        return self._checkpoints.write(slot, self.learning.position, content, now)

    def tidied(self) -> list[Outgoing]:
        """The records that delete the stored states of models that have left; once for each leader.

        Not with the first checkpoint: the one before may still be from a time when they were active.
        """
        self._written += 1
        if self._written != len(SLOTS):
            return []
        active = {(member.name, member.version) for member in self.learning.members.values()}
        left = {
            slot_of(model, version)
            for model, newest in self.learning.versions.items()
            for version in range(1, newest + 1)
            if (model, version) not in active
        }
        return self._checkpoints.erased(lambda slot: slot in left)

    def store(self, slot: str, position: int, content: bytes, now: datetime) -> list[Outgoing]:
        """The records that keep a trained state."""
        return self._checkpoints.write(slot, position, content, now)


def _load(content: bytes) -> dict[str, Any]:
    """A verified checkpoint as the state it was made from."""
    try:
        state = pickle.loads(content)  # the signature has been verified
    except Exception as error:  # a class may have moved, a library may be missing
        raise CheckpointRefused(f"it does not load here: {error!r}") from error
    assert isinstance(state, dict)
    return state
