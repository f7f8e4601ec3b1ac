"""What of a pipeline is watched: objectives, drift, alerts. Written in the pipeline file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal


@dataclass(frozen=True)
class Objective:
    """What the champion is there for, measurably.

    Parameters
    ----------
    metric
        River's name of the metric, like ``"LogLoss"``; or ``"latency_p50_ms"``, ``"latency_p99_ms"``, ``"coverage"``.
    better_than
        ``"prior"`` or ``"no-change"``: the baseline to beat; ``None``: none.
    by
        By how much, in the metric's unit.
    at_most, at_least
        Bounds of the value itself.
    over
        Event time that is looked back on, like ``"7d"``; ``None``: the last ``health_window`` labels.
    """

    metric: str
    better_than: str | None = None
    by: float = 0.0
    at_most: float | None = None
    at_least: float | None = None
    over: str | timedelta | None = None


@dataclass(frozen=True)
class Sliding:
    """A reference that moves along: what is older than ``gap``, and not older than ``gap + length``.

    What changes slowly is followed and not told; see :mod:`models.slides`.

    Parameters
    ----------
    length
        Event time that the base spans, like ``"30d"``. It moves on four times in this time.
    gap
        Event time between the base and now, like ``"7d"``.
    """

    length: str | timedelta
    gap: str | timedelta = "0s"


@dataclass(frozen=True)
class Drift:
    """How the world is watched for change.

    Parameters
    ----------
    events_per_false_alarm
        The budget: in the long run at most one false alarm in so many events, over everything that is watched.
        ``None``: only ``detectors`` tell of drift, and nothing is promised; silence is still told.
    reference_examples
        Examples of the learning log, from its beginning or the last renewal on, that fix the bins.
    reference
        What is compared with: ``"first"``, all since the bins are fixed; a range of event time (UTC if nothing else is
        said), ``("2026-01-01", "2026-03-01")``, its end not included, after which watching begins; or ``Sliding(...)``.
    block
        Event time that counts as one observation where neighbours resemble each other, like ``"1d"``; ``None``: each
        event is one.
    detectors
        Names of River's drift detectors (``"ADWIN"``, ``"DDM"``, ...) to run beside or in its place, without a promise.
    """

    events_per_false_alarm: int | None = 200_000
    reference_examples: int = 2000
    reference: Literal["first"] | tuple[str | datetime, str | datetime] | Sliding = "first"
    block: str | timedelta | None = None
    detectors: Sequence[str] = ()


@dataclass(frozen=True)
class Alerts:
    """When people are told, beyond objectives and drift.

    Parameters
    ----------
    rejected_share
        Share of the latest events that may be rejected.
    expired_share
        Share of the latest events that may get no label in time.
    clear
        Event time for which its cause must be gone until an alert is resolved, like ``"10m"``.
    lag
        Time that a record may wait to be worked on.
    stalled
        Time for which nothing may be done on a partition while records come.
    """

    rejected_share: float = 0.05
    expired_share: float = 0.5
    clear: str | timedelta = "10m"
    lag: str | timedelta = "5m"
    stalled: str | timedelta = "30s"
