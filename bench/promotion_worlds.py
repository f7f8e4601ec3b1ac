"""Simulated lives of a pipeline: what champion and challengers lose on the same labels, in the order they come.

The log-odds of each event are normal; every model knows them but for noise of its own. Two models with equal noise are
equal: on every event, whatever came before, each is as likely to be better as the other. They are told apart by the
very code that decides in production, from paired losses on, chunk by chunk; only the records around it are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from models.losses import bounded, losses
from models.outcomes import Key
from models.pairs import Pairs, unit_of
from models.pipeline import Label, Pipeline
from models.policies import Promotion as Policy
from models.promotions import CHUNK, CHUNK_ALERT, Verdicts
from schemas.examples import Control
from schemas.promotions import Promotion

Floats = npt.NDArray[np.float64]

START = datetime(2026, 1, 1, tzinfo=UTC)

#: Nats that a difference of one between clipped losses is.
NATS = unit_of("LogLoss", None)

#: Noise of the champion's log-odds.
NOISE = 0.7


@dataclass
class Life:
    """A stretch of labels.

    Parameters
    ----------
    scores
        By model, the champion first.
    labels
        0 or 1.
    times_s, arrivals_s
        When each event was, and when its label came; events are in order of time.
    """

    scores: list[Floats]
    labels: Floats
    times_s: Floats
    arrivals_s: Floats

    def losses(self) -> list[Floats]:
        """Clipped losses in 0 .. 1, by model."""
        found = []
        for scores in self.scores:
            clipped = bounded("LogLoss", losses("binary", ("LogLoss",), self.labels.tolist(), scores.tolist()), None)
            assert clipped is not None
            found.append(clipped)
        return found

    @property
    def arrived(self) -> npt.NDArray[np.intp]:
        """The events in the order of their labels."""
        return np.argsort(self.arrivals_s, kind="stable")


def logistic(odds: Floats) -> Floats:
    """Probabilities of log-odds."""
    chances: Floats = 1 / (1 + np.exp(-odds))
    return chances


def life(
    chance: np.random.Generator, noises: Sequence[Any], labels: int, delay_s: float = 0.0, label_delays: bool = False
) -> Life:
    """Models with so much noise, each a number or one for every event; one event a second.

    Parameters
    ----------
    delay_s
        Mean delay of labels, cut off at five times of it.
    label_delays
        Whether true labels come four times sooner than others.
    """
    odds = chance.normal(-0.8, 1.0, labels)
    truth = (chance.random(labels) < logistic(odds)).astype(float)
    scores = [logistic(odds + noise * chance.normal(0, 1.0, labels)) for noise in noises]
    times_s = np.arange(labels, dtype=float)
    delays = np.minimum(chance.exponential(1.0, labels), 5.0) * delay_s
    if label_delays:
        delays *= np.where(truth > 0.5, 0.25, 1.0)
    return Life(scores, truth, times_s, times_s + delays)


def gain_of(noise: float, champion: float = NOISE, labels: int = 400_000) -> tuple[float, float]:
    """Mean and standard deviation of the gain of a model with this noise, in nats, by simulation."""
    one = life(np.random.default_rng(99), (champion, noise), labels)
    champions, challengers = one.losses()
    gains = (champions - challengers) * NATS
    return float(gains.mean()), float(gains.std())


def pipeline_of(challengers: int, **policy: Any) -> Pipeline:
    """A pipeline whose models are called 0, 1, ...; 0 is the champion."""
    names = [str(number) for number in range(challengers + 1)]
    return Pipeline(
        name="bench", problem="binary", fields=[], label=Label(timeout="1h"), models=dict.fromkeys(names),
        champion="0", promotion=Policy(**policy),
    )  # fmt: skip


@dataclass
class Outcome:
    """A decision, after so many labels."""

    labels: int
    decision: Promotion


def lived(pipeline: Pipeline, one: Life, *, stop: bool = True) -> list[Outcome]:
    """What is decided in a life.

    Parameters
    ----------
    stop
        Whether it ends with the first change of the champion; otherwise the change takes effect.
    """
    verdicts = Verdicts(pipeline)
    controls = [Control(action="added", model=name, version=1, reason="") for name in pipeline.models]
    for control in [*controls, Control(action="promoted", model="0", version=1, reason="")]:
        verdicts.fold(verdicts.position, control)
    all_losses, order = one.losses(), one.arrived
    keys: list[Key] = [(name, 1) for name in pipeline.models]
    found: list[Outcome] = []
    place = 0
    while place < len(order):
        rows = order[place : place + (CHUNK if verdicts.reigns.emergency is None else CHUNK_ALERT)]
        place += len(rows)
        verdicts.position += len(rows)
        verdicts.reigns.outcomes += len(rows)
        verdicts.time = START + timedelta(seconds=float(one.arrivals_s[rows[-1]]))
        times_s = START.timestamp() + one.times_s[rows]
        columns = dict(zip(keys, (each[rows] for each in all_losses), strict=True))
        scores = dict(zip(keys, (each[rows] for each in one.scores), strict=True))
        # An event is served with the state of its time: only those served since a trial has begun count for it.
        positions = one.times_s[rows] + len(controls) + 1
        verdicts.take(Pairs(np.ones(len(rows)), times_s, positions, one.labels[rows], scores, columns, []))
        for decided in verdicts.decide():
            if isinstance(decided, Promotion):
                found.append(Outcome(place, decided))
            elif stop:
                return found
            else:
                verdicts.fold(verdicts.position, decided)
    return found


def promoted(outcomes: Sequence[Outcome]) -> Outcome | None:
    """The first promotion."""
    return next((one for one in outcomes if one.decision.verdict == "promote"), None)
