"""By what models are trained anew, put in charge and kept. Written in the pipeline file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from schemas.values import FeatureValue


@dataclass(frozen=True)
class Search:
    """Among what a retraining chooses, by successive halving on the learning log.

    What is declared is always among the candidates: the model that is retrained, as it is.

    Parameters
    ----------
    alternatives
        By name of a model, then by dotted name of a parameter: the values to try beside the declared one.
    models
        Other algorithms, by names of their own: fresh River models. They are not active until one has won.
    features
        Subsets of the prepared features to try beside all of them.
    eta
        At each rung the best ``1/eta`` of the candidates stay.
    budget
        What a search may cost, in passes of one model over the range, the winner's own included.
    """

    alternatives: Mapping[str, Mapping[str, Sequence[FeatureValue]]] = field(default_factory=dict)
    models: Mapping[str, Any] = field(default_factory=dict)
    features: Sequence[Sequence[str]] = ()
    eta: int = 3
    budget: float = 4.0


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
    crontab, clock
        When one is due, as in cron (UTC): ``"0 3 * * 1"``, in event time (``"event"``) or by the leader's clock
        (``"wall"``).
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
    cpu_s_per_day_max
        Seconds of processor time that trainers may have taken on one day of the leader's clock (UTC); beyond it only
        commands. ``None``: no bound.
    challengers_max
        Trained challengers that are active at once; others wait.
    duration_s_max
        Seconds that a training may take.
    cost, gain_examples
        What a training costs, in loss, and over how many examples it may earn that: then drift and a missed objective
        only ask for one if the loss that lies above the best so far comes to more. ``None``: whatever it costs.
    search
        Alternatives among which a retraining chooses that was asked for by itself; by command only if it says so.
        ``None``: what is declared is trained.
    batch
        Labels that are learnt at a time with River's ``learn_many``, which is faster, and another fold than one by one;
        0: one by one, as the service learns.
    """

    drift: Sequence[str] = ()
    objective: Sequence[str] = ()
    every: str | timedelta | None = None
    crontab: str | None = None
    clock: Literal["event", "wall"] = "event"
    examples: int | None = None
    models: Sequence[str] = ()
    window: int | str | timedelta | None = None
    examples_min: int = 500
    cooldown: str | timedelta = "6h"
    per_day_max: int = 4
    cpu_s_per_day_max: float | None = None
    challengers_max: int = 3
    duration_s_max: float = 3600.0
    cost: float | None = None
    gain_examples: int = 10_000
    search: Search | None = None
    batch: int = 0


@dataclass(frozen=True)
class Retention:
    """What is kept of the past, beyond what something still needs.

    Parameters
    ----------
    versions
        Versions that have left and may still come back, the newest so many; what they have learnt stays in the memory
        of every worker and in the checkpoints. The former champion, and the parent of an active version, are kept
        beyond that.
    checkpoints
        Checkpoints of the service; a worker that can't use the newest falls back to the one before.
    """

    versions: int = 5
    checkpoints: int = 2


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
        expected to be better by more than ``emergency_gap``.
    emergency_gap
        By how much the champion may be worse for a time without it being an emergency, as a share of the clipped loss's
        range; at most 0.1. What is less than that is for the settled test.
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
    canary, canary_examples
        Shares of the traffic that a challenger serves, one after the other and growing, before it is put in charge,
        like ``(0.05, 0.25)``; each for so many labels of events that were answered meanwhile. If it loses there, the
        share is withdrawn. Without any it takes full effect at once.
    time_share_removed
        A challenger that takes more than this share of a worker's time, while answers come later and later, is
        quarantined; ``None``: never. The champion and baselines never are.
    robustness_gap
        How much more a challenger may lose than the champion on recent examples in which a feature is missing, noisy or
        out of range, as a share of the clipped loss's range; ``None``: not looked at. Linear models lose more than
        trees where a value is out of range, and a model without features loses nothing.
    overfitting_gap
        How much better a trained challenger may fit the newest labels of its training range than it answered them
        before it learnt them; ``None``: not looked at.
    stability
        Share of equal parts of its trial, one after the other, in which a challenger must not be shown to be worse;
        and its gain must not come from its best part alone. ``None``: not looked at.
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
    emergency_gap: float = 0.01
    group_loss: float | None = None
    fairness_gap: float | None = None
    calibration_gap: float | None = None
    size_ratio_max: float | None = None
    cost_ratio_max: float | None = None
    robustness_gap: float | None = None
    overfitting_gap: float | None = None
    stability: float | None = None
    canary: Sequence[float] = ()
    canary_examples: int = 1000
    time_share_removed: float | None = 0.8
