"""The demo's flights: what is told, when, and that nothing is told before it is known."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Hashable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
import pytest
from river import stream

from headrace.demo import timetable
from headrace.demo.flights import FLIGHTS, LANDED, LATE_MINUTES, Happening, happenings
from headrace.demo.pipeline import flights
from schemas.errors import UserError

KNOWN_ON_SCHEDULE = {
    *("flight_id", "scheduled_at", "carrier", "flight", "origin", "dest", "distance", "scheduled_minutes"),
    *("month", "weekday", "hour", "minute", "tailnum", "built", "seats"),
    *timetable.WEATHER,
}


@pytest.fixture(scope="module")
def year() -> list[tuple[float, str, str, Any]]:
    """The whole year: seconds, kind, id, and of a label its value."""
    return [
        (happening.time.timestamp(), happening.kind, happening.id, happening.body.get("label"))
        for happening in happenings()
    ]


@pytest.fixture(scope="module")
def source() -> pd.DataFrame:
    """The source, read without any of our code."""
    table = pd.read_csv(timetable.data_folder() / "flights.csv.zip")
    table["schedule"] = pd.to_datetime(table["time_hour"]) + pd.to_timedelta(table["minute"], unit="min")
    return table.sort_values("schedule", kind="stable", ignore_index=True)


def first(count: int) -> list[Happening]:
    return list(happenings(events=count))


def test_year_has_every_flight_once_and_a_label_for_each_that_landed(
    year: list[tuple[float, str, str, Any]],
) -> None:
    events = [name for _, kind, name, _ in year if kind == "event"]
    labels = [name for _, kind, name, _ in year if kind == "label"]
    assert len(events) == len(set(events)) == FLIGHTS
    assert len(labels) == len(set(labels)) == LANDED
    assert set(labels) < set(events)
    assert round(1 - LANDED / FLIGHTS, 3) == 0.028


def test_a_quarter_of_the_year_is_late(year: list[tuple[float, str, str, Any]]) -> None:
    late = [label for _, kind, _, label in year if kind == "label"]
    assert {type(label) for label in late} == {bool}
    assert round(sum(late) / len(late), 3) == 0.245


def test_labels_come_hours_later_and_out_of_order(year: list[tuple[float, str, str, Any]]) -> None:
    scheduled = {name: (at, place) for place, (at, kind, name, _) in enumerate(year) if kind == "event"}
    landings = [(at, *scheduled[name]) for at, kind, name, _ in year if kind == "label"]
    assert all(at > due for at, due, _ in landings)
    assert round(median(at - due for at, due, _ in landings) / 3600, 1) == 2.3
    assert max(at - due for at, due, _ in landings) < flights.timeout.total_seconds()
    overtaken = sum(after < before for (*_, before), (*_, after) in pairwise(landings))
    assert round(overtaken / len(landings), 2) == 0.42


def test_time_never_goes_back_and_labels_come_first(year: list[tuple[float, str, str, Any]]) -> None:
    assert all(
        (at, kind == "event") <= (at_next, kind_next == "event")
        for (at, kind, *_), (at_next, kind_next, *_) in pairwise(year)
    )


def test_order_is_that_of_rivers_questions_and_answers(source: pd.DataFrame) -> None:
    table = source.head(3_000)
    never = timedelta(days=3650)
    delays = {
        index: never if np.isnan(minutes) else timedelta(minutes=minutes)
        for index, minutes in enumerate((table["dep_delay"] + table["air_time"]).where(table["arr_delay"].notna()))
    }
    late = (table["arr_delay"] >= LATE_MINUTES).tolist()

    def dataset() -> Iterator[tuple[dict[Hashable, Any], bool]]:
        for index, moment in enumerate(table["schedule"]):
            yield {"index": index, "at": moment.to_pydatetime()}, late[index]

    expected = [
        (index, answer)
        for index, _, answer in stream.simulate_qa(dataset(), "at", lambda x, _: delays[x["index"]])
        if answer is None or delays[index] != never
    ]
    told = first(3_000)
    index_of = {happening.id: index for index, happening in enumerate(h for h in told if h.kind == "event")}
    assert [(index_of[happening.id], happening.body.get("label")) for happening in told] == expected
    assert len(expected) > 5_900


def test_events_hold_only_what_was_known_on_schedule() -> None:
    told = [happening for happening in first(5_000) if happening.kind == "event"]
    fields = Counter(name for happening in told for name in happening.body)
    assert set(fields) == KNOWN_ON_SCHEDULE
    assert fields["scheduled_at"] == 5_000
    # The first flights of January have gaps, which are left out and never null.
    assert fields["tailnum"] < 5_000 and fields["wind_gust"] < 5_000
    assert all(value is not None and value == value for h in told for value in h.body.values())


def test_events_of_one_schedule_do_not_depend_on_how_the_flight_went(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = [happening.body for happening in first(2_000) if happening.kind == "event"]
    folder = timetable.data_folder()
    for name in ("airports.csv", "planes.csv", "weather.csv"):
        (tmp_path / name).symlink_to(folder / name)
    table = pd.read_csv(folder / "flights.csv.zip", nrows=4_000)
    for name in ("dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"):
        table[name] = 77.0
    table.to_csv(tmp_path / "flights.csv.zip", index=False)
    monkeypatch.setattr(timetable, "data_folder", lambda: tmp_path)
    assert [happening.body for happening in first(2_000) if happening.kind == "event"] == before


def test_weather_is_that_of_an_hour_already_over() -> None:
    weather = pd.read_csv(timetable.data_folder() / "weather.csv").set_index(["origin", "time_hour"])
    for happening in first(300):
        if happening.kind == "event":
            hour = happening.time.replace(minute=0) - timedelta(hours=1)
            observed = weather.loc[(happening.body["origin"], f"{hour:%Y-%m-%dT%H:%M:%SZ}")]
            told = {name: value for name, value in happening.body.items() if name in timetable.WEATHER}
            assert told == observed[list(timetable.WEATHER)].dropna().to_dict()


def test_first_flight_is_told_in_full() -> None:
    event = first(1)[0]
    assert event.time == datetime(2013, 1, 1, 10, 15, tzinfo=UTC)
    assert event.id == "2013-01-01-UA-1545-EWR"
    told = {name: event.body[name] for name in ("scheduled_at", "origin", "dest", "weekday", "hour", "minute")}
    assert told == {
        "scheduled_at": "2013-01-01T10:15:00Z",
        "origin": "EWR",
        "dest": "IAH",
        "weekday": 1,
        "hour": 5,
        "minute": 15,
    }
    # From 5:15 in New York to 8:19 in Houston, an hour behind.
    assert event.body["scheduled_minutes"] == 244
    assert json.loads(json.dumps(event.body)) == event.body


def test_stopping_early_still_tells_the_labels_of_the_flights_told() -> None:
    told = first(1_000)
    events = {happening.id for happening in told if happening.kind == "event"}
    labels = [happening for happening in told if happening.kind == "label"]
    assert len(events) == 1_000
    assert {label.id for label in labels} <= events
    assert told[-1].kind == "label" and len(labels) > 950
    assert all(
        label.body == {"id": label.id, "label": label.body["label"], "time": f"{label.time:%Y-%m-%dT%H:%M:%SZ}"}
        for label in labels
    )


def test_missing_data_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timetable, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"headrace\[demo\]"):
        first(1)
