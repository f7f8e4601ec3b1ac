"""Traces: what is made of a record that belongs to one belongs to it too, and is told as spans where that is wanted.

The header ``traceparent`` always goes along; that needs no library. Spans need OpenTelemetry, the extra ``tracing``,
and are made in :mod:`agents.spans`, which is only loaded then.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module

from agents.alert_traces import traces_before
from schemas.alerts import Alert
from schemas.errors import UserError
from streams.batches import Incoming
from streams.settings import Settings
from streams.topology import Topology

#: Events whose trace is kept for their label, about 400 bytes each; beyond it the oldest is forgotten, and the label
#: is told by its own trace alone.
TRACES_MAX = 50_000


class Trace:
    """A record that belongs to a trace, on its way through the line.

    Parameters
    ----------
    traceparent
        What is written on the records that are made of it.
    """

    __slots__ = ("traceparent",)

    def __init__(self, traceparent: bytes) -> None:
        self.traceparent = traceparent

    def end(self, **attributes: str | int) -> None:
        """It is done with; say what came of it."""

    def fail(self, reason: str) -> None:
        """It is rejected."""


class Tracing:
    """Traces without spans: the records that are made of one carry the ``traceparent`` that it came with."""

    def begin(self, step: str, parent: bytes, record: Incoming, link: bytes | None = None) -> Trace:
        """Begin with a record that belongs to a trace.

        Parameters
        ----------
        step
            What is done with it: ``predict`` or ``learn``.
        parent
            The ``traceparent`` that this step follows.
        record
            What it is done with; it begins when Kafka took it.
        link
            A ``traceparent`` of another trace that has to do with it.
        """
        return Trace(parent)

    def alert(self, alert: Alert, offset: int) -> bytes | None:
        """An alert has changed: it follows from many records, so it begins a trace of its own, if spans are told.

        Parameters
        ----------
        offset
            Of the record of the learning log at which it was decided.

        Returns
        -------
        The ``traceparent`` that it is written with.
        """
        return None

    def close(self) -> None:
        """Tell what has not been told yet."""


class Kept:
    """The traces of events whose label is yet to come, by partition and id."""

    def __init__(self, traces_max: int = TRACES_MAX) -> None:
        self._traces_max = traces_max
        self._kept: dict[tuple[int, str], bytes] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, partition: int, id: str, traceparent: bytes) -> None:
        """Keep the trace of an event that was answered."""
        self._kept[partition, id] = traceparent
        if len(self._kept) > self._traces_max:
            del self._kept[next(iter(self._kept))]

    def of(self, partition: int, id: str, *, last: bool) -> bytes | None:
        """The trace of an event, if it is known; after the ``last`` time it is forgotten."""
        return self._kept.pop((partition, id), None) if last else self._kept.get((partition, id))


@contextmanager
def tracing(settings: Settings, topology: Topology) -> Iterator[Tracing]:
    """The traces of a worker, with spans if the settings ask for them.

    Raises
    ------
    UserError
        If OpenTelemetry is needed and not installed.
    """
    made = _exported(settings, topology) if settings.tracing else Tracing()
    try:
        yield made
    finally:
        made.close()


def _exported(settings: Settings, topology: Topology) -> Tracing:
    try:
        spans = import_module("agents.spans")
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("opentelemetry"):
            raise
        raise UserError("HEADRACE_TRACING needs OpenTelemetry: `pip install 'headrace[tracing]'`") from None
    made = spans.exported(topology.pipeline, partial(traces_before, settings, topology))
    assert isinstance(made, Tracing)
    return made
