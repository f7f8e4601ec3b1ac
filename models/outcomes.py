"""Outcomes in columns: what a stretch of the learning log says of labels and scores, ready for sums."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from models.pipeline import Pipeline, label_of
from schemas import predictions
from schemas.examples import Example
from schemas.values import FeatureValue, LabelValue, Score

#: Name and version of a model.
Key = tuple[str, int]


@dataclass(slots=True)
class Said:
    """What one model said, where it said something.

    Parameters
    ----------
    rows, scores
        Of which labels, and the scores.
    unlabelled
        Its scores of events whose label has expired.
    """

    rows: list[int] = field(default_factory=list)
    scores: list[Score] = field(default_factory=list)
    unlabelled: list[Score] = field(default_factory=list)


@dataclass(slots=True)
class Outcomes:
    """Outcomes of events, and the labels that they add or take back: one outcome makes none, one, or two.

    Parameters
    ----------
    said
        By model.
    times_s
        Event time of each outcome, in seconds since 1970.
    known, corrected, expired, unavailable
        What each outcome adds to these counts of its cohort.
    features
        Of each outcome, as served; empty where no group asks for them.
    delays
        Outcome and seconds from event to label, of each label that came.
    labels, weights, outcomes
        Each label, 1 or -1 for one that is taken back, and which outcome it belongs to.
    """

    said: Mapping[Key, Said]
    times_s: list[float]
    known: list[float]
    corrected: list[float]
    expired: list[float]
    unavailable: list[float]
    features: list[dict[str, FeatureValue]] = field(default_factory=list)
    delays: list[tuple[int, float]] = field(default_factory=list)
    labels: list[LabelValue] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    outcomes: list[int] = field(default_factory=list)

    @property
    def heard_s(self) -> list[float]:
        """Event time of each outcome, or when its label came if that was before.

        What is unavailable says nothing about when labels come, and that may be said long before the event's time.
        """
        heard = list(self.times_s)
        if any(self.unavailable):
            heard = [-math.inf if one > 0 else time_s for one, time_s in zip(self.unavailable, heard, strict=True)]
        for place, delay in self.delays:
            if delay < 0:
                heard[place] += delay
        return heard

    def label(self, outcome: int, label: LabelValue, weight: float) -> None:
        """Add a label."""
        self.labels.append(label)
        self.weights.append(weight)
        self.outcomes.append(outcome)


def gather(pipeline: Pipeline, examples: Sequence[Example], models: Iterable[Key], *, features: bool) -> Outcomes:
    """Put examples into columns.

    Parameters
    ----------
    models
        Whose scores are wanted.
    features
        Whether they are wanted.
    """
    wanted: Any = pipeline.label_type
    count = len(examples)
    found = Outcomes(
        said={key: Said() for key in models},
        times_s=[example.time.timestamp() for example in examples],
        known=[1.0] * count,
        corrected=[0.0] * count,
        expired=[0.0] * count,
        unavailable=[0.0] * count,
        features=[example.features for example in examples] if features else [],
    )
    labels = [example.label for example in examples]
    if {example.status for example in examples} == {"known"} and set(map(type, labels)) == {wanted}:
        # The usual case, in half the time.
        found.labels, found.weights, found.outcomes = labels, [1.0] * count, list(range(count))  # type: ignore[assignment]
        found.delays = [
            (place, (example.labelled - example.time).total_seconds())
            for place, example in enumerate(examples)
            if example.labelled is not None
        ]
        _hear(found, [example.said for example in examples])
        return found
    add_label, add_weight, add_outcome = found.labels.append, found.weights.append, found.outcomes.append
    add_delay = found.delays.append
    default = default_of(pipeline)
    for place, example in enumerate(examples):
        label = example.label
        if example.status != "known":
            _exception(pipeline, found, place, example, default)
        if label is not None:
            add_label(label if type(label) is wanted else label_of(pipeline, label))
            add_weight(1.0)
            add_outcome(place)
            if example.labelled is not None:
                add_delay((place, (example.labelled - example.time).total_seconds()))
    _hear(found, [examples[place].said for place in found.outcomes])
    return found


def _exception(pipeline: Pipeline, found: Outcomes, place: int, example: Example, default: LabelValue | None) -> None:
    """What an outcome brings that is no first label, beside a label that comes with it."""
    found.known[place] = 0.0
    if example.status == "expired":
        found.expired[place] = 1.0
        _unlabelled(found, example)
        if default is not None:
            found.label(place, default, 1.0)
        return
    _take_back(pipeline, found, place, example, default)
    if example.status == "unavailable":
        found.unavailable[place] += 1.0
        return
    found.corrected[place] = 1.0
    if example.previous is None:
        found.known[place] = 1.0


def _take_back(pipeline: Pipeline, found: Outcomes, place: int, example: Example, default: LabelValue | None) -> None:
    """What the event was before, and the label that it counted with."""
    previous = None
    if example.previous is not None:
        previous = label_of(pipeline, example.previous)
        if example.status == "unavailable":
            found.known[place] = -1.0
    elif example.replaces == "unavailable":
        found.unavailable[place] = -1.0
    elif example.replaces == "expired" or example.status == "corrected":
        # Older records don't say what they replace: then it has expired.
        previous, found.expired[place] = default, -1.0
    if previous is not None:
        found.label(place, previous, -1.0)


def _unlabelled(found: Outcomes, example: Example) -> None:
    for one in example.said:
        by = found.said.get((one.model, one.version))
        if by is not None and one.score is not None:
            by.unlabelled.append(one.score)


def _hear(found: Outcomes, rows: Sequence[Sequence[predictions.Said]]) -> None:
    """Sort what was said of each label by model.

    Mostly the same models stand in the same places all along, and a whole place is taken at once, in a third of the
    time.
    """
    columns = list(zip(*rows, strict=False)) if len(set(map(len, rows))) == 1 else []
    states = [{(one.model, one.version) for one in column} for column in columns]
    if columns and all(len(state) == 1 for state in states):
        for column, (key,) in zip(columns, states, strict=True):
            by = found.said.get(key)
            if by is not None:
                scores = [one.score for one in column]
                by.rows = [row for row, score in enumerate(scores) if score is not None]
                by.scores = [score for score in scores if score is not None]
        return
    for row, said in enumerate(rows):
        for one in said:
            by = found.said.get((one.model, one.version))
            if by is not None and one.score is not None:
                by.rows.append(row)
                by.scores.append(one.score)


def default_of(pipeline: Pipeline) -> LabelValue | None:
    """The label that an expired event counts with; ``None``: it counts with none."""
    default = pipeline.label.default
    return None if default is None else label_of(pipeline, default)
