"""What the champion's outcomes say about drift, counted on bins that the first labelled examples fix.

=============== ========================================================================== ============
stream          its values                                                                 bet on
=============== ========================================================================== ============
``surprise``    how likely likelier labels were, or absolute error; given the score         a rise only
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
event to another class, where it meets its equals. Within a class, surprise is nothing for an answer that is right (of
several labels: the sum of the probabilities of those that were thought likelier), and calibration is the label itself
(of several, its randomized probability integral transform; of a number, the residual).

The loss is sooner to tell, but of a model that learns not to be believed: it starts an episode only if the labels,
given the score, are not as before either.

A bet on a rise is fair also for p-values that tend to be smaller than uniform
ones: a model that gets better costs no false alarm.

Outcomes come one by one, so their order is known and none is drawn. That is why it may depend on them **when** they are
looked at: the p-values are the same whenever that is. They wait in :mod:`models.buffers`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from models.bets import Counts, Floats
from models.conformal import Codes, Ordered, Places
from models.detectors import Known
from models.hindsight import Numbers, Outcome, delays_of, numbers_of
from models.pipeline import Problem
from models.segments import Segments

STREAMS = ("surprise", "calibration", "loss", "label", "delay", "expired")

#: What each is bet on: see :func:`models.detectors.permitted`. Of two labels, an answer may be near the boundary.
_WAYS = ("rise", "shift", "rise", "any", "rise", "rise")

#: Chance to be wrong from which on an answer is near the boundary, and how far it shifts if that moves.
UNSURE = 0.25
BOUNDARY_SHIFT = 1.2

#: Of the budget of false alarms.
SHARES = (0.12, 0.06, 0.02, 0.1, 0.03, 0.03)

#: Streams that are ranked within classes: the first ones.
CLASSED = 2

#: Bins of numbers, of equal mass in the reference; of losses, how often the last one is halved.
BINS = 16
LOSS_HALVINGS = 5

#: Labels that have a bin of their own; all others share one.
LABELS_MAX = 20

#: Rows and columns of the table of scores and labels.
TABLE = 8

#: How many examples of a class its scores count for, and how many are spread evenly over all values, seen or not.
BELIEVED = 32.0
UNSEEN = 4.0

#: Edges of the classes of equal certainty, narrow where a probability says much.
_LOW = np.array([0.002, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45])
CHANCES = np.concatenate([_LOW, [0.5], 1.0 - _LOW[::-1]])

#: Edges between answers that are right, and those that are wrong, by how likely the likelier labels were together.
LIKELIER = np.array([1e-9, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975, 0.99, 0.995, 0.999])


def _edges(values: Floats, bins: int, halvings: int = 0) -> Floats:
    """Edges between bins of equal mass, of which the last is halved so often; fewer where many values are equal."""
    finite = values[np.isfinite(values)]
    shares = np.concatenate([np.arange(1, bins) / bins, 1.0 - 0.5 ** np.arange(1, halvings + 1) / bins])
    return np.unique(np.quantile(finite, shares)) if finite.size else np.zeros(0)


def _places_of(values: Floats, edges: Floats) -> Counts:
    return np.searchsorted(edges, values[np.isfinite(values)], side="right")


def sides(tables: Segments, since_s: float) -> tuple[Counts, Counts]:
    """Counts ``[score, label]`` before and from an event time on."""
    if not len(tables):
        return np.zeros((TABLE, TABLE), np.int64), np.zeros((TABLE, TABLE), np.int64)
    before, after = tables.sides(since_s)
    return before.reshape(TABLE, TABLE), after.reshape(TABLE, TABLE)


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
        numbers = numbers_of(problem, self._classes, reference, np.random.default_rng((seed, 1)))
        self._loss = _edges(numbers.loss, BINS, LOSS_HALVINGS)
        self._delay = _edges(delays_of(reference), BINS)
        if problem == "regression":
            self._label, self._calibration = _edges(numbers.label, BINS), _edges(numbers.calibration, BINS)
        else:
            self._label = np.arange(0.5, len(self._classes))
            self._calibration = np.linspace(0.0, 1.0, BINS + 1)[1:-1]
        regression, binary = problem == "regression", problem == "binary"
        self._wrong = self._loss if regression else np.array([0.5]) if binary else LIKELIER
        self._ranked = np.array([0.5]) if binary else self._calibration
        self._classes_of_scores = _edges(numbers.sure, TABLE) if regression else CHANCES
        # The table: scores by what they were in the reference, a class by its place.
        places = np.arange(0.5, TABLE - 1)
        self._rows = places if problem == "multiclass" else _edges(numbers.score, TABLE)
        self._columns = places if problem != "regression" else _edges(numbers.label, TABLE)
        edges = (self._loss, self._label, self._calibration, self._delay)
        #: Bins of the stream that has the most.
        self.width = max(2, *(len(one) + 1 for one in edges))
        classes, ranked = len(self._classes_of_scores) + 1, max(len(self._wrong), len(self._ranked)) + 1
        self._places = Places([(classes, ranked)] * CLASSED + [(1, self.width)] * (len(STREAMS) - CLASSED), CLASSED)
        #: What is bet on, and what the bets on these streams may know beforehand.
        self.ways = ("near", *_WAYS[1:]) if binary else _WAYS
        self.known = self._known(numbers)
        losses = numbers.loss[np.isfinite(numbers.loss)]
        self._large = float(np.quantile(losses, 0.75)) if losses.size else math.inf
        pairs = np.array([pair for one in reference if (pair := self._pair(one)) is not None]).reshape(-1, 2)
        #: What pairs are like usually, and how far they vary.
        self._usual = [(0.0, math.inf)] * 2
        if len(pairs):
            self._usual = list(zip(pairs.mean(axis=0).tolist(), (pairs.std(axis=0) + 1e-3).tolist(), strict=True))

    def _known(self, numbers: Numbers) -> Known:
        """What the reference says about how often each value is to be expected."""
        given = Ordered(self._given(numbers), self._places).given().astype(np.float64)
        for row, edges in zip(given, (self._wrong, self._ranked), strict=True):
            row[:, : len(edges) + 1] += UNSEEN / (len(edges) + 1)
        reach, near = np.ones(given.shape[:2]), np.zeros(given.shape[:2])
        if self._problem == "binary":
            # A class with few examples is taken for what its scores say.
            limits = np.concatenate([[0.0], CHANCES, [1.0]])
            true = (limits[1:] + limits[:-1]) / 2
            wrong = np.minimum(true, 1.0 - true)
            given[0, :, :2] += BELIEVED * np.stack([1.0 - wrong, wrong], axis=1)
            given[1, :, :2] += BELIEVED * np.stack([1.0 - true, true], axis=1)
            near[0] = np.where(wrong > UNSURE, BOUNDARY_SHIFT, 0.0)
            # Answers that get less sure do so by a factor: the surest change the most.
            reach[0] = [0.5 - NormalDist().inv_cdf(chance) for chance in wrong.tolist()]
        label = np.bincount(_places_of(numbers.label, self._label), minlength=len(self._label) + 1).astype(np.float64)
        plain = np.zeros((len(STREAMS) - CLASSED, self.width))
        plain[STREAMS.index("label") - CLASSED, : len(label)] = label + UNSEEN / len(label)
        alone = len(plain), 1
        return Known([*given, *plain[:, None]], [*reach, *np.ones(alone)], [*near, *np.zeros(alone)])

    def counts(self, outcomes: Sequence[Outcome], seed: int) -> tuple[Counts, Ordered, Counts]:
        """Counts ``[stream, bin]`` of :data:`STREAMS`, the values themselves, and ``[1, score x label]``.

        Parameters
        ----------
        outcomes
            Of one window.
        seed
            Draws the shares of the transform: the position in the log.
        """
        known = [outcome for outcome in outcomes if outcome[1] is not None]
        numbers = numbers_of(self._problem, self._classes, known, np.random.default_rng((seed, 1)))
        there = [label is not None for _, label, _, _ in outcomes]
        plain = np.stack(
            [
                self._plain(2, numbers.loss, self._loss),
                self._plain(3, numbers.label, self._label),
                self._plain(4, delays_of(known), self._delay),
            ]
        )
        codes = np.full((len(STREAMS), len(outcomes)), self._places.size, np.int32)
        codes[:-1, there] = np.concatenate([self._given(numbers), plain])
        codes[-1] = self._places.streams[-1] + 1 - np.array(there)
        ordered = Ordered(codes, self._places)
        row = ordered.counts()
        counts = np.zeros((len(STREAMS), self.width), np.int64)
        counts[CLASSED:] = row[self._places.streams[CLASSED] :].reshape(-1, self.width)
        for at, (values, edges) in enumerate(((numbers.wrong, self._wrong), (numbers.calibration, self._calibration))):
            counts[at] = np.bincount(_places_of(values, edges), minlength=self.width)
        both = np.isfinite(numbers.score) & np.isfinite(numbers.label)
        place = np.searchsorted(self._rows, numbers.score[both], side="right") * TABLE
        place += np.searchsorted(self._columns, numbers.label[both], side="right")
        return counts, ordered, np.bincount(place, minlength=TABLE * TABLE)[None, :]

    def _plain(self, stream: int, values: Floats, edges: Floats) -> Codes:
        """Places of the values of a stream that is not ranked within classes."""
        place = self._places.streams[stream] + np.searchsorted(edges, values, side="right")
        return np.where(np.isfinite(values), place, self._places.size).astype(np.int32)

    def _given(self, numbers: Numbers) -> Codes:
        """Places of surprise and calibration within their classes."""
        width = self._places.shapes[0][1]
        classes = np.searchsorted(self._classes_of_scores, numbers.sure, side="right") * width
        places = [
            self._places.streams[at] + classes + np.searchsorted(edges, values, side="right")
            for at, (values, edges) in enumerate(((numbers.wrong, self._wrong), (numbers.given, self._ranked)))
        ]
        return np.where(np.isfinite(numbers.sure), places, self._places.size).astype(np.int32)

    def sums(self, outcomes: Sequence[Outcome]) -> tuple[int, float, float]:
        """What a chunk of outcomes comes to: how many, and by how much they differ from the reference's, both ways."""
        pairs = [pair for one in outcomes if (pair := self._pair(one)) is not None]
        (mean, deviation), (usual, varying) = self._usual
        more = (sum(pair[0] for pair in pairs) - len(pairs) * mean) / deviation
        worse = (sum(pair[1] for pair in pairs) - len(pairs) * usual) / varying
        return len(pairs), more, worse

    def _pair(self, outcome: Outcome) -> tuple[float, float] | None:
        """What a label was more than expected, and how wrong the answer was; ``None`` where that cannot be said."""
        _, label, score, _ = outcome
        if label is None or score is None:
            return None
        if isinstance(score, dict):
            return 0.0, float(max(score, key=score.__getitem__) != str(label))
        if self._problem == "regression":
            return float(label) - score, abs(float(label) - score)
        return bool(label) - score, float((score > 0.5) != bool(label))

    def judged(self, outcome: Outcome) -> tuple[float, bool] | None:
        """The champion's loss on one outcome, and whether it was wrong; ``None`` without a label or a score.

        Of numbers, an error larger than three in four of the reference counts as wrong.
        """
        _, label, score, _ = outcome
        if label is None or score is None:
            return None
        loss = float(numbers_of(self._problem, self._classes, [outcome], np.random.default_rng(0)).loss[0])
        if self._problem == "regression":
            return loss, loss > self._large
        if isinstance(score, dict):
            return loss, max(score, key=score.__getitem__) != str(label)
        return loss, (score > 0.5) != bool(label)
