"""The flights that left New York in 2013, watched for a year: which episodes, when, of what cause.

The demo's logistic regression predicts and learns in true time order; profiles and references are made by the
product's own code, in one partition. Two monitors look at the same log: one for which each event is an observation, one
for which each day is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from headrace.demo import pipeline as demo
from headrace.demo.flights import happenings
from models.answers import answering
from models.drift import DriftMonitor
from models.monitoring import Drift
from models.pipeline import Pipeline
from models.profiles import Passage, Profiler
from models.references import References
from schemas.drift import Drift as Told
from schemas.examples import Example, LogRecord
from schemas.features import Features
from schemas.predictions import Prediction, Said
from schemas.values import Address

NAME = "logistic"

#: Days that make one observation for the second monitor.
BLOCK = "1d"


def records(flights: Pipeline, events: int | None = None) -> Iterator[LogRecord]:
    """The learning log of the year: examples, and profiles where their windows are full."""
    model = demo.flights.models[NAME].clone()
    answer = answering("binary", NAME, model)
    references, profiler = References(flights), Profiler(flights, 0)
    waiting: dict[str, tuple[datetime, dict[str, Any], Any]] = {}
    offset = position = 0
    for happening in happenings(events=events):
        time = happening.time
        if happening.kind == "label":
            served, features, score = waiting.pop(happening.id)
            label = happening.body["label"]
            example = Example(
                id=happening.id, partition=0, time=served, status="known", label=label, labelled=time,
                features=features, said=[Said(model=NAME, version=1, score=score)], position=position,
            )  # fmt: skip
            model.learn_one(features, label)
            references.fold(position, example)
            position += 1
            yield example
            continue
        event = {field.name: happening.body.get(field.name) for field in flights.fields}
        features = demo.features(event)
        score = answer(features)
        waiting[happening.id] = time, features, score
        address = Address(topic="flights.events", partition=0, offset=offset)
        made = Features(id=happening.id, time=time, features=features, event=address)
        said = Prediction(
            id=happening.id, time=time, score=score, model=NAME, version=1, position=position,
            due=time + timedelta(days=2), event=address, received=time, predicted=time,
        )  # fmt: skip
        offset += 1
        for profile in profiler.count(Passage(offset - 1, offset, time, [(made, said)]), references):
            references.fold(position, profile)
            position += 1
            yield profile


def declared(block: str | None) -> Pipeline:
    """The demo's pipeline, in one partition, with this block."""
    return replace(demo.flights, champion=NAME, partitions=1, drift=Drift(block=block))


def measure(events: int | None = None) -> dict[str, Any]:
    """Both timelines: for each episode its start, end, cause, the first of what moved, and why."""
    found: dict[str, Any] = {}
    for name, block in (("each event", None), ("each day", BLOCK)):
        # Where windows end depends on the block, too.
        monitor = DriftMonitor(declared(block))
        told: list[Told] = []
        labels = 0
        for offset, record in enumerate(records(declared(block), events)):
            labels += isinstance(record, Example)
            told += monitor.fold(offset, record)
        found |= {"labels": labels, name: episodes(told)}
    return found


def episodes(drifts: list[Told]) -> list[dict[str, Any]]:
    """What was told, one row per episode."""
    found: dict[int, list[Told]] = {}
    for drift in drifts:
        if drift.episode is not None:
            found.setdefault(drift.episode, []).append(drift)
    rows = []
    for one in found.values():
        start, last = one[0], one[-1]
        moved = [stream for stream in last.moved if stream.alarmed] or list(last.moved)
        rows.append(
            {
                "told": start.time.isoformat()[:16],
                "since": None if start.since is None else start.since.isoformat()[:16],
                "until": last.time.isoformat()[:16] if last.phase == "end" else None,
                "ended": last.ended,
                "first": start.stream,
                "cause": last.cause,
                "causes": list(dict.fromkeys(drift.cause for drift in one)),
                "moved": [f"{stream.stream} {stream.shift:+.2f}" for stream in moved[:5]],
                "inflation": start.evidence.get("inflation"),
                "autocorrelation": start.evidence.get("autocorrelation"),
            }
        )
    return rows


_COLOURS = {
    "labels_late": "#8a8a8a",
    "feed_broken": "#b03060",
    "covariate": "#2e7ab8",
    "prior": "#d9822b",
    "concept": "#c0392b",
    "mixed": "#7d4aa3",
}
_KNOWN = (
    ("2013-02-08", "2013-02-10", "blizzard"),
    ("2013-06-07", "2013-07-31", "storms"),
    ("2013-09-01", "2013-10-15", "calm"),
    ("2013-12-05", "2013-12-31", "December"),
)
_WIDTH, _LEFT, _ROW = 920, 90, 46


def picture(found: dict[str, Any]) -> str:
    """The two timelines as SVG, with what is known of the year above them."""
    names = [name for name, rows in found.items() if isinstance(rows, list)]
    height = 70 + _ROW * len(names) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
    ]
    for month in range(1, 13):
        x = _x(f"2013-{month:02}-01")
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="46" y2="{height - 34}" stroke="#ddd"/>')
        parts.append(f'<text x="{x + 3:.1f}" y="{height - 20}" fill="#555">{datetime(2013, month, 1):%b}</text>')
    for start, end, name in _KNOWN:
        x, width = _x(start), max(_x(end) - _x(start), 3)
        parts.append(f'<rect x="{x:.1f}" y="24" width="{width:.1f}" height="14" fill="#bbb"/>')
        parts.append(f'<text x="{x:.1f}" y="18" fill="#333">{name}</text>')
    for at, name in enumerate(names):
        y = 54 + at * _ROW
        parts.append(f'<text x="4" y="{y + 18}" fill="#333">{name}</text>')
        for row in found[name]:
            x = _x(row["told"])
            width = max(_x(row["until"] or "2014-01-01") - x, 2)
            about = f"{row['told']} {row['cause']}: {', '.join(row['moved'])}"
            parts.append(
                f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="28" fill="{_COLOURS[row["cause"]]}" '
                f'stroke="white"><title>{about}</title></rect>'
            )
    for at, (cause, colour) in enumerate(_COLOURS.items()):
        x = _LEFT + at * 135
        parts.append(f'<rect x="{x}" y="{height - 14}" width="10" height="10" fill="{colour}"/>')
        parts.append(f'<text x="{x + 15}" y="{height - 5}" fill="#333">{cause.replace("_", " ")}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _x(moment: str) -> float:
    days = (datetime.fromisoformat(moment) - datetime(2013, 1, 1)) / timedelta(days=1)
    return _LEFT + (_WIDTH - _LEFT - 10) * days / 365
