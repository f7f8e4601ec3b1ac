"""Which challengers endanger the service: those that fail, that give no answer, or that make answers late.

A challenger is there to be tried; the service must not pay for it. What is looked at is measured by clocks, so it is no
fold of the log: the leader decides, and writes it into the log.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from models.members import Member

#: Windows in a row in which answers must have come later and later; a burst is over by then.
WINDOWS = 3

#: Seconds after its event below which an answer is not late, whatever else is.
AGE_S = 5.0

#: Answers that an opinion about errors rests on, and the share of them from which on a challenger has no use.
ANSWERS, ERRORS_SHARE = 200, 0.1


@dataclass(frozen=True, slots=True)
class Window:
    """What was measured in some seconds.

    Parameters
    ----------
    age_s
        Seconds between Kafka's taking of the last event and its answer; ``None``: there was none.
    answers
        Events that were answered.
    time_shares
        Share of the time that each model took, by ``model@version``.
    """

    age_s: float | None
    answers: int
    time_shares: Mapping[str, float]


class Burdens:
    """Watches the challengers, window after window.

    Parameters
    ----------
    time_share_max
        A challenger that takes more of the time, while answers come later and later, endangers the service; ``None``:
        it may take all.
    """

    def __init__(self, time_share_max: float | None) -> None:
        self._most = time_share_max
        self._ages: deque[float] = deque(maxlen=WINDOWS + 1)
        self._answers = 0
        self._errors: dict[str, int] = {}

    def see(self, window: Window, challengers: Mapping[str, Member]) -> Iterator[tuple[str, str]]:
        """Who is to be taken out after this window, and why.

        Parameters
        ----------
        challengers
            By ``model@version``, neither the champion nor baselines among them.
        """
        if window.age_s is None:
            self._ages.clear()
        else:
            self._ages.append(window.age_s)
        for state, member in challengers.items():
            if member.failed is not None:
                yield state, f"it failed when it learnt: {member.failed}"
        yield from self._silent(window.answers, challengers)
        heaviest = max(challengers, key=lambda state: window.time_shares.get(state, 0.0), default="")
        share = window.time_shares.get(heaviest, 0.0)
        # One at a time: without the heaviest the others may do no harm.
        if self._most is not None and share > self._most and self._is_late:
            later = f"answers come later and later, by now {self._ages[-1]:.0f} s after their event"
            yield heaviest, f"it takes {share:.0%} of the worker's time, and {later}"
            self._ages.clear()

    @property
    def _is_late(self) -> bool:
        """Whether answers come later with each window; what is behind but catches up is not endangered."""
        ages = list(self._ages)
        return len(ages) > WINDOWS and ages[-1] > AGE_S and all(before < after for before, after in pairwise(ages))

    def _silent(self, answers: int, challengers: Mapping[str, Member]) -> Iterator[tuple[str, str]]:
        self._answers += answers
        if self._answers < ANSWERS:
            return
        for state, member in challengers.items():
            errors = member.errors - self._errors.get(state, 0)
            if member.failed is None and errors > ERRORS_SHARE * self._answers:
                yield state, f"{errors:,} of {self._answers:,} times it raised an error or gave no usable answer"
        self._answers = 0
        self._errors = {state: member.errors for state, member in challengers.items()}
