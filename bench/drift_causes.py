"""A confusion table: what was planted, and what the episode was said to be caused by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from bench.drift_planted import BEFORE, Plant, world
from bench.drift_worlds import START, Values, World, log, pipeline
from models.drift import DriftMonitor

RUNS = 4

Change = Callable[[World, Values, np.random.Generator], None]

#: Mean seconds, so events, until a label comes.
DELAY_S = 100.0


def _slower(times: float) -> Change:
    def change(made: World, late: Values, generator: np.random.Generator) -> None:
        assert made.delay_s is not None
        made.delay_s = np.where(late, times * made.delay_s, made.delay_s)

    return change


def _expired(share: float) -> Change:
    def change(made: World, late: Values, generator: np.random.Generator) -> None:
        made.expired = late & (generator.random(len(late)) < share)

    return change


def _no_labels(made: World, late: Values, generator: np.random.Generator) -> None:
    made.missing_labels = late


def _missing(share: float) -> Change:
    def change(made: World, late: Values, generator: np.random.Generator) -> None:
        made.columns["x0"][late & (generator.random(len(late)) < share)] = np.nan

    return change


def _unit(times: float) -> Change:
    def change(made: World, late: Values, generator: np.random.Generator) -> None:
        made.columns["x2"][late] *= times

    return change


def _stuck(made: World, late: Values, generator: np.random.Generator) -> None:
    made.columns["x1"][late] = 0.2


def _doubled(share: float) -> Change:
    def change(made: World, late: Values, generator: np.random.Generator) -> None:
        made.duplicates = late & (generator.random(len(late)) < share)

    return change


def _rejected(share: float) -> Change:
    def change(made: World, late: Values, generator: np.random.Generator) -> None:
        made.rejected = late & (generator.random(len(late)) < share)

    return change


def _silent(made: World, late: Values, generator: np.random.Generator) -> None:
    partition = generator.integers(0, 3, len(late))
    made.partition = np.where(late & (partition == 2), 1, partition)


#: Cause, what is planted, and how.
SCENARIOS: tuple[tuple[str, str, Plant | Change], ...] = (
    *(("covariate", f"shift {size}", Plant("covariate", "abrupt", size)) for size in (0.25, 0.5, 1.0)),
    *(("prior", f"0.3 to {size}", Plant("prior", "abrupt", size)) for size in (0.4, 0.5, 0.7)),
    *(("concept", f"weaker by {size}", Plant("concept", "abrupt", size)) for size in (0.3, 0.6, 1.2)),
    *(("mixed", f"shift {size}, weaker by {2 * size}", Plant("mixed", "abrupt", size)) for size in (0.3, 0.5, 0.8)),
    *(("labels_late", f"delay times {times}", _slower(times)) for times in (1.5, 3.0, 10.0)),
    *(("labels_late", f"{share:.0%} expired", _expired(share)) for share in (0.05, 0.2, 0.5)),
    ("labels_late", "no labels", _no_labels),
    *(("feed_broken", f"{share:.0%} missing", _missing(share)) for share in (0.3, 0.6, 1.0)),
    *(("feed_broken", f"times {times}", _unit(times)) for times in (0.001, 100.0, 1000.0)),
    *(("feed_broken", f"{share:.0%} duplicates", _doubled(share)) for share in (0.1, 0.3, 1.0)),
    *(("feed_broken", f"{share:.0%} rejected", _rejected(share)) for share in (0.1, 0.3, 0.9)),
    ("feed_broken", "stuck", _stuck),
    ("feed_broken", "partition silent", _silent),
)


def _world(scenario: Plant | Change, seed: int) -> World:
    generator = np.random.default_rng((seed, 7))
    if isinstance(scenario, Plant) and scenario.kind == "mixed":
        made = world(Plant("covariate", "abrupt", scenario.size), seed)
        assert made.scores is not None
        logit = np.log(made.scores / (1 - made.scores))
        less = np.where(np.arange(made.events) >= BEFORE, 1 - 2 * scenario.size, 1.0)
        made.labels = generator.random(made.events) < 1 / (1 + np.exp(-logit * less))
    else:
        made = world(scenario if isinstance(scenario, Plant) else None, seed)
    made.delay_s = generator.exponential(DELAY_S, made.events)
    if not isinstance(scenario, Plant):
        scenario(made, np.arange(made.events) >= BEFORE, generator)
    return made


def told(made: World) -> str:
    """The last cause of the first episode after the change."""
    monitor = DriftMonitor(pipeline())
    cause, episode = "nothing", None
    for offset, record in log(made):
        for one in monitor.fold(offset, record):
            if episode is None and one.phase == "start" and (one.time - START).total_seconds() >= BEFORE:
                episode = one.episode
            if one.episode == episode and episode is not None:
                cause = one.cause
    return cause


def _told(at: int, seed: int) -> str:
    return told(_world(SCENARIOS[at][2], seed))


def measure(runs: int = RUNS, each: Callable[..., Iterable[Any]] = map) -> dict[str, Any]:
    """The table by planted and told cause, the share that is right, and every scenario with what it was told to be.

    Parameters
    ----------
    runs
        Of each scenario.
    each
        What applies a function to many, in several processes perhaps.
    """
    table: dict[str, Counter[str]] = {}
    scenarios = []
    every = [(at, seed) for at in range(len(SCENARIOS)) for seed in range(1, runs + 1)]
    all_told = list(each(_told, *zip(*every, strict=True)))
    for at, (cause, name, _) in enumerate(SCENARIOS):
        found = Counter(all_told[at * runs : (at + 1) * runs])
        table.setdefault(cause, Counter()).update(found)
        scenarios.append({"cause": cause, "planted": name, "told": dict(found)})
    right = sum(found[cause] for cause, found in table.items())
    # Each cause counts the same, however many scenarios it has.
    shares = [found[cause] / found.total() for cause, found in table.items()]
    return {
        "table": {cause: dict(found) for cause, found in table.items()},
        "right": round(right / sum(found.total() for found in table.values()), 3),
        "right_by_cause": round(sum(shares) / len(shares), 3),
        "scenarios": scenarios,
    }
