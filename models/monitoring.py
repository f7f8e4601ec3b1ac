"""What of a pipeline is watched: objectives, drift. Written in the pipeline file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta


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
class Drift:
    """How the world is watched for change.

    Parameters
    ----------
    events_per_false_alarm
        The budget: in the long run at most one false alarm in so many events, over everything that is watched.
    reference_examples
        Examples of the learning log, from its beginning or the last renewal on, that fix the bins.
    block
        Event time that counts as one observation where neighbours resemble each other, like ``"1d"``; ``None``: each
        event is one.
    detectors
        Names of River's drift detectors (``"ADWIN"``, ``"DDM"``, ...) to run beside, without a promise.
    """

    events_per_false_alarm: int = 200_000
    reference_examples: int = 2000
    block: str | timedelta | None = None
    detectors: Sequence[str] = ()
