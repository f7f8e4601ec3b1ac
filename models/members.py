"""One active model: what answers and learns, and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from models.answers import Answer
from schemas.examples import Control
from schemas.values import FeatureValue

#: Seconds, of a clock that never goes back.
Clock = Callable[[], float]


@dataclass(slots=True)
class Member:
    """One active model.

    Parameters
    ----------
    control
        The record that added it.
    failed
        Why it no longer answers: it raised an error when it learnt. The same example raises it on every
        worker, so all copies fail at the same position.
    answer_s, learn_s
        Seconds that an answer and a lesson took when they were measured last; ``None``: they were not.
    errors
        Answers of a challenger on this worker that raised an error or were none.
    """

    name: str
    version: int
    baseline: bool
    definition: str
    control: Control
    model: Any
    answer: Answer
    learn: Callable[[dict[str, Any], Any], None]
    failed: str | None = None
    answer_s: float | None = None
    learn_s: float | None = None
    errors: int = 0

    @property
    def state(self) -> str:
        """``model@version``."""
        return f"{self.name}@{self.version}"

    @property
    def parent(self) -> str | None:
        """``model@version`` that it began as a copy of."""
        return self.control.trained.parent if self.control.trained is not None else None

    def measure(self, features: dict[str, FeatureValue], clock: Clock) -> None:
        """Let it answer, and note how long that takes; it learns nothing by it."""
        begun, self.answer_s = clock(), None
        try:
            self.answer(features)
        except Exception:  # a model is the user's code: what it raises is counted where it was asked in earnest
            return
        self.answer_s = clock() - begun

    def measured_learn(self, features: dict[str, FeatureValue], label: Any, clock: Clock) -> None:
        """Let it learn, and note how long that takes."""
        begun = clock()
        self.learn(features, label)
        self.learn_s = clock() - begun
