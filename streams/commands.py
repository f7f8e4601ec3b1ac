"""Reads what people ask for: the topic ``commands``, by the leader alone."""

from __future__ import annotations

from streams.batches import Incoming
from streams.log import LogReader
from streams.members import COMMANDS, Assignment
from streams.settings import Settings
from streams.topology import Topology

#: Commands that one batch takes at most.
COMMANDS_MAX = 100


class Commands:
    """The commands that no leader has answered yet.

    The offset read up to is committed with the batch that answers them, so each is answered once.

    Parameters
    ----------
    settings, topology
        Where they lie.
    """

    def __init__(self, settings: Settings, topology: Topology) -> None:
        self._settings = settings
        self._topic = topology.name(COMMANDS)
        self._reader: LogReader | None = None

    def begin(self, assignment: Assignment) -> None:
        """Go on from what is committed, if this worker leads now; otherwise read nothing."""
        self.close()
        if assignment.leads:
            committed = assignment.committed.get((COMMANDS, 0))
            self._reader = LogReader(self._settings, self._topic, 0, committed.offset if committed else 0)

    def read(self) -> list[Incoming]:
        """The next commands, if there are any.

        Raises
        ------
        BrokerUnavailable
            If reading fails for good.
        """
        return [] if self._reader is None else self._reader.read(0.0, COMMANDS_MAX)

    def close(self) -> None:
        """Give back the connection."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None
