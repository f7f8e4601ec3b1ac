"""What is wrong with the data itself, recognised as what it is: a fold over the profiles in the learning log.

Profiles are gathered into rounds, in which every partition that is alive has its part. A round is compared with what
was normal in good rounds before it (:mod:`models.fields`, :mod:`models.feeds`), so that nothing needs to be declared;
in the first rounds nothing can be said. What is found stays open until two rounds in a row are without it.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import reduce
from typing import Any

from msgspec import structs

from models.feeds import Feed, handled
from models.fields import Fields
from models.findings import KINDS, Finding, Kind
from models.pipeline import Pipeline
from models.profiles import SPAN_MAX, light, merge
from schemas.examples import LogRecord, Profile

__all__ = ["KINDS", "Finding", "Kind", "Quality"]

#: Rounds without a sign that end a finding, and rounds after which what was found counts as normal.
ROUNDS_CALM = 2
ROUNDS_MAX = 50

#: Rounds without a profile after which a partition is not waited for.
ROUNDS_ALIVE = 4

#: Events of a round at least.
EVENTS_MIN = 100


class Quality:
    """Findings, folded from the learning log.

    Parameters
    ----------
    pipeline
        Its partitions and how many events make a profile.

    Attributes
    ----------
    position
        Up to where in the log it has folded.
    open
        What is wrong now, by :attr:`Finding.key`.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self.position = 0
        self.open: dict[str, Finding] = {}
        self._partitions = pipeline.partitions
        self._window = pipeline.profile_events
        self._feed = Feed(pipeline.profile_events)
        self._round: dict[int, Profile] = {}
        self._profiles = 0
        self._rounds = 0
        self._alive: dict[int, int] = {}
        self._fields = Fields()
        self._calm: dict[str, int] = {}
        self._age: dict[str, int] = {}
        self._calm_since: dict[str, datetime] = {}

    def fold(self, offset: int, record: LogRecord) -> list[Finding]:
        """Take in the record at ``offset``; gives what opened (without ``until``) and what closed (with it)."""
        if offset < self.position:
            return []
        self.position = offset + 1
        return self._take(light(record)) if isinstance(record, Profile) else []

    def state(self) -> dict[str, Any]:
        """Everything the fold has brought about, for a checkpoint."""
        return dict(vars(self))

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state` gave."""
        vars(self).update(state)

    def _take(self, profile: Profile) -> list[Finding]:
        partition = profile.partition
        told = self._silences(profile)
        before = self._round.get(partition)
        self._round[partition] = merge(before, profile, sketched=False) if before else profile
        self._profiles += 1
        self._alive[partition] = self._rounds
        alive = [one for one, last in self._alive.items() if self._rounds - last <= ROUNDS_ALIVE]
        expected = len(alive) if self._rounds >= ROUNDS_ALIVE else max(len(alive), self._partitions)
        complete = self._full(self._round.values()) >= expected or self._profiles >= 4 * expected
        if complete and sum(map(handled, self._round.values())) >= EVENTS_MIN:
            told += self._close_round()
        return told

    def _full(self, parts: Collection[Profile]) -> int:
        """How many partitions have as many events as a window that did not end early, or all of them after a day."""
        if max(part.until for part in parts) - min(part.start for part in parts) >= SPAN_MAX:
            return len(parts)
        return sum(handled(part) >= self._window for part in parts)

    def _silences(self, profile: Profile) -> list[Finding]:
        told = []
        for partition, missed in self._feed.silences(profile).items():
            key = Finding(kind="silent", partition=partition, since=profile.until, size=0, sentence="").key
            if missed and key not in self.open:
                sentence = f"no event of partition {partition} came through where about {missed:,.0f} were expected"
                self.open[key] = Finding(
                    kind="silent",
                    partition=partition,
                    since=self._feed.last[partition],
                    size=missed,
                    sentence=sentence,
                )
                told.append(self.open[key])
            elif partition == profile.partition and key in self.open:
                told.append(self._end(key, profile.start))
        return told

    def _close_round(self) -> list[Finding]:
        """Judge the round, and begin the next one."""
        parts, self._round, self._profiles = self._round, {}, 0
        self._rounds += 1
        whole = reduce(merge, parts.values())
        self._fields.follow(whole.reference)
        signs = {sign.key: sign for judge in (self._feed, self._fields) for sign in judge.judge(whole, parts)}
        told = [self._begin(sign) for key, sign in signs.items() if key not in self.open]
        for key in [key for key, finding in self.open.items() if finding.kind != "silent"]:
            self._age[key] = self._age.get(key, 0) + 1
            if key in signs and self._age[key] <= ROUNDS_MAX:
                self._calm.pop(key, None)
                continue
            if key not in self._calm:
                self._calm_since[key] = whole.start
            self._calm[key] = self._calm.get(key, 0) + 1
            if self._calm[key] >= ROUNDS_CALM or self._age[key] > ROUNDS_MAX:
                told.append(self._end(key, self._calm_since[key]))
        self._feed.learn(whole, parts, {(finding.kind, finding.field) for finding in self.open.values()})
        self._fields.learn(whole, parts, {finding.field for finding in self.open.values()})
        return told

    def _begin(self, sign: Finding) -> Finding:
        self.open[sign.key] = sign
        return sign

    def _end(self, key: str, until: datetime) -> Finding:
        for notes in (self._calm, self._age, self._calm_since):
            notes.pop(key, None)
        finding = self.open.pop(key)
        return structs.replace(finding, until=max(until, finding.since))
