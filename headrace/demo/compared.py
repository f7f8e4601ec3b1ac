"""How good the models of a run were, each on the very flights on which it is compared."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from schemas.examples import Control, Example

#: Probabilities are judged clipped to this and to one minus this: the prior is certain of itself while it has seen
#: flights of one kind only, and a model that is compared with it shall not live on that.
CLIP = 0.01


@dataclass(slots=True)
class Sums:
    """Sums over the flights that one version answered, and what was served to the same flights."""

    flights: int = 0
    loss: float = 0.0
    served: float = 0.0


class Compared:
    """Losses of every version, and of what was served.

    Compared are the flights that every model answered that was there from the beginning, so that all of these stand
    on the same ones; a version that came later stands on those that it answered.

    Attributes
    ----------
    versions
        By ``model@version``.
    first
        Who was there from the beginning.
    flights, served, hits
        How many were compared, the clipped loss of what was served to them, and how often that was on the right side.
    """

    def __init__(self) -> None:
        self.versions: dict[str, Sums] = {}
        self.flights = self.hits = 0
        self.served = 0.0
        self.first: set[str] = set()

    def control(self, control: Control) -> None:
        """A change of who is active."""
        if control.action == "added" and control.trained is None:
            # A model that was declared otherwise before begins anew, and stands on what it answers since.
            if not self.flights:
                self.first.add(f"{control.model}@{control.version}")
        elif control.action in ("removed", "quarantined"):
            self.first.discard(f"{control.model}@{control.version}")

    def example(self, example: Example) -> None:
        """A label came."""
        said = {f"{one.model}@{one.version}": one.score for one in example.said if isinstance(one.score, float)}
        answer = example.said[example.served].score if example.said else None
        # A prior that has seen no label has no answer; nobody is judged on flights that not all have answered.
        if not isinstance(answer, float) or not self.first <= said.keys():
            return
        served = clipped_loss(answer, example.label)
        self.flights += 1
        self.served += served
        self.hits += (answer > 0.5) == example.label
        for state, score in said.items():
            sums = self.versions.get(state)
            if sums is None:
                sums = self.versions[state] = Sums()
            sums.flights += 1
            sums.loss += clipped_loss(score, example.label)
            sums.served += served

    def loss(self, state: str | None = None) -> float | None:
        """The mean loss of a version, on its flights; of what was served, without a name; ``None`` without any."""
        if state is None:
            return self.served / self.flights if self.flights else None
        sums = self.versions.get(state)
        return sums.loss / sums.flights if sums is not None else None


def clipped_loss(score: float, label: Any) -> float:
    """The log loss of one answer, clipped."""
    probability = min(max(score, CLIP), 1 - CLIP)
    return -math.log(probability if label else 1 - probability)
