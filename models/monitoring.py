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
    reference_examples
        Examples of the learning log, from its beginning or the last renewal on, that fix the bins.
    reference
        What is compared with: ``"first"``, all since the bins are fixed; a range of event time (UTC if nothing else is
        said), ``("2026-01-01", "2026-03-01")``, its end not included, after which watching begins; or ``Sliding(...)``.
    block
        Event time that counts as one observation where neighbours resemble each other, like ``"1d"``; ``None``: each
        event is one.
    detectors
        Names of River's drift detectors (``"ADWIN"``, ``"DDM"``, ...) to run beside, without a promise.
    """

    events_per_false_alarm: int = 200_000
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
    """

    rejected_share: float = 0.05
    expired_share: float = 0.5
    clear: str | timedelta = "10m"


@dataclass(frozen=True)
class Retraining:
    """When challengers are trained, and how. Without any of the triggers only by command.

    Parameters
    ----------
    drift
        Causes of drift that ask for one: some of ``"concept"``, ``"mixed"``, ``"prior"``, ``"covariate"``.
    objective
        States of an objective that ask for one: some of ``"broken"``, ``"at_risk"``.
    every
        Event time after which another one is due, like ``"7d"``.
    crontab
        When one is due in event time (UTC), as in cron: ``"0 3 * * 1"``.
    examples
        New labels after which another one is due.
    models
        Names of the declared models that are trained; none: the one that the champion is of.
    window
        What is learnt: the last so many labels, or so much event time, like ``"30d"``; ``None``: the whole log.
    examples_min
        Labels that must be in the log before one is asked for by itself.
    cooldown
        Event time after a request in which no other is made by itself for the same model.
    per_day_max
        Requests on one day of event time at most; beyond it only commands.
    challengers_max
        Trained challengers that are active at once; others wait.
    duration_s_max
        Seconds that a training may take.
    cost, gain_examples
        What a training costs, in loss, and over how many examples it may earn that: then drift and a missed objective
        only ask for one if the loss that lies above the best so far comes to more. ``None``: whatever it costs.
    """

    drift: Sequence[str] = ()
    objective: Sequence[str] = ()
    every: str | timedelta | None = None
    crontab: str | None = None
    examples: int | None = None
    models: Sequence[str] = ()
    window: int | str | timedelta | None = None
    examples_min: int = 500
    cooldown: str | timedelta = "6h"
    per_day_max: int = 4
    challengers_max: int = 3
    duration_s_max: float = 3600.0
    cost: float | None = None
    gain_examples: int = 10_000


@dataclass(frozen=True)
class Promotion:
    """When a challenger takes the champion's place, and when it is the other way round.

    Gains and losses are in units of the loss, clipped: for ``"LogLoss"`` and ``"CrossEntropy"`` probabilities count as
    lying in 0.02 .. 0.98.

    Parameters
    ----------
    false_promotion_rate
        Chance that the pipeline, in all its life and with all its challengers, ever puts one in charge by itself that
        was not better on average while it was tried.
    examples_min
        Labels that a promotion rests on at least.
    worthwhile
        A gain that is worth a change; a test that shows that there is none is given up. ``None``: 1/500 of the clipped
        loss's range.
    mode
        ``"automatic"``, or ``"approval"``: a person must agree. Going back is automatic always.
    approval_timeout
        Event time that is waited for that person.
    challengers
        Names of the models that may be put in charge; ``None``: all but baselines.
    loss
        ``"LogLoss"``, ``"CrossEntropy"``, ``"MAE"`` or ``"MSE"``; ``None``: as fits, and MAE for regression.
    error_max
        For regression: larger errors count as this one, in units of the label. ``None``: the spread of the first
        labels.
    settle
        Event time after which an event's label has come or no longer counts; ``None``: the label's timeout.
    block
        Event time that counts as one observation where neighbours resemble each other, like ``"1h"``; ``None``: each
        label is one.
    retest_examples
        Labels after which a challenger that was given up is tried anew.
    examples_max
        Labels after which a test that has decided nothing is given up.
    emergency_rate
        Chance that the pipeline, in all its life, ever goes back in haste while the former champion is at no moment
        expected to be better.
    group_loss
        A group of ``groups`` may lose so much at most; ``None``: 1/200 of the clipped loss's range.
    fairness_gap
        How far groups may be apart in positive answers, in hits among the true, and in calibration; a challenger may
        also be as bad as the champion. ``None``: not looked at.
    calibration_gap
        How much further off probabilities may be than the champion's, on average; ``None``: not looked at beyond the
        loss, which suffers from it too.
    size_ratio_max, cost_ratio_max
        How many times larger, and slower to answer, a challenger may be; ``None``: not looked at.
    robustness_gap
        How much more a challenger may lose than the champion on recent examples in which a feature is missing, noisy or
        out of range, as a share of the clipped loss's range; ``None``: not looked at. Linear models lose more than
        trees where a value is out of range, and a model without features loses nothing.
    """

    false_promotion_rate: float = 0.05
    examples_min: int = 2000
    worthwhile: float | None = None
    mode: Literal["automatic", "approval"] = "automatic"
    approval_timeout: str | timedelta = "7d"
    challengers: Sequence[str] | None = None
    loss: str | None = None
    error_max: float | None = None
    settle: str | timedelta | None = None
    block: str | timedelta | None = None
    retest_examples: int = 20_000
    examples_max: int = 200_000
    emergency_rate: float = 0.01
    group_loss: float | None = None
    fairness_gap: float | None = None
    calibration_gap: float | None = None
    size_ratio_max: float | None = None
    cost_ratio_max: float | None = None
    robustness_gap: float | None = None
