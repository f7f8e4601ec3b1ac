"""One life of the batch source, from the committed state until a fault or the end.

The steps of one batch, in this order:

1. Read the learning log, at least up to what this worker committed to it last.
2. Take the next events and labels, in the order in which Kafka took them; a leader takes commands along.
3. Hand the batch to the line and wait until its last agent is through. What the agents have made is sent meanwhile,
   in a transaction that nobody sees.
4. Commit it, with the offsets read up to.
5. Tell the line what is written now.

``docs/delivery.md`` says what a crash between each two of them does.
"""

from __future__ import annotations

import time
from typing import Protocol

from schemas.errors import BrokerUnavailable, Fenced, HeadraceError, UserError
from streams.batches import Batch, Incoming
from streams.commands import Commands
from streams.gathering import IDLE_S, Gathering
from streams.log import LogReader
from streams.members import COMMANDS, LOG, Assignment, Lane, Membership
from streams.settings import Settings
from streams.suspects import Suspects
from streams.topology import Topology
from streams.transactions import Transactions

#: A batch has room for at least so many records: the cost of a transaction hardly depends on them.
BATCH_RECORDS_MIN = 200

#: Seconds after which a leader that has nothing to say commits how far it has listened.
QUIET_S = 1.0

#: Seconds between two looks at what the agents have made so far.
WRITE_EVERY_S = 0.01

#: Seconds that a batch waits for the log to show what this worker wrote last.
OWN_WRITES_S = 5.0


class Line(Protocol):
    """What the source needs of the agents behind it."""

    def begin(self) -> int:
        """Forget everything in memory and load the newest checkpoint; gives the log position to read from."""

    def assign(self, assignment: Assignment) -> int:
        """Rebuild what belongs to these partitions; gives the log position to read from."""

    def process(self, batch: Batch) -> None:
        """Send a batch through all agents; ``batch.done`` tells when, ``batch.error`` whether one has failed."""

    def committed(self, batch: Batch, last: dict[Lane, int]) -> None:
        """The batch is written; ``last`` has the offset of the newest record written to each place."""

    @property
    def serving(self) -> bool:
        """Whether there are models to serve from."""


class Faulty(HeadraceError):
    """An agent failed on a batch."""


class Session:
    """Everything that is open between two fresh starts.

    Parameters
    ----------
    settings, topology, name
        Of the worker.
    line
        The agents.
    suspects
        What earlier sessions found out.
    """

    def __init__(self, settings: Settings, topology: Topology, name: str, line: Line, suspects: Suspects) -> None:
        self._settings = settings
        self._topology = topology
        self._line = line
        self._suspects = suspects
        self._limit = min(BATCH_RECORDS_MIN, settings.batch_records_max)
        self._processed: dict[Lane, int] = {}
        self._texts: dict[Lane, str] = {}
        self._committed_at = 0.0
        self._log_hidden = False
        self._idle_since = 0.0
        # It joins the group in the background while the rest is opened.
        self._membership = Membership(settings, topology, name)
        self._gathering = Gathering(self._membership)
        self._transactions = Transactions(settings, topology, f"{topology.pipeline}.{name}")
        self._log = LogReader(settings, topology.name(LOG), 0, line.begin())
        self._commands = Commands(settings, topology)

    def step(self) -> bool:
        """Make and commit one batch; gives whether anything was committed.

        Raises
        ------
        Faulty
            If an agent failed. Nothing of the batch was written.
        Unavailable
            If a broker is away, or another worker has taken over.
        UserError
            If only the person who runs the worker can mend it.
        """
        log = self._read_log()
        inputs = self._gathering.take(1 if self._suspects.one_by_one else self._limit, self._line.serving)
        if self._membership.changed:
            # What was gathered belongs to the assignment before.
            self._take_over()
            return False
        commands = self._commands.read() if self._line.serving else []
        begun = time.monotonic()
        if not log and not inputs and not commands and begun - self._idle_since < IDLE_S:
            return False
        self._idle_since = begun
        guilty = [(lane, record) for lane, record in inputs if (lane, record.offset) in self._suspects.guilty]
        batch = self._batch(log, [entry for entry in inputs if entry not in guilty] if guilty else inputs)
        batch.commands = commands
        written = self._process(batch)
        if batch.error is not None:
            self._transactions.abort()
            if isinstance(batch.error, UserError):
                raise batch.error
            self._suspects.blame(inputs, repr(batch.error))
            raise Faulty(f"an agent failed on {len(inputs)} inputs:\n{batch.failure}") from batch.error
        for lane, record in guilty:
            batch.outgoing.append(self._suspects.reject(self._topology, lane, record))
        self._adapt(len(inputs), time.monotonic() - begun)
        return self._commit(batch, inputs, written)

    def _process(self, batch: Batch) -> int:
        """Let the agents work, and send meanwhile what they have made so far; gives how many records that is."""
        written = 0
        self._line.process(batch)
        while not batch.done.wait(WRITE_EVERY_S):
            made = len(batch.outgoing)
            if made > written:
                self._transactions.write(batch.outgoing[written:made])
                written = made
        return written

    def _read_log(self) -> list[tuple[int, bytes]]:
        own = self._transactions.last.get((LOG, 0), -1)
        # The open transaction of a dead worker hides what comes after it: to wait for that once is enough.
        deadline = time.monotonic() + (0.0 if self._log_hidden else OWN_WRITES_S)
        records: list[tuple[int, bytes]] = []
        news = self._log.read(0.0)
        while news or (self._log.position <= own and time.monotonic() < deadline):
            records += [(record.offset, record.value or b"") for record in news]
            if self._log.position > own:
                break
            news = self._log.read(0.02)
        self._log_hidden = self._log.position <= own
        return records

    def _take_over(self) -> None:
        assignment = self._membership.assignment
        self._membership.changed = False
        self._gathering.begin(assignment)
        self._processed = dict(assignment.starts)
        self._texts = {lane: committed.text for lane, committed in assignment.committed.items()}
        led = assignment.committed.get((LOG, 0))
        if assignment.leads:
            self._processed[LOG, 0] = led.offset if led else 0
        self._commands.begin(assignment)
        self._log.seek(self._line.assign(assignment))

    def _batch(self, log: list[tuple[int, bytes]], inputs: list[tuple[Lane, Incoming]]) -> Batch:
        assignment = self._membership.assignment
        batch = Batch(
            log=log,
            caught_up=self._log.at_end,
            owned=assignment.partitions,
            leads=assignment.leads,
            drained=self._gathering.drained(),
        )
        for (noun, _), record in inputs:
            (batch.events if noun == "events" else batch.feedback).append(record)
        return batch

    def _commit(self, batch: Batch, inputs: list[tuple[Lane, Incoming]], written: int) -> bool:
        for lane, record in inputs:
            self._processed[lane] = record.offset + 1
        for partition, text in batch.metadata.items():
            self._texts["events", partition] = text
        touched = {lane for lane, _ in inputs} | {("events", partition) for partition in batch.metadata}
        if batch.commands:
            self._processed[COMMANDS, 0] = batch.commands[-1].offset + 1
            touched.add((COMMANDS, 0))
        now = time.monotonic()
        if batch.leads:
            # What a leader says is fenced by the offset that it commits along with it. While it folds again what
            # the leader before has spoken about, the offset stays. Where it says nothing, the offset can wait.
            position = max(self._processed[LOG, 0], self._log.position)
            quiet = position > self._processed[LOG, 0] and now - self._committed_at > QUIET_S
            if touched or batch.outgoing or quiet:
                self._processed[LOG, 0] = position
                touched.add((LOG, 0))
        offsets = {lane: (self._processed[lane], self._texts.get(lane, "")) for lane in touched}
        if offsets or batch.outgoing:
            self._transactions.write(batch.outgoing[written:])
            self._commit_offsets(offsets)
            self._committed_at = now
        self._suspects.cleared(len(inputs))
        self._line.committed(batch, self._transactions.last)
        return bool(offsets or batch.outgoing)

    def _commit_offsets(self, offsets: dict[Lane, tuple[int, str]]) -> None:
        try:
            self._transactions.commit(self._membership.consumer, offsets)
        except BrokerUnavailable as failure:
            if self._membership.taken_by_another():
                raise Fenced(f"another process runs under this worker's name: {failure}") from failure
            raise

    def _adapt(self, count: int, seconds: float) -> None:
        """As many records next time as the agents can work on in the time that a transaction may gather."""
        if count < BATCH_RECORDS_MIN:
            return
        fitting = int(count * self._settings.batch_ms_max / 1000 / max(seconds, 1e-6))
        smooth = (self._limit + min(fitting, 2 * self._limit)) // 2
        self._limit = min(max(smooth, BATCH_RECORDS_MIN), self._settings.batch_records_max)

    def close(self) -> None:
        """Give back all connections."""
        self._commands.close()
        self._log.close()
        self._membership.close()
        self._transactions.close()
