"""Paired losses: what every model would have lost on the same labels, clipped and brought to 0 .. 1."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.groups import Groups
from models.losses import bounded, bounds_of, losses
from models.outcomes import Key, gather
from models.pipeline import Pipeline, Problem
from models.tails import Numbers, Places
from schemas.examples import Example

#: The loss that decides, where none is declared.
LOSSES: dict[Problem, str] = {"binary": "LogLoss", "multiclass": "CrossEntropy", "regression": "MAE"}

#: For regression without a declared bound, errors are clipped at the spread of the first so many labels.
SCALE_LABELS = 200


@dataclass(frozen=True, slots=True)
class Pairs:
    """Labels in columns, and what each model lost on them.

    Parameters
    ----------
    weights
        1 for a label that has come, -1 for one that is taken back.
    times_s, positions
        Event time in seconds since 1970, and the position of the state that predicted.
    labels, scores
        Of ``binary`` only, for guards: 0 or 1, and the probabilities said by each model.
    losses
        By model, in 0 .. 1; NaN where it said nothing.
    rows
        For each group, the row of each label's value.
    withdrawn
        Which labels are taken back without another one in their place; ``None``: none.
    """

    weights: Numbers
    times_s: Numbers
    positions: Numbers
    labels: Numbers
    scores: dict[Key, Numbers]
    losses: dict[Key, Numbers]
    rows: list[Places]
    withdrawn: npt.NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.weights)


class Scale:
    """From which error on all errors count alike.

    Parameters
    ----------
    problem
        Only of ``regression`` it is not known from the beginning.
    declared
        In units of the label; ``None``: the spread of the first labels, once there are enough.
    """

    def __init__(self, problem: Problem, declared: float | None) -> None:
        self.value = declared if problem == "regression" else None
        self._wanted = problem == "regression" and declared is None
        self._first: list[float] = []

    @property
    def known(self) -> bool:
        """Whether losses can be clipped."""
        return not self._wanted

    def see(self, labels: Iterable[float]) -> None:
        """Labels have come."""
        if not self._wanted:
            return
        self._first = [*self._first, *labels]
        spread = max(self._first, default=0.0) - min(self._first, default=0.0)
        if len(self._first) >= SCALE_LABELS and 0 < spread < 1e150:
            self.value, self._wanted, self._first = spread, False, []
        elif len(self._first) > SCALE_LABELS:
            self._first = [min(self._first), max(self._first)] * (SCALE_LABELS // 2)


def unit_of(loss: str, scale: float | None) -> float:
    """What a difference of one between losses in 0 .. 1 is in units of the loss."""
    bounds = bounds_of(loss, scale)
    assert bounds is not None
    return bounds[1] - bounds[0]


def pairs(
    pipeline: Pipeline, loss: str, examples: Sequence[Example], keys: Sequence[Key], scale: Scale, groups: Groups
) -> Pairs | None:
    """Put examples into columns; ``None`` while losses can't be clipped.

    Parameters
    ----------
    keys
        The models whose losses are wanted.
    scale
        Looks at the labels first, where it is not known.
    """
    found = gather(pipeline, examples, keys, features=bool(groups.names))
    if not scale.known:
        scale.see(float(label) for label in found.labels)
        return None
    places, weights = np.array(found.outcomes, np.intp), np.array(found.weights)
    size = len(found.labels)
    binary = pipeline.problem == "binary"
    lost: dict[Key, Numbers] = {}
    scores: dict[Key, Numbers] = {}
    for key, said in found.said.items():
        lost[key] = np.full(size, np.nan)
        if said.rows:
            values = losses(pipeline.problem, (loss,), [found.labels[row] for row in said.rows], said.scores)
            clipped = bounded(loss, values, scale.value)
            assert clipped is not None
            lost[key][said.rows] = clipped
        if binary:
            scores[key] = np.full(size, np.nan)
            scores[key][said.rows] = np.array(said.scores, float)
    return Pairs(
        weights=weights,
        times_s=np.array(found.times_s)[places],
        positions=np.array([example.position for example in examples], float)[places],
        labels=np.array(found.labels, float) if binary else np.zeros(size),
        scores=scores,
        losses=lost,
        rows=[row[places] for row in groups.rows(found.features)],
        # Of a correction, the label that it takes back and the right one stand side by side.
        withdrawn=(weights < 0) & np.append(places[1:] != places[:-1], True) if size else None,
    )
