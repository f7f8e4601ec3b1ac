"""Symptoms: what the records of the log themselves say that a person should know."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from models.conditions import Condition, of_control, of_finding, of_notice, of_share, waits_no_longer
from models.data_quality import Finding, Quality
from models.pipeline import Pipeline
from schemas.examples import Control, Example, LogRecord, Notice, Profile

#: Counts over which a share is taken: profiles, or groups of outcomes.
COUNTS_WINDOW = 16

#: Events of which a share says something.
EVENTS_MIN = 100

#: Outcomes after which the share of expired ones is looked at again.
OUTCOMES_EVERY = 100


class Symptoms:
    """Shares of rejected events and missing labels, findings about the data, changes of who is in charge.

    Parameters
    ----------
    pipeline
        From which shares on it is too much.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self._bounds = pipeline.alerts
        self._quality = Quality(pipeline)
        self._rejected = _Share()
        self._expired = _Share()
        self._outcomes = 0
        self._expiries = 0
        self._champion: str | None = None
        #: Those that the leader has seen, and of which it has not seen the end.
        self.troubles: set[str] = set()

    @property
    def findings(self) -> Iterable[Finding]:
        """What is wrong with the data now."""
        return self._quality.open.values()

    def fold(self, offset: int, record: LogRecord) -> Sequence[Condition]:
        """What the record at ``offset`` says."""
        if isinstance(record, Example):
            # Most records are examples, and hardly any of them says something.
            # Nobody waits for a label that is unavailable: it neither came nor is missing.
            if record.status in ("known", "expired"):
                self._outcomes += 1
                self._expiries += record.status == "expired"
                if self._outcomes >= OUTCOMES_EVERY:
                    return [self._labels()]
            return ()
        said: list[Condition] = []
        if isinstance(record, Profile):
            said += self._profile(record)
        elif isinstance(record, Control):
            said += self._control(record)
        else:
            said += self._notice(record)
        return said + [of_finding(finding) for finding in self._quality.fold(offset, record)]

    def _labels(self) -> Condition:
        count, share = self._expired.add(self._outcomes, self._expiries)
        self._outcomes = self._expiries = 0
        return of_share("LabelsMissing", "events got no label in time", share, self._bounds.expired_share, count)

    def _profile(self, profile: Profile) -> Iterator[Condition]:
        rejected = sum(profile.rejected.values())
        count, share = self._rejected.add(profile.events + profile.duplicates + rejected, rejected)
        if count >= EVENTS_MIN:
            most = max(profile.rejected, key=lambda reason: profile.rejected[reason], default="")
            detail = f"mostly {most}" if most else ""
            yield of_share(
                "RejectsAboveRate", "events were rejected", share, self._bounds.rejected_share, count, detail
            )

    def _control(self, control: Control) -> Iterator[Condition]:
        # The champion that was declared at the start is no news.
        condition = None if self._champion is None else of_control(control)
        if control.action in ("promoted", "rolled_back"):
            self._champion = control.model
        if condition is not None:
            yield condition
        if control.action not in ("added", "shared"):
            yield waits_no_longer(f"{control.model}@{control.version}")

    def _notice(self, notice: Notice) -> Iterator[Condition]:
        if notice.action == "refused":
            yield waits_no_longer(notice.target or "")
        elif (condition := of_notice(notice)) is not None:
            (self.troubles.add if condition.active else self.troubles.discard)(condition.name)
            yield condition

    def state(self) -> dict[str, Any]:
        """Everything the fold has brought about, for a checkpoint."""
        own = {name: value for name, value in vars(self).items() if name not in ("_bounds", "_quality")}
        return own | {"quality": self._quality.state()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state` gave."""
        own = dict(state)
        self._quality.restore(own.pop("quality"))
        vars(self).update(own)


class _Share:
    """A share of things over a window of the latest counts."""

    def __init__(self) -> None:
        self._counts: deque[tuple[int, int]] = deque(maxlen=COUNTS_WINDOW)

    def add(self, every: int, those: int) -> tuple[int, float]:
        """How many things there are in the window, and which share of them is of that sort."""
        self._counts.append((every, those))
        total = sum(count for count, _ in self._counts)
        return total, sum(count for _, count in self._counts) / total if total else 0.0
