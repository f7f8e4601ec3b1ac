"""Successive halving: many candidates learn the same range side by side, and the worse ones are left behind.

At the end of each rung the best ``1/eta`` by prequential loss on that rung stay. All have learnt every label from the
beginning of the range, so the last one is what it would be if it had been trained alone.

Source
------
Jamieson and Talwalkar, *Non-stochastic best arm identification and hyperparameter optimization*, AISTATS 2016. How many
stay, and that all rungs cost the same, is as in River's ``model_selection.SuccessiveHalvingClassifier``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from models.lessons import Labelled, labelled
from models.losses import bounded, losses
from models.pairs import Scale
from models.pipeline import Pipeline
from models.policies import Search
from models.search import Alternative, built
from models.training import LOSS, Candidate, Training, Unfit
from schemas.trainings import Rung

#: All rungs lie in this part of the range, so that the winner is judged on labels that did not choose it.
RUNGS_SHARE = 0.8

#: With fewer labels on a rung nobody is left behind there: the loss would be mostly chance.
RUNG_EXAMPLES_MIN = 50


def rungs_of(candidates: int, search: Search) -> list[tuple[int, float]]:
    """How many candidates climb each rung, and at which share of the range it ends.

    All rungs cost the same. They are as long as the budget allows, and end within :data:`RUNGS_SHARE`.

    Raises
    ------
    ValueError
        If the budget does not even pay for the winner.
    """
    counts = []
    while candidates > 1:
        counts.append(candidates)
        candidates = math.ceil(candidates / search.eta)
    if not counts:
        return []
    if search.budget <= 1:
        raise ValueError(f"budget {search.budget} leaves nothing to compare with: the winner alone costs 1")
    # With rungs of length b / n the whole costs len(counts) * b, and 1 - b * shares for the rest of the winner.
    shares = sum(1 / count for count in counts)
    cost = min(RUNGS_SHARE / shares, (search.budget - 1) / (len(counts) - shares))
    ends, end = [], 0.0
    for count in counts:
        end += cost / count
        ends.append((count, end))
    return ends


class Halving:
    """The search for the best of some candidates over a range of the log.

    Parameters
    ----------
    pipeline
        Its problem and type of labels.
    models
        The declared models by name, fresh.
    alternatives
        The candidates; among equals the earlier one wins.
    search
        How fast they become fewer, and within which budget.
    first, end
        The range, in offsets.
    batch
        They learn so many labels at a time; 0: one by one.

    Attributes
    ----------
    position
        Up to where in the log it has come.
    rungs
        What has been decided so far.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        models: Mapping[str, Any],
        alternatives: Sequence[Alternative],
        search: Search,
        first: int,
        end: int,
        batch: int = 0,
    ) -> None:
        self.position = first
        self.rungs: list[Rung] = []
        self._pipeline = pipeline
        self._eta = search.eta
        #: Those that are left, in the order in which they were declared.
        self._candidates = {
            one.name: Training(pipeline, built(models[one.model], one.parameters, one.features), first, end, batch)
            for one in alternatives
        }
        self._alternatives = {one.name: one for one in alternatives}
        self._ends = [first + int((end - first) * share) for _, share in rungs_of(len(alternatives), search)]
        self._scale = Scale(pipeline.problem, None)
        self._begin_rung()

    def _begin_rung(self) -> None:
        self._lost = dict.fromkeys(self._candidates, 0.0)
        self._compared = 0
        self._failed: dict[str, str] = {}

    @property
    def left(self) -> int:
        """How many candidates are left."""
        return len(self._candidates)

    @property
    def examples(self) -> int:
        """Labels that each of them has learnt."""
        return max((training.examples for training in self._candidates.values()), default=0)

    def learn(self, records: Iterable[tuple[int, bytes]]) -> None:
        """Learn from the next records of the log, offset and value; those before the own position are known.

        Raises
        ------
        Unfit
            If no candidate is left that can learn and answer.
        """
        lessons, position = labelled(self._pipeline, records, self.position)
        while self._ends and position >= self._ends[0]:
            end = self._ends.pop(0)
            before = [lesson for lesson in lessons if lesson[0] < end]
            lessons = lessons[len(before) :]
            self._climb(before)
            self._cut(end, math.ceil(self.left / self._eta))
        self._climb(lessons)
        self.position = position

    def _climb(self, lessons: Sequence[Labelled]) -> None:
        """Everybody who is left learns, and is compared while there are several."""
        if not lessons:
            return
        if self.left == 1:
            (training,) = self._candidates.values()
            training.take(lessons)
            return
        skipped = 0
        while not self._scale.known and skipped < len(lessons):
            # One after the other, so that it does not depend on how the log was read.
            self._scale.see([float(lessons[skipped][2])])
            skipped += 1
        for name, training in list(self._candidates.items()):
            answers: list[Any] = []
            try:
                training.take(lessons, answers)
            except Unfit as error:
                self._drop(name, str(error))
                continue
            # In this order, or the last bit of the sum depends on how the log was read.
            for lost in self._losses(lessons[skipped:], answers[skipped:]) if self._scale.known else ():
                self._lost[name] += lost
        self._compared += len(lessons) - skipped

    def _losses(self, lessons: Sequence[Labelled], answers: Sequence[Any]) -> list[float]:
        """Of each answer, in 0 .. 1; one that is missing loses most."""
        problem, name = self._pipeline.problem, LOSS[self._pipeline.problem]
        given = [(label, said) for (_, _, label), said in zip(lessons, answers, strict=True) if said is not None]
        lost = [1.0] * (len(lessons) - len(given))
        if given:
            labels, said = zip(*given, strict=True)
            clipped = bounded(name, losses(problem, [name], labels, said), self._scale.value)
            assert clipped is not None
            lost += clipped.tolist()
        return lost

    def _drop(self, name: str, why: str) -> None:
        del self._candidates[name]
        del self._lost[name]
        self._failed[name] = why
        if not self._candidates:
            raise Unfit(f"no candidate is left: {'; '.join(f'{name}: {why}' for name, why in self._failed.items())}")

    def _cut(self, end: int, stay: int) -> None:
        if (self.left == 1 and not self._failed) or (self.left > 1 and self._compared < RUNG_EXAMPLES_MIN):
            return
        means = {name: lost / max(self._compared, 1) for name, lost in self._lost.items()}
        kept = sorted(means, key=means.__getitem__)[:stay]
        self.rungs.append(Rung(end=end, examples=self._compared, losses=means, kept=kept, failed=self._failed))
        self._candidates = {name: training for name, training in self._candidates.items() if name in kept}
        self._begin_rung()

    def result(self) -> tuple[Alternative, Candidate]:
        """The winner, if it is fit for use.

        Raises
        ------
        Unfit
            If it is not, or there was too little to compare on.
        """
        if self.left > 1:
            self._cut(self.position, 1)
        if self.left > 1:
            raise Unfit(f"only {self._compared:,} labels to compare {self.left} candidates on: too few")
        ((name, training),) = self._candidates.items()
        return self._alternatives[name], training.result()

    def state(self) -> dict[str, Any]:
        """Everything that it has come to, for a checkpoint."""
        declared = ("_pipeline", "_candidates", "_alternatives", "_eta")
        kept = {name: value for name, value in vars(self).items() if name not in declared}
        return {"halving": kept, "candidates": {name: one.state() for name, one in self._candidates.items()}}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state` gave."""
        vars(self).update(state["halving"])
        self._candidates = {name: self._candidates[name] for name in state["candidates"]}
        for name, kept in state["candidates"].items():
            self._candidates[name].restore(kept)
