"""The fold over the learning log that fixes the bins in which all workers count, the same ones everywhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import Any, ClassVar, cast

from models.bases import Base
from models.bins import PROBABILITY_BINS, Bins, category_bins, number_bins
from models.monitoring import Drift
from models.pipeline import Pipeline, Problem
from models.summaries import Column, Columns, summarise
from schemas.examples import Control, Example, FieldSummary, LogRecord
from schemas.predictions import Prediction, Said
from schemas.values import FeatureValue, Score

#: What stands before ``<model>@<version>`` in the name of a score's summary.
SCORE = "score:"

#: Features of one reference or profile at most, in the order in which they come; further ones are not counted.
FIELDS_MAX = 256


@dataclass(frozen=True)
class Reference:
    """What later windows are compared with.

    Parameters
    ----------
    position
        Position in the learning log at which it was complete; its name.
    examples
        How many made it.
    bins
        By feature, and by ``score:<model>@<version>``.
    fields
        The same examples counted in these bins.
    """

    position: int
    examples: int
    bins: Mapping[str, Bins]
    fields: Mapping[str, FieldSummary]

    @cached_property
    def features(self) -> tuple[str, ...]:
        """The names in ``fields`` that are no scores."""
        return tuple(name for name in self.fields if not name.startswith(SCORE))


class References:
    """Fixes a reference from the first examples, and again after each change of the champion.

    If a range of event time is declared, from the first examples in it (:mod:`models.bases`).
    Until a new one is complete, the one before holds. Baselines are left out: what they say is no news.

    Parameters
    ----------
    pipeline
        Says how many examples make a reference.

    Attributes
    ----------
    position
        Up to where in the log it has folded.
    reference
        The one that holds; ``None`` before the first is complete.
    active, baselines
        The active models, and those of them that are there only for comparison, as name and version.
    changed
        Position behind the last record that changed who is active.
    """

    layout: ClassVar[int] = 1

    def __init__(self, pipeline: Pipeline) -> None:
        self.position = 0
        self.reference: Reference | None = None
        self.active: set[tuple[str, int]] = set()
        self.baselines: set[tuple[str, int]] = set()
        self.changed = 0
        self._problem: Problem = pipeline.problem
        self._wanted = (pipeline.drift or Drift()).reference_examples
        self._base = Base(pipeline)
        self._champion: str | None = None
        self._gathered: list[tuple[dict[str, FeatureValue], list[Said]]] | None = []

    def follow(self, log: Sequence[tuple[int, LogRecord]]) -> None:
        """Take in new records of the log, in order; those before the own position are skipped, they are known."""
        for offset, record in log:
            # Between two changes of the champion there is nothing to do, and most of the time is there.
            if (self._gathered is not None or type(record) is Control) and offset >= self.position:
                self._take(offset, record)
        if log:
            self.position = max(self.position, log[-1][0] + 1)

    def fold(self, offset: int, record: LogRecord) -> None:
        """Take in the record at ``offset``."""
        self.follow([(offset, record)])

    def bins(self, names: Sequence[str]) -> dict[str, Bins]:
        """The bins to count these fields in, where there are any; there must be a reference.

        A probability has its bins whichever model it is from, so a challenger's scores are counted from its first
        window on.
        """
        assert self.reference is not None
        known = self.reference.bins
        fixed = self._problem != "regression"
        return {
            name: known.get(name, PROBABILITY_BINS)
            for name in names
            if name in known or (fixed and name.startswith(SCORE))
        }

    def _take(self, offset: int, record: LogRecord) -> None:
        if isinstance(record, Control):
            self.changed = offset + 1
            self._control(record)
        elif isinstance(record, Example) and self._gathered is not None and self._base.makes(record.time):
            self._gathered.append((record.features, record.said))
            if len(self._gathered) >= self._wanted:
                self.reference = self._fixed(offset + 1, self._gathered)
                self._gathered = None

    def _control(self, control: Control) -> None:
        state = control.model, control.version
        if control.action == "added":
            self.active.add(state)
            if control.baseline:
                self.baselines.add(state)
        elif control.action in ("removed", "quarantined"):
            self.active.discard(state)
            self.baselines.discard(state)
        elif control.action in ("promoted", "rolled_back"):
            name = f"{control.model}@{control.version}"
            if self._champion not in (None, name):
                self._gathered = []
            self._champion = name

    def _fixed(self, position: int, gathered: list[tuple[dict[str, FeatureValue], list[Said]]]) -> Reference:
        columns = feature_columns([features for features, _ in gathered])
        columns.update(score_columns([said for _, said in gathered], self.baselines, self._problem))
        bins: dict[str, Bins] = {}
        for name, column in columns.items():
            if name.startswith(SCORE) and self._problem != "regression":
                bins[name] = PROBABILITY_BINS
            else:
                bins.update(_bins(name, column))
        return Reference(position, len(gathered), bins, summarise(columns, bins))

    def state(self) -> dict[str, Any]:
        """Everything the fold has brought about, for a checkpoint."""
        return {name: value for name, value in vars(self).items() if name not in ("_problem", "_wanted", "_base")}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state` gave."""
        vars(self).update(state)


def _bins(name: str, column: Sequence[FeatureValue]) -> dict[str, Bins]:
    """Bins of what most of a column is; none where all is missing."""
    texts = Counter(value for value in column if isinstance(value, str))
    numbers = [value for value in column if value is not None and not isinstance(value, str)]
    if texts and texts.total() >= len(numbers):
        return {name: category_bins(texts)}
    return {name: number_bins(numbers)} if numbers else {}


def feature_columns(rows: Sequence[Mapping[str, FeatureValue]], known: Sequence[str] = ()) -> Columns:
    """The features of events by name, ``None`` where an event is without one.

    Parameters
    ----------
    rows
        Features of each event.
    known
        Names that have a column even if no event has that feature.
    """
    names = list(rows[0]) if rows else []
    whole = 1 < len(names) <= FIELDS_MAX and set(map(len, rows)) == {len(names)}
    if whole and set(names).issuperset(known):
        # The usual case, all events having the same features, in a third of the time.
        with suppress(KeyError):
            values = zip(*map(itemgetter(*names), rows), strict=True)
            return dict(zip(names, map(list, values), strict=True))
    every = dict.fromkeys([*known, *(name for row in rows for name in row)])
    return {name: [row.get(name) for row in rows] for name in list(every)[:FIELDS_MAX]}


def score_columns(
    rows: Sequence[Sequence[Said | Prediction]], baselines: set[tuple[str, int]], problem: Problem
) -> Columns:
    """What the models said about events by ``score:<model>@<version>``, baselines left out.

    A model that was silent about an event, since it failed or was not there yet, has a shorter column.
    """
    found: dict[tuple[str, int], list[Score | None]] = {}
    for row in rows:
        for said in row:
            state = said.model, said.version
            if state in found:
                found[state].append(said.score)
            elif state not in baselines:
                found[state] = [said.score]
    return named(found, problem)


def named(columns: dict[tuple[str, int], list[Score | None]], problem: Problem) -> Columns:
    """Scores of models as columns of numbers by ``score:<model>@<version>``."""
    if problem == "multiclass":
        columns = {state: [_of_top_class(score) for score in column] for state, column in columns.items()}
    return {f"{SCORE}{model}@{version}": cast("Column", column) for (model, version), column in columns.items()}


def _of_top_class(score: Score | None) -> Score | None:
    """The probability of the most likely class."""
    return max(score.values(), default=None) if isinstance(score, dict) else score
