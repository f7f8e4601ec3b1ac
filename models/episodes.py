"""Episodes: alarms that belong together, from the first one until the world is as it was or stays as it has become.

1. The first alarm of any stream **starts** an episode. It is the one that the budget of false alarms counts.
2. While it lasts, further alarms extend it. Its cause is judged again as labels come in, and an **update** is written
   when another cause has held for :data:`HELD` judgements.
3. It **ends** when the streams that alarmed have *returned* to what they were before, or when nothing has alarmed for
   :data:`CALM` events: the world has *settled*, and what is there now is the measure from now on.

The detectors of a stream begin again with nothing when it alarms, so what they say later rests only on what came later.
A drift that goes on alarms again and again, and keeps its episode open.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from models.causes import Verdict
from models.watches import Change
from schemas.drift import Drift, Moved, Phase
from schemas.values import Time

#: Judgements in a row that another cause must hold for.
HELD = 3

#: Events without an alarm after which an episode has settled.
CALM = 4096

#: Events after its start before an episode may end as returned.
BRIEF = 1024

#: Streams that a record names, at most.
MOVED_MAX = 32


@dataclass
class Episode:
    """One open episode.

    Parameters
    ----------
    position
        Of its first alarm in the log.
    detector
        Which kind of detector started it.
    change
        What it found.
    verdict
        The cause that was last told.
    opened
        Events that the pipeline had seen by then.
    quiet_since
        Events that it had seen at the last alarm.
    """

    position: int
    detector: str
    change: Change
    verdict: Verdict
    opened: int
    quiet_since: int
    _other: Verdict | None = None
    _held: int = field(default=0)

    @property
    def since(self) -> datetime:
        """Event time from which values differ."""
        return datetime.fromtimestamp(self.change.since_s, UTC)

    def judged(self, verdict: Verdict) -> bool:
        """Take in a new judgement; gives whether another cause has held for long enough to be told."""
        if verdict.cause == self.verdict.cause:
            self.verdict, self._other, self._held = verdict, None, 0
            return False
        same = self._other is not None and self._other.cause == verdict.cause
        self._other, self._held = verdict, self._held + 1 if same else 1
        if self._held < HELD:
            return False
        self.verdict, self._other, self._held = verdict, None, 0
        return True

    def record(self, phase: Phase, position: int, time: Time, moved: list[Moved]) -> Drift:
        """The record of one of its phases."""
        numbers = {"log10_over_threshold": self.change.excess / 2.302585092994046} if self.change.excess else {}
        evidence = numbers | self.change.likeness | self.verdict.evidence
        return Drift(
            position=position,
            time=time,
            detector=self.detector,
            stream=self.change.stream,
            cause=self.verdict.cause,
            evidence={name: float(f"{value:.6g}") for name, value in evidence.items()},
            phase=phase,
            episode=self.position,
            since=self.since,
            moved=moved[:MOVED_MAX],
            action=self.verdict.action,
            reason=self.verdict.reason + _caution(self.change.likeness),
        )


#: Times the variance of chance from which on neighbouring windows are told to resemble each other.
INFLATED = 2.0


def _caution(likeness: dict[str, float]) -> str:
    inflation = likeness.get("inflation", 1.0)
    if inflation < INFLATED:
        return ""
    return (
        f"; its windows vary {inflation:.0f} times as much as independent events would, so the promise about false "
        "alarms does not cover this stream: Drift(block=...) is for that"
    )
