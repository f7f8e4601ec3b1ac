"""The pipelines of the bench: what Headrace is told to do with the bench's stream."""

from __future__ import annotations

import argparse
import logging
from typing import Any

from bench import prefill, scores, stream
from models.monitoring import Drift, Objective
from models.pipeline import PROFILE_EVENTS, Field, Label, Pipeline
from models.policies import Retraining, Search

MODEL = "model"

# With a field of their own for the event time, events are remembered for so long in the stream's time and no
# longer: after two hours of a stream with one event a second there is nothing more to come.
TIMED_TIMEOUT = "1h"
# Without one, event time is when the broker took the event, and a run of the bench ends long before this.
TIMEOUT = "1d"


OBJECTIVES = (
    Objective("LogLoss", better_than="prior", over="7d"),
    Objective("latency_p99_ms", at_most=1000.0),
    Objective("coverage", at_least=0.5),
)

# Candidates of the search that keeps a trainer busy: all of them learn four fifths of the log, on one rung.
CANDIDATES = 32


def pipeline(name: str, *, timed: bool = False, watched: bool = True, training_s: float = 0.0) -> Pipeline:
    """Declare a pipeline for the bench's stream: eight numbers, the model, both baselines by themselves.

    Parameters
    ----------
    name
        Of the pipeline; its topics begin with it.
    timed
        Whether the events carry their time, in the field ``at``.
    watched
        Whether there are drift, objectives and a group to look after, which is so by default.
    training_s
        A retraining searches among many candidates, and fails after so many seconds; 0: no search is declared.
    """
    model: Any = scores.model()
    rates = [round(0.0001 * 1.3**number, 6) for number in range(CANDIDATES - 1)]
    search = Search(alternatives={MODEL: {"LogisticRegression.optimizer.lr": rates}}, eta=CANDIDATES, budget=CANDIDATES)
    return Pipeline(
        name=name,
        problem="binary",
        fields=[Field(feature, float) for feature in stream.FEATURES],
        id="id",
        key="key",
        time="at" if timed else None,
        label=Label(timeout=TIMED_TIMEOUT if timed else TIMEOUT),
        models={MODEL: model},
        champion=MODEL,
        partitions=prefill.PARTITIONS,
        health_window=scores.WINDOW_LABELS,
        health_every=scores.REPORT_EVERY_LABELS,
        drift=Drift() if watched else None,
        objective=OBJECTIVES if watched else None,
        groups=[stream.FEATURES[-1]] if watched else (),
        profile_events=PROFILE_EVENTS if watched else 0,
        retraining=Retraining(search=search, duration_s_max=training_s) if training_s else None,
    )


def main() -> None:
    """Run one worker until it is interrupted; the settings come from the environment."""
    # What a worker needs is imported by the worker alone: the pipeline is of use without it.
    from agents import worker
    from streams.settings import load

    parser = argparse.ArgumentParser(prog="python -m bench.declared", description="One worker of the bench.")
    parser.add_argument("name", help="of the pipeline")
    parser.add_argument("--timed", action="store_true", help="the events carry their time")
    parser.add_argument("--training-s", type=float, default=0.0, help="a search is declared that may take so long")
    parser.add_argument("--unwatched", action="store_true", help="no drift, objectives and groups are looked after")
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)-7s %(message)s")
    declaration = pipeline(chosen.name, timed=chosen.timed, watched=not chosen.unwatched, training_s=chosen.training_s)
    worker.run(declaration, load())


if __name__ == "__main__":
    main()
