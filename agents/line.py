"""The line: the state that the agents of one worker share, and the channels between them."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import version
from typing import Any

from agents.costs import Costs
from agents.counts import Checkpoint, Counts
from agents.folds import Folds, opened
from agents.lineage import Lineages
from agents.lookout import Lookout
from agents.rebuild import rebuild
from agents.retention import Deletions
from agents.states import States
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
from schemas.records import RECORDS
from schemas.retrains import Retrain
from streams.batches import Batch, Headers, Outgoing
from streams.checkpoints import Checkpoints, slots
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
        #: What the models are made of that are added here.
        self.lineages = Lineages(pipeline)
        #: What the leader sees by its clock.
        self.lookout = Lookout(pipeline, settings, topology)
        #: What is told of records that belong to a trace.
        self.tracing = Tracing()
        self._channels: list[Any] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._slots = slots(pipeline.retention.checkpoints)
        self._checkpoints = Checkpoints(settings, topology, {name: version(name) for name in LIBRARIES})
        #: What the leader is training now.
        self.running: Running | None = None
        self._reset()
        self._follow({})
        self._lead({})

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
        self._stop_training()
        self.profilers: dict[int, Profiler] = {}
        self.examples: dict[int, Examples] = {}
        self.marks: dict[int, Marks] = {}
        #: What the models cost this worker.
        self.costs = Costs(self.pipeline)
        self._packing = Packing()
        self._slot = 0
        self._deletions = Deletions(self.pipeline, self._checkpoints)

    def _follow(self, kept: Mapping[str, Any]) -> None:
        """What every worker folds."""
        pipeline, folds = self.pipeline, Folds(kept)
        self.learning = folds.begin("learning", lambda: Learning(pipeline, self.states))
        self.references = folds.begin("references", lambda: References(pipeline))
        self.followed = folds

    def _lead(self, kept: Mapping[str, Any]) -> None:
        """What only the leader folds; the others keep it as it was when they began."""
        pipeline, folds = self.pipeline, Folds(kept)
        self.monitor = folds.begin("monitor", lambda: Monitor(pipeline))
        self.drift = folds.begin("drift", lambda: DriftMonitor(pipeline))
        # It hears what these say: what they said before is not said again.
        self.alerting = folds.begin("alerting", lambda: Alerting(pipeline, self.monitor.position))
        self.retrains = folds.begin("retrains", lambda: Retrains(pipeline))
        self.verdicts = folds.begin("verdicts", lambda: Verdicts(pipeline))
        self.led = folds

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
        newest = self._checkpoints.newest(opened)
        self.lookout.refused = self._checkpoints.refused
        manifest, kept = newest if newest is not None else (None, {})
        self._follow(kept)
        self._lead(kept)
        if manifest is not None:
            self._slot = self._slots.index(manifest.slot) + 1 if manifest.slot in self._slots else 0
            self.counts.checkpoint = Checkpoint(manifest.position, manifest.size_bytes, manifest.created)
        return self.followed.position

    def assign(self, assignment: Assignment) -> int:
        """Rebuild what belongs to these partitions; gives the log position to read from."""
        self.caught_up = self.declared = False
        self.leads = assignment.leads
        self._deletions = Deletions(self.pipeline, self._checkpoints)
        self.counts.led(assignment.leads)
        self.examples, self.marks = {}, {}
        self.profilers = {partition: Profiler(self.pipeline, partition) for partition in assignment.partitions}
        for partition in sorted(assignment.partitions):
            self.examples[partition], self.marks[partition] = rebuild(
                self.pipeline, self.settings, self.topology, self._packing, partition, assignment
            )
        if not assignment.leads:
            self._stop_training()
            return self.followed.position
        self.lookout.begin()
        committed = assignment.committed.get(("examples", 0))
        self.spoken = committed.offset if committed else 0
        if self.led.position < self.learning.position:
            newest = self._checkpoints.newest(opened)
            if newest is not None and newest[0].position > self.led.position:
                self._lead(newest[1])
        self._hear_retrains()
        return min(self.followed.position, self.led.position)

    def _hear_retrains(self) -> None:
        """What leaders have said about retrainings so far; what they asked for is still to be done."""
        folded = self.retrains.state()
        self.led["retrains"] = self.retrains = Retrains(self.pipeline)
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
        """The records of a checkpoint of the state as it is, and those that delete what is no longer kept."""
        slot = self._slots[self._slot % len(self._slots)]
        self._slot += 1
        content = pickle.dumps(self.followed.state() | self.led.state(), protocol=5)
        self.counts.checkpoint = Checkpoint(self.learning.position, len(content), now)
        written = self._checkpoints.write(slot, self.learning.position, content, now)
        return written + self._deletions.after(self.learning)

    def store(self, slot: str, position: int, content: bytes, now: datetime) -> list[Outgoing]:
        """The records that keep a trained state."""
        return self._checkpoints.write(slot, position, content, now)
