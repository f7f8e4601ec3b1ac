"""What drift monitoring holds and finds: false alarms against the budget, delays, causes, and a year of flights.

``python -m bench.drift`` needs no broker: it folds learning logs. It exits with 1 when the budget was not held.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from bench import drift_causes, drift_delays, drift_false_alarms, drift_flights

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "drift-flights.svg"


#: What applies a function to many.
Each = Callable[..., Iterable[Any]]


def false_alarms(each: Each) -> dict[str, Any]:
    """Every kind of stream without drift, the sums, and whether the budget was held."""
    rows = list(drift_false_alarms.measure(each=each))
    events = sum(row["events"] for row in rows)
    result: dict[str, Any] = {"kinds": rows, "events": events}
    for budget in drift_false_alarms.BUDGETS:
        found = sum(row[f"alarms_{budget}"] for row in rows)
        result[f"alarms_{budget}"], result[f"allowed_{budget}"] = found, events / budget
    result["held"] = all(
        result[f"alarms_{budget}"] <= result[f"allowed_{budget}"] for budget in drift_false_alarms.BUDGETS
    )
    return result


def flights(each: Each) -> dict[str, Any]:
    """The year, and its picture in the documents."""
    found = drift_flights.measure()
    PICTURE.write_text(drift_flights.picture(found), encoding="utf-8")
    return found


def likeness(each: Each) -> dict[str, Any]:
    """Streams whose neighbours resemble each other."""
    return drift_false_alarms.measure_likeness()


def delays(each: Each) -> list[dict[str, Any]]:
    """Every planted change, and every detector's delay."""
    return drift_delays.measure(each=each)


def causes(each: Each) -> dict[str, Any]:
    """What was planted, and what it was told to be."""
    return drift_causes.measure(each=each)


PARTS: dict[str, Callable[[Each], Any]] = {
    "flights": flights,
    "likeness": likeness,
    "false_alarms": false_alarms,
    "delays": delays,
    "causes": causes,
}

#: Of these there are no pieces: they run beside the others.
WHOLE = ("flights", "likeness")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench as a command."""
    parser = argparse.ArgumentParser(prog="python -m bench.drift", description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS), metavar="PART")
    parser.add_argument("--processes", type=int, default=2, help="how many measure at once")
    chosen = parser.parse_args(arguments)
    begun_s = time.monotonic()
    result: dict[str, Any] = {}
    with ProcessPoolExecutor(chosen.processes) as pool:
        whole = {name: pool.submit(PARTS[name], map) for name in WHOLE if name in chosen.only}
        for name, part in PARTS.items():
            if name in chosen.only and name not in WHOLE:
                result[name] = part(pool.map)
                print(f"{name}: {time.monotonic() - begun_s:.0f} s", file=sys.stderr, flush=True)
        result |= {name: waiting.result() for name, waiting in whole.items()}
    result["bench_s"] = round(time.monotonic() - begun_s)
    print(json.dumps(result, indent=1) if chosen.json else as_text(result))
    return 0 if result.get("false_alarms", {}).get("held", True) else 1


def as_text(result: dict[str, Any]) -> str:
    """The tables in Markdown, as they stand in docs/drift.md."""
    parts = [
        _write(result[name])
        for name, _write in (
            ("false_alarms", _false_alarms),
            ("likeness", _likeness),
            ("delays", _delays),
            ("causes", _causes),
            ("flights", _flights),
        )
        if name in result
    ]
    return "\n\n".join([*parts, f"{result['bench_s']} s"])


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join("–" if cell is None else str(cell) for cell in line) + " |" for line in lines)


def _false_alarms(found: dict[str, Any]) -> str:
    budgets = drift_false_alarms.BUDGETS
    head = ["kind", "what", "events", "streams", *(f"alarms, 1 in {budget:,}" for budget in budgets)]
    rows = [
        [row["kind"], row["what"], f"{row['events']:,}", row["streams"], *(row[f"alarms_{one}"] for one in budgets)]
        for row in found["kinds"]
    ]
    together = [found[f"alarms_{one}"] for one in budgets]
    rows.append(["**all**", "", f"{found['events']:,}", "", *together])
    rows.append(["**allowed**", "", "", "", *(f"{found[f'allowed_{one}']:.1f}" for one in budgets)])
    return _table(head, rows)


def _likeness(found: dict[str, Any]) -> str:
    return _table(["figure", "value"], list(found.items()))


def _delays(rows: list[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row["detectors"]))

    def cell(row: dict[str, Any], name: str) -> str | None:
        one = row["detectors"].get(name)
        if one is None:
            return None
        delay = "missed" if one["delay"] is None else f"{one['delay']:,}"
        return delay if one["told"] == 1.0 else f"{delay} ({one['told']:.0%})"

    ratios = [row["ratio_to_best"] for row in rows if row["ratio_to_best"] is not None]
    near = sum(ratio <= 2 for ratio in ratios)
    summary = f"{near} of {len(rows)} within twice the best, the median is {np.median(ratios):.2f} times"
    singles = _table(
        ["detector", "changes that it was given", "told within twice its delay"],
        [[name, given, within] for name, (within, given) in drift_delays.within_twice(rows).items()],
    )
    table = _table(
        ["kind", "shape", "size", *names, "to the best"],
        [
            [row["kind"], row["shape"], row["size"], *(cell(row, name) for name in names), row["ratio_to_best"]]
            for row in rows
        ],
    )
    return f"{table}\n\n{singles}\n\n{summary}"


def _causes(found: dict[str, Any]) -> str:
    causes = list(found["table"])
    told = list(dict.fromkeys([*causes, *(name for one in found["table"].values() for name in one)]))
    rows = [[cause, *(found["table"][cause].get(name, 0) for name in told)] for cause in causes]
    return _table(["planted", *told], rows) + f"\n\n{found['right']:.1%} right"


def _flights(found: dict[str, Any]) -> str:
    parts = []
    for name, rows in found.items():
        if not isinstance(rows, list):
            continue
        table = _table(
            ["told", "since", "until", "ended", "cause", "moved"],
            [
                [
                    *(one["told"], one["since"], one["until"], one["ended"]),
                    *(" → ".join(one["causes"]), ", ".join(one["moved"])),
                ]
                for one in rows
            ],
        )
        parts.append(f"{name}\n\n{table}")
    return "\n\n".join(parts)


if __name__ == "__main__":
    sys.exit(main())
