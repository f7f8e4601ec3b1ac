"""How soon planted drift is told, beside each of River's detectors.

Headrace watches everything with one joint budget and is not told where to look. Each rival is given only the streams in
which the drift is: the five features, the labels, or the champion's losses (errors, for those that take nothing else);
for River's generators, the losses. It runs as River declares it, and tuned: the most sensitive of a list of settings
with which it raised at most as many false alarms as the budget allows on the same streams without drift, in stretches
as long as those in which it is measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
from river import drift
from river.drift import binary

from bench import drift_real, drift_synth
from bench.drift_kswin import KSWIN
from bench.drift_planted import AFTER, BEFORE, KINDS, Plant, place_of, plants, world
from bench.drift_real import Real
from bench.drift_synth import Synth
from bench.drift_worlds import REFERENCE, START, Values, World, log, pipeline
from models.drift import DriftMonitor
from models.rivals import FHDDM, ON_NUMBERS

#: Of each change: delays vary by half from run to run, and so do medians of few.
RUNS = 15

#: Events without drift on which rivals are tuned: at most one false alarm is allowed in them.
TUNING = 200_000

Make = Callable[[], Any]

Change = Plant | Synth | Real


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
    "KSWIN": _each(KSWIN, alpha=(1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-10), seed=(1,) * 7),
    "DDM": _each(binary.DDM, drift_threshold=(3.0, 3.5, 4.0, 4.5, 5.0, 6.0), warm_start=(30, *(500,) * 5)),
    "EDDM": _each(
        binary.EDDM, alpha=(0.95, 0.85, 0.75, 0.65, 0.55), beta=(0.9, 0.8, 0.7, 0.6, 0.5), warm_start=(100,) * 5
    ),
    "FHDDM": _each(FHDDM, confidence_level=(1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-10, 1e-13)),
    "HDDM_A": _each(binary.HDDMA, drift_confidence=(1e-3, 1e-4, 1e-5, 1e-6, 1e-7)),
    "HDDM_W": _each(binary.HDDMW, drift_confidence=(1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-9)),
}

DEFAULTS: dict[str, Make] = {
    "ADWIN (default)": drift.ADWIN,
    "DDM (default)": binary.DDM,
}


def streams(made: World, kind: str, numbers: bool) -> list[Values]:
    """What a rival is given."""
    assert made.labels is not None
    if kind.endswith("covariate"):
        # What has no order has no mean to look at.
        return [values for values in made.columns.values() if values.dtype.kind == "f"] if numbers else []
    if kind.endswith("prior"):
        return [made.labels.astype(float)]
    return [losses(made) if numbers else errors(made)]


def losses(made: World) -> Values:
    """Of the champion."""
    assert made.scores is not None
    assert made.labels is not None
    if made.problem == "regression":
        found: Values = np.abs(made.labels - made.scores)
        return found
    if made.problem == "multiclass":
        right = [said.get(label, 0.0) for said, label in zip(made.scores, made.labels.tolist(), strict=True)]
    else:
        right = np.where(made.labels, made.scores, 1 - made.scores).tolist()
    return np.asarray(-np.log(np.clip(right, 1e-6, 1.0)))


def errors(made: World) -> Values:
    """Of the champion; of numbers, whether it was farther off than three times in four at first."""
    assert made.scores is not None
    assert made.labels is not None
    if made.problem == "regression":
        far = losses(made)
        wrong = far > np.quantile(far[:REFERENCE], 0.75)
    elif made.problem == "multiclass":
        best = [max(said, key=said.__getitem__, default="") for said in made.scores]
        wrong = np.array(best) != made.labels
    else:
        wrong = (made.scores > 0.5) != made.labels
    found: Values = wrong.astype(float)
    return found


def _fires(make: Make, values: Values, numbers: bool, most: int = 1, since: int = 0) -> list[int]:
    """Places at which a detector fires, the first so many from a place on."""
    detector, found = make(), []
    update = detector.update
    for at, value in enumerate(values.tolist() if numbers else (values > 0).tolist()):
        update(value)
        if detector.drift_detected and at >= since:
            found.append(at)
            if len(found) >= most:
                break
    return found


def tuned(kind: str, seed: int = 0) -> dict[str, Make | None]:
    """Of each rival the most sensitive setting that is quiet enough; ``None`` if none is."""
    made = _world(kind, None, seed, TUNING, 0)
    chosen: dict[str, Make | None] = {}
    for name, settings in SETTINGS.items():
        given = streams(made, kind, name in ON_NUMBERS)
        chosen[name] = next((make for make in settings if given and _is_quiet(make, given, name in ON_NUMBERS)), None)
    return chosen


def _is_quiet(make: Make, given: Sequence[Values], numbers: bool) -> bool:
    alarms = 0
    for values in given:
        for stretch in np.array_split(values, TUNING // (BEFORE + AFTER)):
            alarms += len(_fires(make, stretch, numbers, 2 - alarms))
            if alarms > 1:
                return False
    return True


def _world(kind: str, plant: Change | None, seed: int, before: int, after: int) -> World:
    if kind in KINDS:
        assert plant is None or isinstance(plant, Plant)
        return world(plant, seed, before, after)
    if kind in drift_real.SIZES:
        assert plant is None or isinstance(plant, Real)
        return drift_real.world(kind, plant, seed, before, after)
    assert plant is None or isinstance(plant, Synth)
    return drift_synth.world(kind, plant, seed, before, after)


def headrace(made: World, before: int) -> float:
    """Events until an episode starts, or has started again, after the change."""
    monitor = DriftMonitor(pipeline(made.problem))
    for offset, record in log(made):
        for told in monitor.fold(offset, record):
            if told.phase == "start" and (told.time - START).total_seconds() >= before:
                return (told.time - START).total_seconds() - before
    return float("inf")


def measure(each: Callable[..., Iterable[Any]] = map) -> list[dict[str, Any]]:
    """One row per change: median delay in events (absent where more than half are missed), and share that was told.

    Parameters
    ----------
    each
        What applies a function to many, in several processes perhaps.
    """
    changes: list[Change] = [*plants(), *drift_synth.changes(), *drift_real.changes()]
    kinds = list(dict.fromkeys(change.kind for change in changes))
    rivals = dict(zip(kinds, each(tuned, kinds), strict=True))
    every = [(change, seed, rivals[change.kind]) for change in changes for seed in range(1, RUNS + 1)]
    found = iter(each(_run, *zip(*every, strict=True)))
    return [_row(change, [next(found) for _ in range(RUNS)]) for change in changes]


def _run(change: Change, seed: int, rivals: dict[str, Make | None]) -> dict[str, float]:
    """Delays in one run."""
    before = place_of(seed)
    made = _world(change.kind, change, seed, before, AFTER)
    delays = {"Headrace": headrace(made, before)}
    for name, make in (*rivals.items(), *DEFAULTS.items()):
        numbers = name.split(" ", maxsplit=1)[0] in ON_NUMBERS
        given = streams(made, change.kind, numbers)
        if make is not None and given:
            # An alarm before the change does not disqualify it, and it goes on afterwards as River's detectors do.
            told = [at for values in given for at in _fires(make, values, numbers, since=before)]
            delays[name] = min(told, default=float("inf")) - before
    return delays


def _row(change: Change, runs: Sequence[dict[str, float]]) -> dict[str, Any]:
    found = {}
    for name in runs[0]:
        delays = [run[name] for run in runs]
        told = round(float(np.isfinite(delays).mean()), 2)
        found[name] = {"delay": _finite(float(np.median(delays))), "told": told}
    rivals = [one["delay"] for name, one in found.items() if "default" not in name and name != "Headrace"]
    best = min((one for one in rivals if one is not None), default=None)
    own = found["Headrace"]["delay"]
    ratio = round(own / max(best, 1), 2) if own is not None and best is not None else None
    return {**change._asdict(), "detectors": found, "best_rival": best, "ratio_to_best": ratio}


def within_twice(rows: Sequence[dict[str, Any]]) -> dict[str, tuple[int, int]]:
    """Of each rival: of how many changes Headrace tells within twice its delay, and of how many that it was given.

    What a rival misses it is not slower than; what Headrace misses, and a rival tells, it is.
    """
    found: dict[str, tuple[int, int]] = {}
    for row in rows:
        own = row["detectors"]["Headrace"]["delay"]
        for name, one in row["detectors"].items():
            held = one["delay"] is None or (own is not None and own <= 2 * max(one["delay"], 1))
            within, given = found.get(name, (0, 0))
            found[name] = within + held, given + 1
    found.pop("Headrace", None)
    return found


def _finite(value: float) -> int | None:
    return int(value) if np.isfinite(value) else None
