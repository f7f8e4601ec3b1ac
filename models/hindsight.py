"""What an example says about drift, and the numbers that it comes to.

Source: Smith, *Diagnostic checks of non-standard time series models* (1985), and Brockwell, *Universal residuals*
(2007), for the randomized transform.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np

from models.bets import Floats
from models.pipeline import Problem
from schemas.examples import Example
from schemas.values import LabelValue, Score

#: Probabilities are kept away from 0 and 1 by this much: a loss is finite.
_EDGE = 1e-6

#: What is kept of an example until its window is full: event time, label, the champion's score, when the label came.
Outcome = tuple[datetime, LabelValue | None, Score | None, datetime | None]


def outcome_of(example: Example) -> Outcome:
    """What an example says about drift."""
    said = example.said
    return example.time, example.label, said[0].score if said else None, example.labelled


class Numbers(NamedTuple):
    """Numbers of some outcomes with a label, one row each; NaN where there is none."""

    loss: Floats
    calibration: Floats
    score: Floats
    label: Floats
    #: What the class is found by, and what is ranked within it.
    sure: Floats
    wrong: Floats
    given: Floats


def delays_of(outcomes: Sequence[Outcome]) -> Floats:
    """Seconds from event to label, where there is one."""
    return np.array([(labelled - time).total_seconds() for time, _, _, labelled in outcomes if labelled is not None])


def numbers_of(
    problem: Problem, classes: Mapping[str, int], outcomes: Sequence[Outcome], generator: np.random.Generator
) -> Numbers:
    """The numbers of outcomes that have a label.

    Parameters
    ----------
    problem
        Of the pipeline.
    classes
        Places of the classes that have one.
    outcomes
        Each with a label.
    generator
        Draws the shares of the transform.
    """
    draws = generator.random(len(outcomes))
    if problem == "multiclass":
        each = zip(outcomes, draws.tolist(), strict=True)
        rows = [_of_classes(classes, true, said, draw) for (_, true, said, _), draw in each]
        loss, calibration, place, best, sure, likelier = np.array(rows, np.float64).reshape(-1, 6).T
        return Numbers(loss, calibration, best, place, sure, likelier, calibration)
    label = np.array([math.nan if true is None else float(true) for _, true, _, _ in outcomes], np.float64)
    given: list[Any] = [math.nan if said is None else said for _, _, said, _ in outcomes]
    score = np.array(given, np.float64)
    if problem == "regression":
        loss, residual = np.abs(label - score), label - score
        return Numbers(loss, residual, score, label, np.where(np.isfinite(loss), score, np.nan), loss, residual)
    true = label > 0.5
    chance = np.clip(np.where(true, score, 1.0 - score), _EDGE, 1.0)
    calibration = np.where(true, 1.0 - score + draws * score, draws * (1.0 - score))
    sure = np.where(np.isfinite(label), score, np.nan)
    return Numbers(-np.log(chance), calibration, score, label, sure, (true != (score > 0.5)) * 1.0, label)


def _of_classes(
    classes: Mapping[str, int], label: LabelValue | None, said: Score | None, draw: float
) -> tuple[float, ...]:
    """Loss, calibration, place of the true class and of the most likely one, how likely that was, and likelier ones."""
    rest = len(classes)
    place = float(classes.get(str(label), rest))
    if not isinstance(said, dict) or not said:
        return math.nan, math.nan, place, math.nan, math.nan, math.nan
    below = same = likelier = 0.0
    own = said.get(str(label), 0.0)
    for name, chance in said.items():
        at = classes.get(name, rest)
        below += chance if at < place else 0.0
        same += chance if at == place else 0.0
        likelier += chance if chance > own else 0.0
    best = max(said, key=said.__getitem__)
    found = min(below + draw * same, 1.0), place, float(classes.get(best, rest)), said[best], likelier
    return -math.log(max(own, _EDGE)), *found
