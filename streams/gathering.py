"""Gathers the inputs of the next batch: the records of all owned partitions, in the order of the broker's clock."""

from __future__ import annotations

import time

from streams.alignment import Alignment
from streams.batches import Incoming
from streams.members import INPUTS, Assignment, Lane, Membership

#: Seconds that an idle worker waits for a record before it looks at everything else.
IDLE_S = 0.1

#: The same while it can't serve yet, for there is the log to look at.
STARTING_S = 0.01

#: The same while records of one lane must wait for those of another.
BLOCKED_S = 0.005

#: Records that one poll takes at most.
POLL_RECORDS_MAX = 2000

#: Records that one lane may be ahead of the others: to hold it back costs what was fetched of it, so seldom.
HELD_RECORDS_MAX = 20_000

#: Seconds between two questions to the broker whether all labels have been read.
DRAINED_EVERY_S = 0.5

#: Seconds that a lane without records may hold back the others.
ALIGN_S = 0.5


class Gathering:
    """What has been read and is in no batch yet.

    Parameters
    ----------
    membership
        Reads it.
    """

    def __init__(self, membership: Membership) -> None:
        self._membership = membership
        self._alignment: Alignment[Lane] = Alignment([])
        self._drained_at = 0.0
        self._aligned_at = time.monotonic()
        self._blocked = False

    def __len__(self) -> int:
        return len(self._alignment)

    def begin(self, assignment: Assignment) -> None:
        """Forget what was read of the assignment before."""
        self._alignment = Alignment([(noun, p) for noun in INPUTS for p in sorted(assignment.partitions)])

    def take(self, limit: int, serving: bool) -> list[tuple[Lane, Incoming]]:
        """The next inputs, at most so many.

        Parameters
        ----------
        serving
            Whether there are models to serve from; else only the group is listened to.
        """
        membership, alignment = self._membership, self._alignment
        if serving:
            membership.read()
        waited_s = self._wait_s(limit, serving)
        if waited_s is not None:
            for lane, record in membership.poll(waited_s, POLL_RECORDS_MAX):
                alignment.put(lane, record)
        if membership.changed or not serving:
            return []
        membership.hold(alignment.ahead(HELD_RECORDS_MAX, membership.held))
        now = time.monotonic()
        # What comes to a drained lane from now on is younger than all that is at hand, by the clock of the broker.
        drained = membership.drained(alignment.lanes) if alignment.short_of(limit) else set()
        taken = alignment.take(limit, drained)
        if not taken and now - self._aligned_at > ALIGN_S:
            taken = alignment.take(limit, drained | set(alignment.waiting_for()))
        self._blocked = not taken and len(alignment) > 0
        if not self._blocked:
            self._aligned_at = now
        return taken

    def _wait_s(self, limit: int, serving: bool) -> float | None:
        """Seconds that the next poll may wait for a first record; ``None``: there is enough at hand."""
        if self._blocked:
            return BLOCKED_S
        if len(self._alignment) >= limit:
            return None
        if len(self._alignment):
            return 0.0
        return IDLE_S if serving else STARTING_S

    def drained(self) -> frozenset[int]:
        """Partitions of ``feedback`` that have been read and taken to their end; looks only now and then."""
        now = time.monotonic()
        if now - self._drained_at < DRAINED_EVERY_S:
            return frozenset()
        self._drained_at = now
        empty = [lane for lane in self._alignment.empty() if lane[0] == "feedback"]
        return frozenset(partition for _, partition in self._membership.read_to_end(empty))
