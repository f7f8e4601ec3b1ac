"""What the champion's outcomes say about drift, counted on bins that the first labelled examples fix.

=============== ========================================================================== ============
stream          its values                                                                 bet on
=============== ========================================================================== ============
``surprise``    whether the likeliest label was wrong, or absolute error; given the score  a rise only
``calibration`` where the label lies in what was predicted; given the score                a shift
``loss``        log loss of the class that came true, or absolute error                    a rise only
``label``       the label                                                                  any change
``delay``       seconds from event to label                                                a rise only
``expired``     whether the label came at all                                              a rise only
=============== ========================================================================== ============

A model that learns changes its scores without any drift: it gets sharper, or its weights wander with the last labels.
So its losses are not exchangeable. What is assumed of surprise and calibration is only that **the label, given the
score, is as before**: they are ranked among those of labels with a score of the same class (:data:`CHANCES`, or of
equal mass in the reference for a number), the Mondrian form of :mod:`models.conformal`. A score that wanders moves an
event to another class, where it meets its equals. Within a class, calibration is the label itself (of several classes,
its randomized probability integral transform; of a number, the residual).

The loss is sooner to tell, but of a model that learns not to be believed: it starts an episode only if the labels,
given the score, are not as before either.

A bet on a rise is fair also for p-values that tend to be smaller than uniform
ones: a model that gets better costs no false alarm.

Source: Smith, *Diagnostic checks of non-standard time series models* (1985), and Brockwell, *Universal residuals*
(2007), for the randomized transform.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np

from models.bets import Counts, Floats
from models.pipeline import Problem
from schemas.examples import Example
from schemas.values import LabelValue, Score

STREAMS = ("surprise", "calibration", "loss", "label", "delay", "expired")
WAYS = ("rise", "shift", "rise", "any", "rise", "rise")

#: Outcomes of one partition that are judged together.
WINDOW = 128

#: Bins of numbers, of equal mass in the reference.
BINS = 16

#: Labels that have a bin of their own; all others share one.
LABELS_MAX = 20

#: Rows and columns of the table of scores and labels.
TABLE = 8

#: Bins of what is ranked within a class, at most.
GIVEN = BINS

#: Edges of the classes of equal certainty, narrow where a probability says much.
_LOW = np.array([0.002, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45])
CHANCES = np.concatenate([_LOW, [0.5], 1.0 - _LOW[::-1]])

#: Probabilities are kept away from 0 and 1 by this much: a loss is finite.
_EDGE = 1e-6


#: What is kept of an example until its window is full: event time, label, the champion's score, when the label came.
Outcome = tuple[datetime, LabelValue | None, Score | None, datetime | None]


def outcome_of(example: Example) -> Outcome:
    """What an example says about drift."""
    said = example.said
    return example.time, example.label, said[0].score if said else None, example.labelled


class _Numbers(NamedTuple):
    """Numbers of some outcomes, one row each; NaN where there is none."""

    loss: Floats
    calibration: Floats
    score: Floats
    label: Floats
    #: What the class is found by, and what is ranked within it.
    sure: Floats
    wrong: Floats
    given: Floats


def _edges(values: Floats, bins: int) -> Floats:
    """Edges between bins of equal mass: fewer where many values are equal."""
    finite = values[np.isfinite(values)]
    return np.unique(np.quantile(finite, np.arange(1, bins) / bins)) if finite.size else np.zeros(0)


def _counted(values: Floats, edges: Floats, width: int) -> Counts:
    finite = values[np.isfinite(values)]
    return np.bincount(np.searchsorted(edges, finite, side="right"), minlength=width)


def delays_of(outcomes: Sequence[Outcome]) -> Floats:
    """Seconds from event to label, where there is one."""
    return np.array([(labelled - time).total_seconds() for time, _, _, labelled in outcomes if labelled is not None])


class Tally:
    """Bins for the outcomes of one pipeline, and counting on them.

    Parameters
    ----------
    problem
        Of the pipeline.
    reference
        The first outcomes with a label.
    seed
        Draws the shares of the transform.
    """

    def __init__(self, problem: Problem, reference: Sequence[Outcome], seed: int) -> None:
        self._problem = problem
        frequent = Counter(str(label) for _, label, _, _ in reference if label is not None)
        names = sorted(frequent, key=lambda name: (-frequent[name], name))[:LABELS_MAX]
        #: Classes in the order in which they are counted.
        self._classes = {name: place for place, name in enumerate(["False", "True"] if problem == "binary" else names)}
        numbers = self._numbers(reference, np.random.default_rng((seed, 1)))
        self._loss = _edges(numbers.loss, BINS)
        self._delay = _edges(delays_of(reference), BINS)
        if problem == "regression":
            self._label, self._calibration = _edges(numbers.label, BINS), _edges(numbers.calibration, BINS)
        else:
            self._label = np.arange(0.5, len(self._classes))
            self._calibration = np.linspace(0.0, 1.0, BINS + 1)[1:-1]
        regression, binary = problem == "regression", problem == "binary"
        self._wrong = self._loss if regression else np.array([0.5])
        self._ranked = np.array([0.5]) if binary else self._calibration
        self._classes_of_scores = _edges(numbers.sure, TABLE) if regression else CHANCES
        # The table: scores by what they were in the reference, a class by its place.
        places = np.arange(0.5, TABLE - 1)
        self._rows = places if problem == "multiclass" else _edges(numbers.score, TABLE)
        self._columns = places if problem != "regression" else _edges(numbers.label, TABLE)
        edges = (self._loss, self._label, self._calibration, self._delay)
        #: Bins of the stream that has the most.
        self.width = max(2, *(len(one) + 1 for one in edges))
        losses = numbers.loss[np.isfinite(numbers.loss)]
        self._large = float(np.quantile(losses, 0.75)) if losses.size else math.inf

    def counts(self, outcomes: Sequence[Outcome], seed: int) -> tuple[Counts, Counts, Counts]:
        """Counts ``[stream, bin]`` of :data:`STREAMS`, of the first two by class, and ``[1, score x label]``.

        Parameters
        ----------
        outcomes
            Of one window.
        seed
            Draws the shares of the transform: the position in the log.
        """
        known = [outcome for outcome in outcomes if outcome[1] is not None]
        numbers = self._numbers(known, np.random.default_rng((seed, 1)))
        width = self.width
        expired = np.zeros(width, np.int64)
        expired[:2] = len(known), len(outcomes) - len(known)
        counts = np.stack(
            [
                _counted(numbers.wrong, self._wrong, width),
                _counted(numbers.calibration, self._calibration, width),
                _counted(numbers.loss, self._loss, width),
                _counted(numbers.label, self._label, width),
                _counted(delays_of(known), self._delay, width),
                expired,
            ]
        )
        both = np.isfinite(numbers.score) & np.isfinite(numbers.label)
        row = np.searchsorted(self._rows, numbers.score[both], side="right")
        column = np.searchsorted(self._columns, numbers.label[both], side="right")
        table = np.bincount(row * TABLE + column, minlength=TABLE * TABLE)
        return counts, self._given(numbers), table[None, :]

    def _given(self, numbers: _Numbers) -> Counts:
        """Counts ``[stream, class, bin]`` of loss and calibration."""
        there = np.isfinite(numbers.sure)
        place = np.searchsorted(self._classes_of_scores, numbers.sure[there], side="right") * GIVEN
        size = (len(self._classes_of_scores) + 1) * GIVEN
        ranked = (numbers.wrong, self._wrong), (numbers.given, self._ranked)
        counted = [
            np.bincount(place + np.searchsorted(edges, values[there], side="right"), minlength=size)
            for values, edges in ranked
        ]
        return np.stack(counted).reshape(2, -1, GIVEN)

    def judged(self, outcome: Outcome) -> tuple[float, bool] | None:
        """The champion's loss on one outcome, and whether it was wrong; ``None`` without a label or a score.

        Of numbers, an error larger than three in four of the reference counts as wrong.
        """
        _, label, score, _ = outcome
        if label is None or score is None:
            return None
        loss = float(self._numbers([outcome], np.random.default_rng(0)).loss[0])
        if self._problem == "regression":
            return loss, loss > self._large
        if isinstance(score, dict):
            return loss, max(score, key=score.__getitem__) != str(label)
        return loss, (score > 0.5) != bool(label)

    def _numbers(self, outcomes: Sequence[Outcome], generator: np.random.Generator) -> _Numbers:
        draws = generator.random(len(outcomes))
        if self._problem == "multiclass":
            each = zip(outcomes, draws.tolist(), strict=True)
            rows = [self._of_classes(true, said, draw) for (_, true, said, _), draw in each]
            loss, calibration, place, best, sure = np.array(rows, np.float64).reshape(-1, 5).T
            return _Numbers(loss, calibration, best, place, sure, (best != place) * 1.0, calibration)
        label = np.array([math.nan if true is None else float(true) for _, true, _, _ in outcomes], np.float64)
        given: list[Any] = [math.nan if said is None else said for _, _, said, _ in outcomes]
        score = np.array(given, np.float64)
        if self._problem == "regression":
            loss, residual = np.abs(label - score), label - score
            return _Numbers(loss, residual, score, label, np.where(np.isfinite(loss), score, np.nan), loss, residual)
        true = label > 0.5
        chance = np.clip(np.where(true, score, 1.0 - score), _EDGE, 1.0)
        calibration = np.where(true, 1.0 - score + draws * score, draws * (1.0 - score))
        sure = np.where(np.isfinite(label), score, np.nan)
        return _Numbers(-np.log(chance), calibration, score, label, sure, (true != (score > 0.5)) * 1.0, label)

    def _of_classes(self, label: LabelValue | None, said: Score | None, draw: float) -> tuple[float, ...]:
        """Loss, calibration, place of the true class and of the most likely one, and how likely that was."""
        rest = len(self._classes)
        place = float(self._classes.get(str(label), rest))
        if not isinstance(said, dict) or not said:
            return math.nan, math.nan, place, math.nan, math.nan
        below = same = 0.0
        for name, chance in said.items():
            at = self._classes.get(name, rest)
            below += chance if at < place else 0.0
            same += chance if at == place else 0.0
        best = max(said, key=said.__getitem__)
        true = max(said.get(str(label), 0.0), _EDGE)
        found = min(below + draw * same, 1.0), place, float(self._classes.get(best, rest)), said[best]
        return -math.log(true), *found
