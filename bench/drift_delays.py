"""How soon planted drift is told, beside each of River's detectors.

Headrace watches everything with one joint budget and is not told where to look. Each rival is given only the streams in
which the drift is: the five features, the labels, or the champion's losses (errors, for those that take nothing else).
It runs as River declares it, and tuned: the most sensitive of a list of settings with which it raised at most as many
false alarms as the budget allows on the same streams without drift.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from river import drift
from river.drift import binary

from bench.drift_planted import BEFORE, KINDS, Plant, plants, world
from bench.drift_worlds import START, Values, World, log, pipeline
from models.drift import DriftMonitor
from models.rivals import ON_NUMBERS

RUNS = 5

#: Events without drift on which rivals are tuned: at most one false alarm is allowed in them.
TUNING = 200_000

Make = Callable[[], Any]


def _each(kind: Any, **settings: Sequence[Any]) -> list[Make]:
    """A detector with each of these settings, the first of every one, the second of every one, and so on."""
    return [partial(kind, **dict(zip(settings, one, strict=True))) for one in zip(*settings.values(), strict=True)]


# The most sensitive settings first. Every planted drift is a rise of what a rival is given; looked for both ways,
# PageHinkley alarms far more often.
SETTINGS: dict[str, Sequence[Make]] = {
    "ADWIN": _each(drift.ADWIN, delta=(2e-3, 2e-4, 2e-5, 2e-6)),
    "PageHinkley": _each(
        drift.PageHinkley,
        threshold=(25, 25, 50, 50, 100, 100, 200),
        delta=(0.05, 0.1, 0.05, 0.1, 0.05, 0.1, 0.1),
        mode=("up",) * 7,
    ),
    "DDM": _each(binary.DDM, drift_threshold=(3.0, 3.5, 4.0, 4.5, 5.0, 6.0), warm_start=(30, *(500,) * 5)),
    "EDDM": _each(
        binary.EDDM, alpha=(0.95, 0.85, 0.75, 0.65, 0.55), beta=(0.9, 0.8, 0.7, 0.6, 0.5), warm_start=(100,) * 5
    ),
    "HDDM_A": _each(binary.HDDMA, drift_confidence=(1e-3, 1e-4, 1e-5, 1e-6, 1e-7)),
    "HDDM_W": _each(binary.HDDMW, drift_confidence=(1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-9)),
}

DEFAULTS: dict[str, Make] = {
    "ADWIN (default)": drift.ADWIN,
    "DDM (default)": binary.DDM,
}


def streams(made: World, kind: str, numbers: bool) -> list[Values]:
    """What a rival is given."""
    assert made.scores is not None
    assert made.labels is not None
    if kind == "covariate":
        return list(made.columns.values()) if numbers else []
    if kind == "prior":
        return [made.labels.astype(float)]
    if numbers:
        return [-np.log(np.where(made.labels, made.scores, 1 - made.scores))]
    return [((made.scores > 0.5) != made.labels).astype(float)]


def _fires(make: Make, values: Values, numbers: bool, most: int = 1) -> list[int]:
    """Places at which a detector fires, the first so many."""
    detector, found = make(), []
    update = detector.update
    for at, value in enumerate(values.tolist()):
        update(value if numbers else bool(value))
        if detector.drift_detected:
            found.append(at)
            if len(found) >= most:
                break
    return found


def tuned(kind: str, seed: int = 0) -> dict[str, tuple[Make | None, int]]:
    """Of each rival the most sensitive setting that is quiet enough, and which one it is; ``None`` if none is."""
    made = world(None, seed, TUNING, 0)
    chosen: dict[str, tuple[Make | None, int]] = {}
    for name, settings in SETTINGS.items():
        numbers = name in ON_NUMBERS
        chosen[name] = (None, len(settings))
        for place, make in enumerate(settings):
            given = streams(made, kind, numbers)
            if given and sum(len(_fires(make, values, numbers, 2)) for values in given) <= 1:
                chosen[name] = (make, place)
                break
    return chosen


def _first(places: Sequence[int]) -> float:
    """Events from the change to the first alarm after it."""
    return min((place - BEFORE for place in places if place >= BEFORE), default=float("inf"))


def headrace(made: World) -> float:
    """Events until an episode starts, or has started again, after the change."""
    monitor = DriftMonitor(pipeline())
    for offset, record in log(made):
        for told in monitor.fold(offset, record):
            if told.phase == "start" and (told.time - START).total_seconds() >= BEFORE:
                return (told.time - START).total_seconds() - BEFORE
    return float("inf")


def measure(runs: int = RUNS) -> list[dict[str, Any]]:
    """One row per plant: median delay in events (absent where more than half are missed), and share that was told."""
    rivals = {kind: tuned(kind) for kind in KINDS}
    rows = []
    for plant in plants():
        delays: dict[str, list[float]] = {}
        for seed in range(1, runs + 1):
            made = world(plant, seed)
            delays.setdefault("Headrace", []).append(headrace(made))
            for name, (make, _) in rivals[plant.kind].items():
                _add(delays, name, make, plant, made)
            for name, default in DEFAULTS.items():
                _add(delays, name, default, plant, made)
        rows.append(_row(plant, delays))
    return rows


def _add(delays: dict[str, list[float]], name: str, make: Make | None, plant: Plant, made: World) -> None:
    numbers = name.split(" ", maxsplit=1)[0] in ON_NUMBERS
    given = streams(made, plant.kind, numbers)
    if make is None or not given:
        return
    # An alarm before the change does not disqualify it, and it goes on afterwards as River's detectors do.
    delays.setdefault(name, []).append(min(_first(_fires(make, values, numbers, 1000)) for values in given))


def _row(plant: Plant, delays: dict[str, list[float]]) -> dict[str, Any]:
    found = {
        name: {"delay": _finite(float(np.median(all_of))), "told": round(float(np.isfinite(all_of).mean()), 2)}
        for name, all_of in delays.items()
    }
    rivals = [one["delay"] for name, one in found.items() if "default" not in name and name != "Headrace"]
    best = min((one for one in rivals if one is not None), default=None)
    own = found["Headrace"]["delay"]
    ratio = round(own / max(best, 1), 2) if own is not None and best is not None else None
    return {**plant._asdict(), "detectors": found, "best_rival": best, "ratio_to_best": ratio}


def _finite(value: float) -> int | None:
    return int(value) if np.isfinite(value) else None
