"""Training: the fold of one fresh model over a range of the learning log, and whether it may be used.

What a model learns here is what it would have learnt live: the examples with a label, in the order of the log. So a
trained state can be rebuilt from the log to the last bit, wherever the log can be read.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from models.answers import answering
from models.baselines import PRIOR, baselines
from models.lessons import Labelled, labelled
from models.losses import bounded, bounds_of, losses
from models.pipeline import Pipeline
from models.tails import Numbers
from schemas.errors import BadRecord
from schemas.trainings import Fit
from schemas.values import FeatureValue, LabelValue

#: The candidate is judged on the predictions it makes, before it learns them, on the last part of its range.
JUDGED_SHARE = 0.2

#: Offsets of that part at most, and pairs of losses that are kept.
JUDGED_MAX = 5000

#: With fewer pairs a bad candidate can't be told from chance.
JUDGED_MIN = 50

#: Standard errors by which a candidate may be worse than the prior and still be no worse than by chance.
DOUBT = 3.0

#: The newest examples on which it is looked at how well a model fits what it has learnt.
FIT_EXAMPLES = 1000

#: The answers to so many examples are the digest of a state.
PROBES = 100

#: What the intervals of each problem are made of.
LOSS = {"binary": "LogLoss", "multiclass": "CrossEntropy", "regression": "MAE"}


class Unfit(Exception):
    """The candidate must not be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What has come of a training.

    Parameters
    ----------
    model
        Its state.
    examples
        Labels it has learnt.
    digest
        Of its answers to the last examples, to the last bit.
    evidence
        ``loss`` and ``prior``: mean clipped losses of the candidate and of the prior, ``judged``: on so many examples.
    fit
        How well it fits what it has learnt.
    """

    model: Any
    examples: int
    digest: str
    evidence: dict[str, float]
    fit: Fit | None = None


class Training:
    """The fold of one model over a range of the log.

    Parameters
    ----------
    pipeline
        Its problem and type of labels.
    model
        Fresh; it becomes the trained one.
    first, end
        The range, in offsets.
    batch
        It learns so many labels at a time; 0: one by one.

    Attributes
    ----------
    position
        Up to where it has learnt, but for what waits until a batch is full.
    examples
        Labels that were learnt.
    """

    def __init__(self, pipeline: Pipeline, model: Any, first: int, end: int, batch: int = 0) -> None:
        self.position = first
        self.examples = 0
        self._pipeline = pipeline
        self._model = model
        self._batch = batch
        self._waiting: list[tuple[dict[str, FeatureValue], LabelValue]] = []
        self._prior = baselines(pipeline.problem)[PRIOR]
        self._judged_from = end - min(int((end - first) * JUDGED_SHARE), JUDGED_MAX)
        self._judged: deque[tuple[LabelValue, Any, Any]] = deque(maxlen=JUDGED_MAX)
        self._newest: deque[tuple[dict[str, FeatureValue], LabelValue, Any]] = deque(maxlen=FIT_EXAMPLES)
        self._probes: deque[dict[str, FeatureValue]] = deque(maxlen=PROBES)

    def learn(self, records: Iterable[tuple[int, bytes]]) -> None:
        """Learn from the next records of the log, offset and value; those before the own position are known.

        Raises
        ------
        Unfit
            If the model can't learn or answer.
        """
        found, self.position = labelled(self._pipeline, records, self.position)
        self.take(found)

    def take(self, examples: Sequence[Labelled], answers: list[Any] | None = None) -> None:
        """Learn the next examples.

        Parameters
        ----------
        answers
            What the model says to each before it learns it is appended here, if that is wanted.

        Raises
        ------
        Unfit
            If the model can't learn or answer.
        """
        probes, judged_from, batch = self._probes, self._judged_from, self._batch
        learn, learn_prior = self._model.learn_one, self._prior.learn_one
        for offset, features, label in examples:
            if answers is not None:
                answers.append(self._answer(self._model, features))
            if offset >= judged_from:
                self._judge(features, label)
            if batch:
                self._waiting.append((features, label))
                if len(self._waiting) == batch:
                    self._learn_waiting()
            else:
                try:
                    learn(features, label)
                except Exception as error:  # a model is the user's code
                    raise Unfit(f"it can't learn the example at {offset}: {error!r}") from error
            learn_prior({}, label)
            probes.append(features)
            self.examples += 1

    def _learn_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        try:
            # Only whoever learns so needs frames.
            import_module("models.minibatches").learn(self._model, waiting)
        except Exception as error:  # a model is the user's code
            raise Unfit(f"it can't learn {len(waiting)} examples at a time: {error!r}") from error

    def _judge(self, features: dict[str, FeatureValue], label: LabelValue) -> None:
        score = self._answer(self._model, features)
        prior = self._answer(self._prior, features)
        if score is not None and prior is not None:
            self._judged.append((label, score, prior))
            self._newest.append((features, label, score))

    def _answer(self, model: Any, features: dict[str, FeatureValue]) -> Any:
        try:
            return answering(self._pipeline.problem, "candidate", model)(features)
        except BadRecord as error:
            raise Unfit(f"{error.detail}, after {self.examples:,} examples") from error
        except Exception as error:
            raise Unfit(f"it can't answer after {self.examples:,} examples: {error!r}") from error

    def result(self) -> Candidate:
        """The trained model, if it is fit for use.

        Raises
        ------
        Unfit
            If it has learnt nothing, does not answer, or is worse than the prior on the last part of its range.
        """
        if not self.examples:
            raise Unfit("there is no example with a label in its range")
        self._learn_waiting()
        evidence = self._evidence()
        if evidence.get("judged", 0) >= JUDGED_MIN and evidence["excess"] > DOUBT * evidence["standard_error"]:
            raise Unfit(
                f"it diverges: on the last {evidence['judged']:,.0f} examples of its range its loss is "
                f"{evidence['loss']:.4f}, that of the prior {evidence['prior']:.4f}"
            )
        return Candidate(self._model, self.examples, self.digest(), evidence, self._fit())

    def _evidence(self) -> dict[str, float]:
        if not self._judged:
            return {"judged": 0.0}
        labels, scores, priors = zip(*self._judged, strict=True)
        pairs = [self._clipped(labels, said)[0] for said in (scores, priors)]
        differences = pairs[0] - pairs[1]
        return {
            "judged": float(len(labels)),
            "loss": float(pairs[0].mean()),
            "prior": float(pairs[1].mean()),
            "excess": float(differences.mean()),
            "standard_error": float(differences.std() / np.sqrt(len(differences))),
        }

    def _clipped(self, labels: Sequence[Any], said: Sequence[Any]) -> tuple[Numbers, float]:
        """Losses in 0 .. 1, and what one of them is in units of the loss."""
        problem, name = self._pipeline.problem, LOSS[self._pipeline.problem]
        scale = None
        if problem == "regression":
            # Errors beyond the labels' own spread count alike: one wild answer is no mean.
            scale = max(float(max(labels)) - float(min(labels)), 1e-12)
        clipped, bounds = bounded(name, losses(problem, [name], labels, said), scale), bounds_of(name, scale)
        assert clipped is not None
        assert bounds is not None
        return clipped, bounds[1] - bounds[0]

    def _fit(self) -> Fit | None:
        """What it says to the newest examples now that it has learnt them, beside what it said before."""
        again = [
            (label, before, now)
            for features, label, before in self._newest
            if (now := self._answer(self._model, features)) is not None
        ]
        if not again:
            return None
        labels, before, now = zip(*again, strict=True)
        prequential, unit = self._clipped(labels, before)
        fitted, _ = self._clipped(labels, now)
        differences = prequential - fitted
        return Fit(
            examples=len(labels),
            loss=float(fitted.mean()),
            prequential=float(prequential.mean()),
            squares=float((differences**2).mean()),
            unit=unit,
        )

    def digest(self) -> str:
        """SHA-256 over what the state answers to the last examples; pickles of equal states may differ."""
        self._learn_waiting()
        told = [repr(self._answer(self._model, features)) for features in self._probes]
        return hashlib.sha256("\n".join(told).encode()).hexdigest()[:32]

    def state(self) -> dict[str, Any]:
        """Everything that it has come to, for a checkpoint."""
        return {name: value for name, value in vars(self).items() if name != "_pipeline"}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state` gave."""
        vars(self).update(state)
