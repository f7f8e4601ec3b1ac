"""Promotion measured: are its promises held, how soon is a better model put in charge, how soon is a broken one gone?

``python -m bench.promotion [--json] [--lives 2000] [--save docs/promotions.md]`` exits 1 if a promise was not held.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from bench.promotion_rules import fixed_sample, t_test_at_each_look, window_threshold
from bench.promotion_worlds import NOISE, Life, gain_of, life, lived, pipeline_of, promoted
from models.gains import spent

#: What is promised in every scenario.
RATE = 0.05

#: Labels in a life of equal or worse challengers.
LABELS = 6000

#: A life with many looks and many trials: a challenger that is given up is soon tried again.
HASTY: dict[str, Any] = {"examples_min": 200, "retest_examples": 500, "worthwhile": 0.05, "false_promotion_rate": RATE}

BEGIN, END = "<!-- measured: promotion -->", "<!-- end of promotion -->"


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Parameters
    ----------
    world, rule
        What was simulated, and who decided.
    lives, count
        How many lives, and in how many of them it happened.
    promised
        The rate that was promised; ``None``: none was.
    labels_median, labels_p90
        Labels until it happened.
    against
        The same for a test that looks once and knows the gain.
    """

    world: str
    rule: str
    lives: int
    count: int
    promised: float | None = None
    labels_median: float | None = None
    labels_p90: float | None = None
    against: float | None = None

    @property
    def share(self) -> float:
        """In what share of the lives it happened."""
        return self.count / self.lives

    @property
    def held(self) -> bool:
        """Whether the promise was held."""
        return self.promised is None or self.share <= self.promised


def _lives(count: int, seed: int, make: Callable[[np.random.Generator], Life]) -> Iterator[Life]:
    for number in range(count):
        yield make(np.random.default_rng((seed, number)))


def equal(lives: int) -> list[Row]:
    """Equal models, labels that come late and out of order, several challengers in a row and a look at every chunk."""
    pipeline = pipeline_of(2, settle="500s", **HASTY)
    false = {"anytime": 0, "window": 0, "t-test": 0}
    for one in _lives(lives, 1, lambda chance: life(chance, (NOISE,) * 3, LABELS, delay_s=100)):
        false["anytime"] += promoted(lived(pipeline, one)) is not None
        false["window"] += window_threshold(one)
        false["t-test"] += t_test_at_each_look(one)
    world = "equal, labels late"
    return [
        Row(world, "anytime-valid", lives, false["anytime"], RATE),
        Row(world, "lower by 0.005 in a window of 2,000", lives, false["window"]),
        Row(world, "t-test at 5 %, every 500 labels", lives, false["t-test"]),
    ]


def _false(world: str, lives: int, seed: int, promised: bool, make: Callable[..., Life], **policy: Any) -> Row:
    pipeline = pipeline_of(1, **(HASTY | policy))
    found = [promoted(lived(pipeline, one)) for one in _lives(lives, seed, make)]
    return Row(world, "anytime-valid", lives, sum(one is not None for one in found), RATE if promised else None)


def others(lives: int) -> list[Row]:
    """Worse ones, quick labels that flatter, worse ones that improve, and neighbours that resemble each other."""

    def flattering(chance: np.random.Generator) -> Life:
        # True labels come early, and on true ones the challenger says more: it looks better until the others come.
        one = life(chance, (0.5, 0.5), LABELS, delay_s=1000, label_delays=True)
        champion, challenger = (np.log(scores / (1 - scores)) for scores in one.scores)
        one.scores = [1 / (1 + np.exp(-champion)), 1 / (1 + np.exp(-(challenger + 0.25)))]
        return one

    def improving(chance: np.random.Generator) -> Life:
        noise = np.where(np.arange(LABELS) < LABELS // 2, NOISE + 0.15, NOISE - 0.15)
        return life(chance, (NOISE, noise), LABELS)

    def alike(chance: np.random.Generator) -> Life:
        # Which one is better changes by chance, and stays so for some 40 labels.
        mood = np.repeat(np.where(chance.random(LABELS // 40 + 1) < 0.5, 0.2, 1.2), 40)[:LABELS]
        return life(chance, (mood, 1.4 - mood), LABELS)

    worse = NOISE + 0.05
    return [
        _false("worse by a little", lives, 2, True, lambda chance: life(chance, (NOISE, worse), LABELS)),
        _false("quick labels flatter, settled", lives, 3, True, flattering, settle="5000s"),
        _false("quick labels flatter, as they come", lives, 3, False, flattering, settle="0s"),
        _false("worse, then better by as much", lives, 4, True, improving, settle="0s", retest_examples=LABELS),
        _false("moods of 40 labels, blocks of 400", lives, 5, True, alike, settle="0s", block="400s"),
        _false("moods of 40 labels, no blocks", lives, 5, False, alike, settle="0s"),
    ]


def power(lives: int) -> list[Row]:
    """Labels until a better challenger is promoted, beside a test that knows how much better it is and looks once."""
    rows = []
    for noise in (0.3, 0.5, 0.6):
        gain, spread = gain_of(noise)
        fixed = fixed_sample(gain, spread, spent(RATE, 1))
        labels = int(10 * fixed)
        pipeline = pipeline_of(1, settle="0s", examples_min=1, worthwhile=1e-4, false_promotion_rate=RATE)
        make = _of_noise(noise, labels)
        found = [promoted(lived(pipeline, one)) for one in _lives(lives, 6, make)]
        times = sorted(one.labels for one in found if one is not None)
        rows.append(_timed(f"better by {gain:.3f} nats", lives, times, fixed))
    return rows


def _of_noise(noise: Any, labels: int) -> Callable[[np.random.Generator], Life]:
    return lambda chance: life(chance, (NOISE, noise), labels)


def _timed(world: str, lives: int, times: list[int], against: float | None = None) -> Row:
    """A row of the times of what happened; lives in which it did not count as ever."""
    ever = [*times, *[math.inf] * (lives - len(times))]
    middle, late = median(ever), ever[min(int(0.9 * lives), lives - 1)]
    finite = [None if math.isinf(one) else float(one) for one in (middle, late)]
    return Row(world, "anytime-valid", lives, len(times), None, finite[0], finite[1], against)


def futile(lives: int) -> list[Row]:
    """Labels until a challenger is given up that is worse, or equal where only 0.02 would be worthwhile."""
    rows = []
    for world, noise in (("worse, until given up", NOISE + 0.3), ("equal, until given up", NOISE)):
        pipeline = pipeline_of(1, settle="0s", worthwhile=0.02)
        times = []
        for one in _lives(lives, 7, _of_noise(noise, 20_000)):
            given_up = [each for each in lived(pipeline, one) if each.decision.verdict in ("keep", "futile")]
            times += [given_up[0].labels] if given_up else []
        rows.append(_timed(world, lives, sorted(times)))
    return rows


def back(lives: int) -> list[Row]:
    """Labels from the moment at which a promoted model breaks until the old one is back in charge."""
    rows = []
    broken_at, labels = 8000, 14_000
    kinds = {"its concept flips": -1.0, "it sees nothing any more": 0.0, "it is as noisy as twice the old one": None}
    for kind, factor in kinds.items():
        times, hasty = [], 0
        for number in range(lives):
            chance = np.random.default_rng((8, number))
            noise = np.where(np.arange(labels) < broken_at, 0.2, 1.4 if factor is None else 0.2)
            one = life(chance, (NOISE, noise), labels)
            if factor is not None:
                odds = np.log(one.scores[1] / (1 - one.scores[1]))
                after = 1 / (1 + np.exp(-factor * odds))
                one.scores[1] = np.where(np.arange(labels) < broken_at, one.scores[1], after)
            pipeline = pipeline_of(1, settle="0s", false_promotion_rate=RATE)
            ways = [each.labels for each in lived(pipeline, one, stop=False) if each.decision.verdict == "roll_back"]
            hasty += bool(ways) and ways[0] <= broken_at
            times += [ways[0] - broken_at] if ways and ways[0] > broken_at else []
        rows.append(_timed(f"until back: {kind}", lives, sorted(times)))
        rows.append(Row(f"back before {kind}", "anytime-valid", lives, hasty, RATE))
    return rows


def markdown(rows: list[Row]) -> str:
    """The table."""
    lines = [
        "| world | rule | lives | happened | promised | labels: median | 90 % | knows the gain |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        numbers = [row.labels_median, row.labels_p90, row.against]
        told = " | ".join("" if one is None else f"{one:,.0f}" for one in numbers)
        promised = "" if row.promised is None else f"{row.promised:.0%}"
        lines.append(f"| {row.world} | {row.rule} | {row.lives:,} | {row.share:.1%} | {promised} | {told} |")
    return "\n".join(lines)


def save(path: Path, table: str) -> None:
    """Put the table into a document, between its marks."""
    text = path.read_text()
    before, _, rest = text.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise SystemExit(f"{path} has no place for the table: {BEGIN} ... {END}")
    path.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{after}")


def main() -> None:
    """Measure, print, and say by the exit code whether the promises were held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="machine-readable, on standard output")
    parser.add_argument("--lives", type=int, default=2000, help="lives of equal models; the other worlds have fewer")
    parser.add_argument("--save", type=Path, help="the document to put the table into")
    arguments = parser.parse_args()
    some = max(arguments.lives // 10, 10)
    rows = [*equal(arguments.lives), *others(some), *power(some), *futile(some), *back(max(some // 2, 10))]
    broken = [row for row in rows if not row.held]
    if arguments.json:
        print(json.dumps({"rows": [asdict(row) | {"share": row.share} for row in rows], "held": not broken}))
    else:
        print(markdown(rows))
    if arguments.save:
        save(arguments.save, markdown(rows))
    for row in broken:
        print(f"not held: {row.world}: {row.share:.1%} of {row.lives:,}, promised {row.promised:.1%}", file=sys.stderr)
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
