"""The flights that left New York in 2013, told as they happened.

Every flight is an event at its scheduled departure, holding only what was known by then; its label, *at least
15 minutes late*, comes when it lands: a median of 2.3 hours later, four in ten right after the label of a
flight that was due later, and never where the flight was cancelled or diverted.

What is in an event, and where it comes from, is in :mod:`headrace.demo.timetable`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from headrace.demo import timetable

#: Flights in the whole year, and how many of them land where they should, so that their label comes.
FLIGHTS = 336_776
LANDED = 327_346

#: The label is true from this many minutes after the scheduled arrival.
LATE_MINUTES = 15


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened: a flight was due, or a flight landed.

    Parameters
    ----------
    time
        When it happened, in UTC.
    kind
        ``event`` or ``label``.
    id
        The flight's id.
    body
        The JSON of the event, or ``{"id": ..., "label": late or not, "time": when it landed}``.
    """

    time: datetime
    kind: Literal["event", "label"]
    id: str
    body: dict[str, Any]


def happenings(*, events: int | None = None) -> Iterator[Happening]:
    """Tell the year in true time order.

    At the same instant labels come before events, labels in the order of their events, events in the order of
    the source. This is the order of ``river.stream.simulate_qa``: its questions and answers agree with these
    one by one.

    Parameters
    ----------
    events
        Stop after this many flights, in the order of schedule; all by default. The labels of those that land
        still come, each at its time, the last ones after the last event.

    Yields
    ------
    Happening
        The same ones in the same order at every call.

    Raises
    ------
    UserError
        The data is not installed.
    """
    folder = timetable.data_folder()
    flights = timetable.flights(folder, events)
    schedule = flights["schedule"].to_numpy()
    landing = flights["landing"].to_numpy()
    landed = np.flatnonzero(flights["arr_delay"].notna().to_numpy())
    late = (flights["arr_delay"] >= LATE_MINUTES).tolist()

    flight_of = np.concatenate([np.arange(len(flights)), landed])
    is_event = np.arange(len(flight_of)) < len(flights)
    seconds = np.concatenate([schedule, landing[landed]])
    order = np.lexsort((flight_of, is_event, seconds))
    bodies = timetable.events(flights, folder)
    ids: dict[int, str] = {}
    for second, text, due, flight in _rows(seconds[order], is_event[order], flight_of[order]):
        time = datetime.fromtimestamp(second, UTC)
        if due:
            # The order of the events is the order of the rows, so that they can be made one at a time.
            body = next(bodies)
            ids[flight] = body["flight_id"]
            yield Happening(time, "event", body["flight_id"], body)
        else:
            name = ids.pop(flight)
            yield Happening(time, "label", name, {"id": name, "label": late[flight], "time": text})


def _rows(
    seconds: timetable.Seconds, is_event: npt.NDArray[np.bool_], flight_of: timetable.Seconds
) -> Iterator[tuple[int, str, bool, int]]:
    """Walk the columns as Python values, a few at a time: a whole year of them takes ten times the memory."""
    for start in range(0, len(seconds), timetable.ROWS_AT_ONCE):
        part = slice(start, start + timetable.ROWS_AT_ONCE)
        moments = timetable.iso(seconds[part])
        yield from zip(seconds[part].tolist(), moments, is_event[part].tolist(), flight_of[part].tolist(), strict=True)
