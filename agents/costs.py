"""What each model costs this worker, sampled by its clock, and who is taken out because the service would suffer."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Sequence
from statistics import median

from models.burdens import Burdens, Window
from models.learning import Learning
from models.members import Member
from models.pipeline import Pipeline
from schemas.costs import Cost
from schemas.examples import Control, Example, LogRecord
from schemas.values import FeatureValue

#: Seconds between two samples at least; and a sample may take this share of the time, however slow the models are.
SAMPLE_S, SAMPLE_SHARE = 0.5, 0.01

#: The latest samples that a cost is the median of: what else the machine did meanwhile disturbs a few of them.
SAMPLES = 15

#: Seconds of a window over which shares of the time are taken.
WINDOW_S = 10.0


class Costs:
    """The costs of the active models on this worker.

    Parameters
    ----------
    pipeline
        Its policy says from when on a challenger endangers the service.
    clock
        Seconds, never going back.
    """

    def __init__(self, pipeline: Pipeline, clock: Callable[[], float] = time.perf_counter) -> None:
        policy = pipeline.promotion
        self._burdens = Burdens(None if policy is None else policy.time_share_removed)
        self._clock = clock
        self._answers: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=SAMPLES))
        self._lessons: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=SAMPLES))
        self._shares: dict[str, float] = {}
        self._learn_due = self._answer_due = 0.0
        self._begun = clock()
        self._answered = self._learnt = 0
        self._age_s: float | None = None
        #: Who has been taken out, until the log says so.
        self._out: set[str] = set()

    def learn(self, learning: Learning, log: Sequence[tuple[int, LogRecord]]) -> None:
        """Fold new records up to the first example, and note what that costs each model, if it is time for that."""
        self._learnt += len(log)
        now = self._clock()
        if now < self._learn_due:
            return
        for offset, record in log:
            if type(record) is not Example:
                learning.fold(offset, record)
                continue
            learning.fold(offset, record, self._clock)
            self._learn_due = now + SAMPLE_S
            for state, member in learning.members.items():
                if member.learn_s is not None:
                    self._lessons[state].append(member.learn_s)
            return

    def answer(self, learning: Learning, features: dict[str, FeatureValue], answered: int, age_s: float) -> None:
        """Note that events were answered, and let each model answer one of them again, if it is time for that.

        Parameters
        ----------
        features
            Of the last of them.
        answered
            How many they were.
        age_s
            Seconds since Kafka took the last of them.
        """
        self._answered += answered
        self._age_s = age_s
        now = self._clock()
        if now < self._answer_due:
            return
        for state, member in learning.members.items():
            member.measure(features, self._clock)
            if member.answer_s is not None:
                self._answers[state].append(member.answer_s)
        done = self._clock()
        self._answer_due = done + max(SAMPLE_S, (done - now) / SAMPLE_SHARE)

    def quarantined(self, learning: Learning) -> list[Control]:
        """The records that take out who endangers the service, once a window is over."""
        now = self._clock()
        elapsed_s = now - self._begun
        if elapsed_s < WINDOW_S:
            return []
        self._shares = {state: self._took_s(state) / elapsed_s for state in learning.members}
        self._forget(learning.members.keys())
        window = Window(self._age_s, self._answered, self._shares)
        self._begun, self._age_s, self._answered, self._learnt = now, None, 0, 0
        challengers = {
            state: member
            for state, member in learning.members.items()
            if not member.baseline and member is not learning.champion and state not in self._out
        }
        found = [_control(challengers[state], reason) for state, reason in self._burdens.see(window, challengers)]
        self._out |= {f"{control.model}@{control.version}" for control in found}
        return found

    def report(self, learning: Learning) -> list[Cost]:
        """What each active model costs."""
        return [
            Cost(
                model=member.name,
                version=member.version,
                answer_us=_microseconds(self._answers.get(state)),
                learn_us=_microseconds(self._lessons.get(state)),
                time_share=self._shares.get(state),
            )
            for state, member in list(learning.members.items())
        ]

    def _took_s(self, state: str) -> float:
        answer, lesson = self._answers.get(state), self._lessons.get(state)
        took_s = median(answer) * self._answered if answer else 0.0
        return took_s + (median(lesson) * self._learnt if lesson else 0.0)

    def _forget(self, active: Collection[str]) -> None:
        """Who has left is sampled no more, and may come back."""
        self._out &= set(active)
        for samples in (self._answers, self._lessons):
            for state in [state for state in samples if state not in active]:
                del samples[state]


def _control(member: Member, reason: str) -> Control:
    return Control(
        action="quarantined", model=member.name, version=member.version, definition=member.definition, reason=reason
    )


def _microseconds(samples: Sequence[float] | None) -> float | None:
    # A copy: the metrics endpoint asks from a thread of its own.
    return round(median(list(samples)) * 1e6, 3) if samples else None
