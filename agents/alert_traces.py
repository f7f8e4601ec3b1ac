"""The traces that an alert follows from: those of the newest records of the log before it, read when there is one."""

from __future__ import annotations

import time

from schemas.traceparent import traceparent_of
from streams.log import LogReader
from streams.settings import Settings
from streams.topology import Topology

#: Records of the log that are looked at, and traces that are named: an alert follows from a window of records, and
#: these few are to show a person what they were like.
RECORDS_MAX = 64
TRACES_MAX = 8

#: Seconds that reading them may take.
READ_S_MAX = 5.0


def traces_before(settings: Settings, topology: Topology, offset: int) -> list[bytes]:
    """The ``traceparent`` of the newest records of the learning log up to an offset, the newest first.

    Parameters
    ----------
    offset
        Of the record at which an alert was decided.

    Raises
    ------
    BrokerUnavailable
        If they can't be read.
    """
    found: list[bytes] = []
    deadline_s = time.monotonic() + READ_S_MAX
    with LogReader(settings, topology.name("examples"), 0, max(0, offset - RECORDS_MAX + 1)) as log:
        while log.position <= offset and time.monotonic() < deadline_s:
            records = [record for record in log.read(0.2) if record.offset <= offset]
            parents = (traceparent_of(record.headers, record.value) for record in records)
            found += [parent for parent in parents if parent is not None]
    return found[: -TRACES_MAX - 1 : -1]
