"""Were the decisions of a year right? Asked afterwards, when it is known what either model would have lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.year_rules import Change
from bench.year_scores import DAY_S, Column, Difference, difference

#: What comes after a change is looked at for so long, whether or not it was taken back meanwhile: whoever looks only
#: until the next change looks at fewer of the good days, for bad ones bring the next change about.
DAYS = 30


@dataclass(frozen=True)
class Hindsight:
    """One change of who is in charge.

    Parameters
    ----------
    time, verdict, before, state
        What was decided, and when.
    labels, e_value, threshold
        What it rested on.
    later
        What the former champion lost more than the new one in the next 30 days, or until the end of the year.
    reign
        The same until the next change, or the end.
    """

    time: str
    verdict: str
    before: str
    state: str
    labels: int
    e_value: float
    threshold: float
    later: Difference | None
    reign: Difference | None

    @property
    def is_false(self) -> bool:
        """Whether the former champion would have lost less."""
        return self.later is not None and self.later.mean < 0


def hindsight(changes: Sequence[Change], losses: dict[str, Column], times_s: Column) -> list[Hindsight]:
    """Look back on each change.

    Parameters
    ----------
    losses
        By ``model@version``, flight by flight.
    times_s
        When each flight was due, in order.
    """
    ends = [*(change.flight for change in changes), len(times_s)][1:]
    found = []
    for change, end in zip(changes, ends, strict=True):
        assert change.decision is not None
        until = int(np.searchsorted(times_s, times_s[min(change.flight, len(times_s) - 1)] + DAYS * DAY_S))
        later, reign = (_gap(change, losses, times_s, slice(change.flight, last)) for last in (until, end))
        evidence = change.decision.evidence
        found.append(
            Hindsight(
                time=f"{change.time:%Y-%m-%dT%H:%M}",
                verdict=change.decision.verdict,
                before=change.before,
                state=change.state,
                labels=change.decision.examples,
                e_value=evidence.get("e_value", 0.0),
                threshold=evidence.get("threshold", 0.0),
                later=later,
                reign=reign,
            )
        )
    return found


def _gap(change: Change, losses: dict[str, Column], times_s: Column, rows: slice) -> Difference | None:
    return difference(losses[change.before][rows], losses[change.state][rows], times_s[rows])


@dataclass(frozen=True)
class Summary:
    """How often what happened."""

    promotions: int
    rollbacks: int
    false_promotions: int
    false_rollbacks: int


def summary(found: Sequence[Hindsight]) -> Summary:
    """Count the changes, and those that hindsight calls false."""
    ups = [each for each in found if each.verdict == "promote"]
    backs = [each for each in found if each.verdict == "roll_back"]
    return Summary(len(ups), len(backs), sum(each.is_false for each in ups), sum(each.is_false for each in backs))
