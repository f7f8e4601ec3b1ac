"""The fold over the learning log that says when the world is no longer what the models learnt, and why.

It takes profiles, in which every worker counts features and scores on bins that a reference fixed, and examples, in
which labels meet what was said. Its alarms come as episodes (:mod:`models.episodes`) with a cause
(:mod:`models.causes`).

The promise: without drift, the expected number of episodes that start within ``T`` events is at most
``T / events_per_false_alarm``, for every ``T``, over everything that is watched together. It rests on

1. values that are exchangeable within their partition (:mod:`models.conformal`), or whose blocks are
   (:mod:`models.blocks`);
2. e-detectors with one budget between them, under any dependence (:mod:`models.detectors`);
3. outcomes that learning does not make look like drift (:mod:`models.tallies`).

A model that learns moves its scores without any drift, so a score joins an episode and is evidence in it, but starts
none; nor does a loss that rises, unless labels given the score are not as before. Silence of a partition or of the
labels is not bet on but counted, far beyond chance (:mod:`models.silences`).

A promotion or rollback renews the reference: an open episode ends, everything begins anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

import numpy as np
from msgspec import structs

from models import tallies
from models.bases import Base
from models.buffers import Buffers
from models.causes import Evidence, Verdict, judge, table_of
from models.detectors import Flags
from models.episodes import BRIEF, CALM, Episode
from models.faults import Levels, faults
from models.gathering import Gathering
from models.hindsight import Outcome, outcome_of
from models.layouts import Layout, is_score
from models.monitoring import Drift as Declared
from models.pipeline import Pipeline
from models.rivals import Rivals
from models.segments import Segments
from models.silences import Silences
from models.tallies import Tally
from models.watches import Change, Watch, Window
from schemas.drift import Drift, Moved
from schemas.examples import Control, Example, LogRecord, Profile

#: Standard normal units by which labels given the score must differ, for a loss alone to start an episode.
GIVEN_SCORE = 3.0

#: Logarithm of ``M`` over its threshold from which outcomes are looked at as soon as they can be.
NEAR = -5.0

E_DETECTOR = "e-detector"
SILENCE = "silence"


class DriftMonitor:
    """Watches one pipeline for drift.

    Parameters
    ----------
    pipeline
        Its problem, and what it declares about drift.
    """

    layout: ClassVar[int] = 5

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._declared = pipeline.drift or Declared()
        self._base = Base(pipeline)
        self.position = 0
        self._champion: str | None = None
        self._renewed = 0
        self._time_s = 0.0
        self._rivals = Rivals(self._declared.detectors)
        self._begin()

    def _begin(self) -> None:
        """Forget everything that rests on a reference."""
        self._events = 0
        self._outcomes_seen = 0
        self._episode: Episode | None = None
        self._silences = Silences()
        self._silent: set[str] = set()
        # Profiles.
        self._layout: Layout | None = None
        self._features: Watch | None = None
        self._levels = Levels(())
        # Examples.
        self._gathering = Gathering(self._pipeline, self._declared.reference_examples)
        self._tally: Tally | None = None
        self._is_near = False
        self._answers: Watch | None = None
        self._tables = Segments()
        self._buffers = Buffers()

    def fold(self, offset: int, record: LogRecord) -> list[Drift]:
        """Take in the record at ``offset``; gives what is to be told."""
        if offset < self.position:
            return []
        self.position = offset + 1
        if self._pipeline.drift is None:
            return []
        if type(record) is Example:
            return self._example(record)
        if isinstance(record, Profile):
            return self._profile(record)
        return self._control(record) if isinstance(record, Control) else []

    @property
    def watched(self) -> tuple[str, ...]:
        """The streams that share the budget."""
        return tuple(name for watch in (self._features, self._answers) if watch is not None for name in watch.names)

    def _control(self, control: Control) -> list[Drift]:
        if control.action not in ("promoted", "rolled_back"):
            return []
        name, before = f"{control.model}@{control.version}", self._champion
        self._champion = name
        if before in (None, name):
            return []
        told = [self._ended("renewed")] if self._episode is not None else []
        self._renewed = self.position
        self._begin()
        return told

    def _profile(self, profile: Profile) -> list[Drift]:
        start_s = profile.start.timestamp()
        self._time_s = max(self._time_s, profile.until.timestamp())
        self._events += profile.events
        self._silences.on_events(profile)
        told = self._by_silence(start_s)
        if profile.reference is None or profile.reference < self._renewed:
            return told
        if self._layout is None or profile.reference != self._layout.reference:
            if not profile.events:
                return told
            self._layout = Layout(profile, self._pipeline.profile_events)
            self._levels = Levels(self._layout.features)
            names, weights, ways = zip(*self._layout.streams, strict=True)
            self._features = Watch(names, self._base.detecting(weights, ways, self._layout.width))
        assert self._features is not None
        self._levels.take(profile.until.timestamp(), profile.fields)
        told += self._rivals.on_fields(self.position - 1, self._now, profile.fields, self._layout.features)
        return told + self._take(self._features, self._layout.window(profile, self.position))

    def _example(self, example: Example) -> list[Drift]:
        # A correction is no new outcome: the event has been counted. What is unavailable is none at all.
        if example.status not in ("known", "expired"):
            if example.status == "unavailable":
                self._silences.on_unavailable()
            return []
        told = self._signals(outcome_of(example)) if self._declared.detectors else []
        chunk = self._buffers.add(example)
        # Everything else is done for many at once: this line is passed at every label.
        if chunk is not None:
            if any(label is not None for _, label, _, _ in chunk):
                self._silences.on_label()
            if self._buffers.is_due(example.partition, self._tally, near=self._is_near):
                told += self._window(self._buffers.take(example.partition), example.partition)
        return told

    def _window(self, window: Sequence[Outcome], partition: int) -> list[Drift]:
        self._outcomes_seen += len(window)
        times = sorted(outcome[0] for outcome in window)
        self._time_s = max(self._time_s, times[-1].timestamp())
        if self._tally is None or self._answers is None:
            self._refer(window)
            return []
        counts, ordered, table = self._tally.counts(window, self.position)
        time_s = times[len(times) // 2].timestamp()
        self._tables.add(time_s, table)
        told = self._take(self._answers, Window(partition, len(window), time_s, counts, ordered))
        self._is_near = bool((self._answers.detectors.excess() > NEAR).any())
        return told

    def _refer(self, window: Sequence[Outcome]) -> None:
        window = [outcome for outcome in window if self._base.makes(outcome[0])]
        self._tally = self._gathering.take(window, self.position) if window else None
        if self._tally is not None:
            width, known = self._tally.width, self._tally.known
            self._answers = Watch(tallies.STREAMS, self._base.detecting(tallies.SHARES, self._tally.ways, width, known))

    def _signals(self, outcome: Outcome) -> list[Drift]:
        judged = None if self._tally is None else self._tally.judged(outcome)
        return [] if judged is None else self._rivals.on_loss(self.position - 1, self._now, *judged)

    # Alarms and episodes.

    def _take(self, watch: Watch, window: Window) -> list[Drift]:
        base = self._base
        index, bets = base.index(window.time_s), base.bets(window.time_s)
        change, alarms = watch.take(window, index, self.position, reach_s=base.reach_s, bets=bets)
        if change is not None:
            if self._episode is None and not self._starts(watch, change, alarms):
                watch.dismiss(alarms)
            elif self._episode is None:
                watch.alarm(alarms)
                return [self._open(E_DETECTOR, change)]
            else:
                watch.alarm(alarms)
                self._episode.quiet_since = self._clock
        return self._go_on() if self._episode is not None else []

    def _starts(self, watch: Watch, change: Change, alarms: Flags) -> bool:
        """Whether it is more than a model that goes on learning."""
        names = {watch.names[at] for at in np.flatnonzero(alarms).tolist()}
        if names == {"loss"}:
            return table_of(*tallies.sides(self._tables, change.since_s)).given_score > GIVEN_SCORE
        return not all(map(is_score, names))

    def _open(self, detector: str, change: Change) -> Drift:
        for one in (self._features, self._answers):
            if one is not None:
                one.begin(change.since_s)
        verdict, moved = self._judged(change.since_s)
        self._episode = Episode(self.position - 1, detector, change, verdict, self._clock, self._clock)
        return self._episode.record("start", self.position - 1, self._now, moved)

    def _go_on(self) -> list[Drift]:
        episode = self._episode
        assert episode is not None
        verdict, moved = self._judged(episode.change.since_s)
        told = []
        if episode.judged(verdict):
            told.append(episode.record("update", self.position - 1, self._now, moved))
        if self._silent:
            return told
        watches = [watch for watch in (self._features, self._answers) if watch is not None]
        if self._clock - episode.opened >= BRIEF and all(watch.returned() for watch in watches):
            told.append(self._ended("returned"))
        elif self._clock - episode.quiet_since >= CALM:
            told.append(self._ended("settled"))
        return told

    def _ended(self, ended: Any) -> Drift:
        assert self._episode is not None
        _, moved = self._judged(self._episode.change.since_s)
        record = self._episode.record("end", self.position - 1, self._now, moved)
        for watch in (self._features, self._answers):
            if watch is not None:
                watch.end(self._time_s)
        self._episode = None
        return structs.replace(record, ended=ended)

    def _by_silence(self, time_s: float) -> list[Drift]:
        """What silence starts."""
        names = {f"partition:{partition}" for partition in self._silences.partitions()}
        if self._silences.labels:
            names.add("labels")
        new, self._silent = names - self._silent, names
        if not new or self._episode is not None:
            return []
        return [self._open(SILENCE, Change(min(new), time_s, 0.0, {}))]

    def _judged(self, since_s: float) -> tuple[Verdict, list[Moved]]:
        features = self._features.moved() if self._features is not None else []
        answers = self._answers.moved() if self._answers is not None else []
        partitions = sorted(name for name in self._silent if name != "labels")
        wrong = [f"{name} is silent" for name in partitions]
        wrong += faults(
            features, self._levels, self._layout.categories if self._layout is not None else frozenset(), since_s
        )
        silence = f"no label has come for {self._silences.labels} events" if "labels" in self._silent else ""
        verdict = judge(
            Evidence(features, answers, *tallies.sides(self._tables, since_s), faults=wrong, silence=silence)
        )
        return verdict, [*features, *answers]

    @property
    def _clock(self) -> int:
        """Events of the pipeline; where there are no profiles, outcomes."""
        return max(self._events, self._outcomes_seen)

    @property
    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._time_s, UTC)

    def state(self) -> dict[str, Any]:
        """Everything the fold has brought about, for a checkpoint."""
        declared = ("_pipeline", "_declared", "_base")
        return {name: value for name, value in vars(self).items() if name not in declared}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state` gave."""
        vars(self).update(state)
