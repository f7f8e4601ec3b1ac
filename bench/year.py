"""A year of flights: what the loop is worth, beside simpler ways, all under the same delays of labels.

``python -m bench.year [--json] [--events N] [--save docs/year.md]`` runs the demo's pipeline over 2013, in one
process and without Kafka (:mod:`bench.year_world`), and compares what was served with the prior, with models that were
frozen at the end of January, and with each declared model learning alone.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from bench.year_hindsight import Hindsight, hindsight, summary
from bench.year_picture import picture
from bench.year_rules import Rule
from bench.year_scores import DAY_S, Column, Rows, difference, losses, quality
from bench.year_tables import tables
from bench.year_world import World
from headrace.demo.flights import FLIGHTS, happenings
from headrace.demo.pipeline import flights
from models.policies import Promotion as Policy

#: The end of January.
FROZEN_FROM = datetime(2013, 2, 1, tzinfo=UTC)

LOOP = "Headrace, with the loop"

BEGIN, END = "<!-- measured: year -->", "<!-- end of year -->"
PICTURE = "year.svg"


def contenders() -> dict[str, str]:
    """Name of each contender to the column in which the world keeps what it said."""
    champion = flights.champion
    others = [name for name in flights.models if name != champion]
    return {
        "prior": "prior@1",
        "no change": "no-change@1",
        **{f"{name}, frozen at the end of January": f"{name} frozen" for name in flights.models},
        **{f"{name}, its weights frozen": f"{name} frozen, features fresh" for name in flights.models},
        f"{champion}, learning, without the loop (the declared champion)": f"{champion}@1",
        **{f"{name}, learning, alone": f"{name}@1" for name in others},
        LOOP: "loop",
    }


def rules() -> list[Rule]:
    """Other policies that the same log is judged by."""
    declared = flights.promotion
    assert declared is not None
    champion = flights.champion
    others = [name for name in flights.models if name != champion]
    default = Policy()
    found = {
        "the defaults: 2,000 labels, an emergency gap of 0.01": default,
        "as declared, but the emergency gap of the defaults": replace(declared, emergency_gap=default.emergency_gap),
        "as declared, but any loss is an emergency": replace(declared, emergency_gap=0.0),
        "as declared, an hour is one observation": replace(declared, block="1h"),
        "as declared, a day is one observation": replace(declared, block="1d"),
        f"as declared, among versions of the {champion} alone": replace(declared, challengers=[champion]),
    }
    made = [Rule(name, flights, policy, champion) for name, policy in found.items()]
    return [*made, *(Rule(f"as declared, begun with the {name}", flights, declared, name) for name in others)]


def measure(events: int = FLIGHTS) -> tuple[dict[str, Any], str]:
    """Run the year; gives everything that was found, and the picture."""
    began_s = time.monotonic()
    world = World(flights, events, FROZEN_FROM, rules())
    world.run(happenings(events=events), _tell if sys.stderr.isatty() else None)
    named = contenders()
    lost = {column: losses(scores, world.labels) for column, scores in world.scores.columns.items()}
    # All stand on the same flights: those with a label that even the prior could answer.
    rows: Rows = np.logical_and.reduce([~np.isnan(lost[column]) for column in named.values()])
    changes = hindsight(world.changes, lost, world.times_s)
    found = {
        "flights": world.flights,
        "labels": int((~np.isnan(world.labels)).sum()),
        "compared": int(rows.sum()),
        "contenders": {name: _contender(world, lost, rows, column) for name, column in named.items()},
        "changes": [_change(each) for each in changes],
        **asdict(summary(changes)),
        "trials_given_up": sum(each.verdict in ("keep", "futile", "undecided") for each in world.decisions),
        "vetoed": sum(each.status == "vetoed" for each in world.decisions),
        "challengers": list(_challengers(world, lost, rows)),
        "retrainings_waiting": _waiting(world),
        "episodes": len({each.episode for each in world.drifts if each.episode is not None}),
        "policies": [_policy(world, "as declared", "loop", lost, rows, changes), *_policies(world, lost, rows)],
        "took_s": round(time.monotonic() - began_s, 1),
    }
    return found, _picture(world, lost, rows, changes)


def _tell(moment: datetime) -> None:
    print(f"\r{moment:%d %b}", end="", file=sys.stderr, flush=True)


def _contender(world: World, lost: dict[str, Column], rows: Rows, column: str) -> dict[str, Any]:
    scores, labels, times_s = world.scores.columns[column], world.labels, world.times_s
    months = []
    for month in range(1, 13):
        begin, end = (datetime(2013 + at // 12, at % 12 + 1, 1, tzinfo=UTC).timestamp() for at in (month - 1, month))
        part = rows & (times_s >= begin) & (times_s < end)
        good = quality(scores[part], labels[part])
        months.append(None if good is None else asdict(good))
    year = quality(scores[rows], labels[rows])
    assert year is not None
    less = None if column == "loop" else difference(lost[column][rows], lost["loop"][rows], times_s[rows])
    return {"year": asdict(year), "months": months, "loop_loses_less": None if less is None else asdict(less)}


def _change(change: Hindsight) -> dict[str, Any]:
    return asdict(change) | {"is_false": change.is_false}


def _challengers(world: World, lost: dict[str, Column], rows: Rows) -> Iterator[dict[str, Any]]:
    for step in world.retrains:
        if step.step != "finished":
            continue
        state = f"{step.model}@{step.version}"
        own = lost.get(state)
        if own is None:
            continue
        part, times_s = rows & ~np.isnan(own), world.times_s
        beside = {"first_loses_more": f"{step.model}@1", "loop_loses_more": "loop"}
        more = {name: difference(lost[other][part], own[part], times_s[part]) for name, other in beside.items()}
        yield {
            "state": state,
            "time": f"{step.time:%Y-%m-%dT%H:%M}",
            "trigger": step.trigger,
            "reason": step.reason,
            "examples": int(step.evidence.get("examples", 0)),
            "flights": int(part.sum()),
            "log_loss": float(own[part].mean()) if part.any() else None,
            **{name: None if gap is None else asdict(gap) for name, gap in more.items()},
        }


def _waiting(world: World) -> int:
    """Retrainings that were asked for and had no room until the end."""
    ended = {step.id for step in world.retrains if step.step in ("finished", "failed")}
    return len({step.id for step in world.retrains} - ended)


def _policies(world: World, lost: dict[str, Column], rows: Rows) -> Iterator[dict[str, Any]]:
    for rule in world.rules:
        yield _policy(world, rule.name, rule.name, lost, rows, hindsight(rule.changes, lost, world.times_s))


def _policy(
    world: World, name: str, column: str, lost: dict[str, Column], rows: Rows, changes: list[Hindsight]
) -> dict[str, Any]:
    return {"name": name, "log_loss": float(lost[column][rows].mean()), **asdict(summary(changes))} | {
        "changes": [_change(each) for each in changes]
    }


def _picture(world: World, lost: dict[str, Column], rows: Rows, changes: list[Hindsight]) -> str:
    begin = datetime(2013, 1, 1, tzinfo=UTC).timestamp()
    numbers = np.floor((world.times_s[rows] - begin) / DAY_S).astype(int)
    days = np.unique(numbers)
    saved = {}
    for name, column in contenders().items():
        if column in ("prior@1", "no-change@1") or column.endswith(" frozen"):
            continue
        gains = lost["prior@1"][rows] - lost[column][rows]
        saved[name.partition(" (")[0]] = np.cumsum(np.bincount(numbers, gains))[days]
    return picture(saved, days + 1.0, changes)


def save(path: Path, text: str, drawn: str) -> None:
    """Put the tables into a document, between its marks, and the picture beside it."""
    before, _, rest = path.read_text().partition(BEGIN)
    _, marked, after = rest.partition(END)
    if not marked:
        raise SystemExit(f"{path} has no place for the tables: {BEGIN} ... {END}")
    path.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")
    (path.parent / PICTURE).write_text(drawn)


def main() -> None:
    """Measure, and print or save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="machine-readable, on standard output")
    parser.add_argument("--events", type=int, default=FLIGHTS, help="stop after so many flights")
    parser.add_argument("--save", type=Path, help="the document to put the tables into; the picture goes beside it")
    arguments = parser.parse_args()
    found, drawn = measure(arguments.events)
    text = tables(found)
    print(json.dumps(found) if arguments.json else text)
    if arguments.save:
        save(arguments.save, text, drawn)


if __name__ == "__main__":
    main()
