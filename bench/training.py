"""How long an event waits for its prediction while a challenger is trained, beside without: one worker, one machine.

Rounds with and without a training are interleaved, so that what the machine does otherwise meets both; the figure is
the ratio of the medians of the rounds. What is trained is a search among many candidates over the whole log, which
lasts longer than a round: the trainer starts with the measurement, works until after its end, and then fails for its
time is over, so that no challenger is added and every round has the same models.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import uuid
from collections.abc import Sequence
from statistics import median
from typing import Any

from bench import brokers, latency, prefill, stream
from bench.deployment import Deployment
from headrace import retrains
from schemas.codec import decode, encode
from schemas.retrains import Retrain

RATES_PER_S = (300.0, 1000.0)
SECONDS, ROUNDS = 10.0, 4

# Labels in the log before the first round: 32 candidates take longer for them than a round lasts.
FILL_EVENTS = 100_000

# Beyond a round's own seconds: its warm-up, the second until the last label, the way of the command.
TRAINING_SECONDS_MORE = 10.0
WAIT_SECONDS_MAX = 120.0

BOUND = 1.5


def measure(address: str, rates: Sequence[float] = RATES_PER_S, seconds: float = SECONDS, rounds: int = ROUNDS) -> Any:
    """Measure both, at each rate.

    Parameters
    ----------
    address
        Of the broker.
    rates
        Events a second.
    seconds, rounds
        How long each round counts, and how many there are of each kind.

    Returns
    -------
    dict
        By rate, ``<quantile>_ms`` and ``training_<quantile>_ms`` with one number for each round, and
        ``<quantile>_ratio`` of their medians; ``trained_examples`` that the trainer learnt in each of its rounds.
    """
    training_s = seconds + latency.WARMUP_SECONDS + TRAINING_SECONDS_MORE
    found: dict[float, dict[str, Any]] = {rate: {"missing_events": 0, "trained_examples": []} for rate in rates}
    with Deployment(address, f"bench-training-{uuid.uuid4().hex[:8]}", training_s=training_s) as deployment:
        name = deployment.topology.name
        prefill.fill(address, deployment.name, stream.events(FILL_EVENTS))
        deployment.start()
        _wait_until_learnt(deployment)
        for _ in range(rounds):
            for rate in rates:
                load = latency.Load(name("events"), name("predictions"), rate, seconds, feedback=name("feedback"))
                _add(found[rate], "", latency.measure(address, load))
                id = _begin(deployment)
                _add(found[rate], "training_", latency.measure(address, load))
                found[rate]["trained_examples"].append(_end(deployment, id))
        deployment.check()
    for figures in found.values():
        for quantile in ("p50", "p99"):
            with_, without = (median(figures[f"{kind}{quantile}_ms"]) for kind in ("training_", ""))
            figures[f"{quantile}_ratio"] = round(with_ / without, 2)
    return {f"{rate:.0f}_per_s": figures for rate, figures in found.items()}


def _add(figures: dict[str, Any], kind: str, measured: dict[str, Any]) -> None:
    figures["missing_events"] += measured["missing_events"]
    for quantile in ("p50", "p99"):
        figures.setdefault(f"{kind}{quantile}_ms", []).append(measured[f"latency_{quantile}_ms"])


def _wait_until_learnt(deployment: Deployment) -> None:
    end_s = time.monotonic() + WAIT_SECONDS_MAX
    wanted = deployment.end("feedback")
    while deployment.processed("feedback") < wanted:
        deployment.check()
        if time.monotonic() > end_s:
            raise TimeoutError("the labels that were sent before were not learnt in time")
        time.sleep(0.2)


def _begin(deployment: Deployment) -> str:
    """Ask for a search, and wait until its trainer is started; that it loads its libraries is measured too."""
    asked = retrains.command("model", "bench", "to be measured beside", search=True)
    sender = prefill.producer(deployment.bootstrap)
    sender.produce(deployment.topology.name("commands"), encode(asked), asked.id.encode(), 0)
    prefill.finish(sender)
    _step(deployment, asked.id, "started")
    return asked.id


def _end(deployment: Deployment, id: str) -> int:
    """Wait for its end; how many examples each candidate had learnt by then."""
    _step(deployment, id, "failed")
    return int(_step(deployment, id, "progress", newest=True).evidence["examples"])


def _step(deployment: Deployment, id: str, step: str, newest: bool = False) -> Retrain:
    """A step of a retraining, waited for; the newest of those that there are."""
    found: list[Retrain] = []

    def wanted(message: Any) -> bool:
        told = decode(Retrain, message.value() or b"")
        if told.id == id and told.step == step:
            found.append(told)
        if told.id == id and told.step in ("finished", "failed") and step not in (told.step, "progress"):
            raise TimeoutError(f"the training has {told.step} instead of {step}: {told.reason}")
        ended = told.id == id and told.step in ("finished", "failed")
        return bool(found) and (not newest or ended)

    deployment.watch("retrains", wanted, WAIT_SECONDS_MAX)
    return found[-1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as a command; the exit code is 1 if a prediction is missing."""
    parser = argparse.ArgumentParser(prog="python -m bench.training", description=__doc__.splitlines()[0])
    parser.add_argument("--rates", nargs="+", type=float, default=RATES_PER_S, help="events a second (300 and 1000)")
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"of each round (default {SECONDS:.0f})")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"of each kind (default {ROUNDS})")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args(arguments)
    with brokers.bootstrap() as address:
        figures = measure(address, chosen.rates, chosen.seconds, chosen.rounds)
    if chosen.json:
        print(json.dumps(figures))
    else:
        for rate, found in figures.items():
            print(f"{rate}: p99 {found['p99_ratio']} times that without a training (at most {BOUND}): {found}")
    return 1 if any(found["missing_events"] for found in figures.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
