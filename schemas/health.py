"""``health``: how good the models really were, on labels that have come."""

from __future__ import annotations

from typing import Literal

from schemas.costs import Cost
from schemas.values import FeatureValue, Record, Time


class Interval(Record, frozen=True, kw_only=True):
    """Where the mean of a clipped loss lies, by the evidence so far.

    For a mean over all labels it holds with 95 % probability at all times at once: look as often as you like. For a
    window it holds for 95 of 100 windows.

    Parameters
    ----------
    value
        The mean of the clipped loss; for ``Accuracy`` nothing is clipped.
    low, high
        The bounds.
    count
        Labels in it.
    """

    value: float
    low: float
    high: float
    count: int


class WindowHealth(Record, frozen=True, kw_only=True):
    """The quality of one model in a window of event time.

    Parameters
    ----------
    over_s
        Length in seconds, as an objective declares it.
    count, metrics
        Labels in it and metric to value. Only cohorts whose labels have nearly all come are in it.
    intervals
        Metric to the interval of its mean.
    """

    over_s: float
    count: int
    metrics: dict[str, float]
    intervals: dict[str, Interval] = {}


class ModelHealth(Record, frozen=True, kw_only=True):
    """The prequential quality of one model: each prediction was made before its label was learnt.

    Parameters
    ----------
    model, version, champion, baseline
        Whom it is about.
    count
        Labels that count in ``metrics``.
    metrics
        River's metric name to value over all labels.
    rolling
        The same over the last ``window`` labels of the report.
    windows
        The same in windows of event time, one for each length that an objective names.
    intervals
        Metric to the interval of its mean over all labels.
    better_than
        Baseline to metric to by how much the model is better than it on the same events, over all labels.
    rolling_count, rolling_intervals
        Labels in ``rolling``, and metric to the interval of their mean.
    """

    model: str
    version: int
    champion: bool = False
    baseline: bool = False
    count: int
    metrics: dict[str, float]
    rolling: dict[str, float]
    windows: list[WindowHealth] = []
    intervals: dict[str, Interval] = {}
    better_than: dict[str, dict[str, Interval]] = {}
    rolling_count: int | None = None
    rolling_intervals: dict[str, Interval] = {}


class LabelHealth(Record, frozen=True, kw_only=True):
    """What became of the labels.

    Parameters
    ----------
    known, corrected, expired
        Counts over all time.
    coverage
        Share of labels that came in time: ``known / (known + expired)``; absent before the first outcome. What is
        unavailable is in neither.
    delay_p50_s, delay_p90_s
        Seconds from event time to label over the last labels of the report's window; absent without labels.
    late
        Of the corrected: those that came after they had expired.
    waiting
        Answered events without an outcome yet, about: what a crash lost of the profiles is missing. Absent without
        profiles.
    unavailable
        Events of which it was said, over all time, that there will never be a label.
    withdrawn
        Of the unavailable: those whose label had been known.
    """

    known: int
    corrected: int
    expired: int
    coverage: float | None = None
    delay_p50_s: float | None = None
    delay_p90_s: float | None = None
    late: int = 0
    waiting: int | None = None
    unavailable: int = 0
    withdrawn: int = 0


class Cohort(Record, frozen=True, kw_only=True):
    """The events of one stretch of event time, and how many of their labels have come.

    Parameters
    ----------
    start
        Of the stretch; it lasts ``cohort_s`` of the report.
    events
        Answered events, from the profiles; absent while those of some partition have not come that far.
    known, corrected, expired
        Outcomes so far; a label that came after it had expired is known, and corrected.
    resolved
        Share of the events that have an outcome, at least; absent while nobody can say.
    unavailable
        Events that will never have a label. They have an outcome, and are neither known nor expired.
    """

    start: Time
    events: int | None = None
    known: int
    corrected: int = 0
    expired: int = 0
    resolved: float | None = None
    unavailable: int = 0


class GroupHealth(Record, frozen=True, kw_only=True):
    """One value of a declared group.

    Parameters
    ----------
    group, value
        The feature and its value.
    other
        It stands for all values beyond the bound, ``value`` is absent.
    known, expired, unavailable, coverage, delay_p50_s, delay_p90_s
        As for all labels, but as things stand: what was taken back is in the count that it belongs to now.
    models
        The active models on the events of this group, without ``better_than``; intervals only of the champion.
        ``rolling`` is about those of the last labels of the report's window that are of this group.
    """

    group: str
    value: FeatureValue = None
    other: bool = False
    known: int
    expired: int = 0
    coverage: float | None = None
    delay_p50_s: float | None = None
    delay_p90_s: float | None = None
    models: list[ModelHealth] = []
    unavailable: int = 0


class ObjectiveHealth(Record, frozen=True, kw_only=True):
    """Whether the champion is what it is there for; one for each bound of each objective.

    Parameters
    ----------
    name
        The bound in words, the same in every report: ``LogLoss better than prior by 0.02``.
    metric, bound
        The bound as declared: of the value, or of the improvement on ``better_than``.
    is_least
        The bound is the least value; otherwise the largest.
    better_than
        The baseline, if it is compared with one.
    over_s
        Event time looked back on in seconds; absent: the last labels.
    state
        ``met``: the value keeps the bound. ``at_risk``: it does not, and chance may be the reason. ``broken``: it does
        not, and the interval says so too. ``not_enough_labels``: too few have come to tell, or only the early ones.
    value, count
        What was measured, on how many labels (events for latency, outcomes for coverage).
    interval
        Where the mean lies; absent where there is none for the metric.
    since
        Position at which this state began.
    start, until
        Event times between which cohorts were taken; absent for the last labels.
    """

    name: str
    metric: str
    bound: float
    is_least: bool = False
    better_than: str | None = None
    over_s: float | None = None
    state: Literal["met", "at_risk", "broken", "not_enough_labels"]
    value: float | None = None
    count: int
    interval: Interval | None = None
    since: int
    start: Time | None = None
    until: Time | None = None


class Estimate(Record, frozen=True, kw_only=True):
    """What the champion's quality should be where no label has come: a guess from calibrated scores, no measurement.

    It is right only while a score means what it meant on the last labels. Concept drift makes it invalid, and it
    cannot see that.

    Parameters
    ----------
    model, version
        Whom it is about.
    about
        ``expired``: the last events whose label never came. ``recent``: the events of the newest profiles.
    count, calibrated_on
        Events it is about, and labels that the scores were calibrated on.
    metrics
        Metric to the expected value.
    invalid_under
        What makes it wrong.
    """

    model: str
    version: int
    about: Literal["expired", "recent"]
    count: int
    calibrated_on: int
    metrics: dict[str, float]
    invalid_under: Literal["concept drift"]


class Health(Record, frozen=True, kw_only=True):
    """A report at one position of the learning log.

    Parameters
    ----------
    position, time
        Up to where the log was read, and the newest event time of an outcome or profile.
    window
        Labels in ``rolling``.
    objectives, groups, estimates
        See their types.
    cohort_s, cohorts
        Length of the stretches of event time in seconds, and the newest of them.
    served
        The quality of what was served, where challengers have or had a share of the traffic in this champion's reign,
        under the champion's name; absent: it is the champion's. The objectives are about this.
    costs
        What each model costs, by the leader's clock; no fold of the log.
    """

    position: int
    time: Time
    window: int
    models: list[ModelHealth]
    labels: LabelHealth
    objectives: list[ObjectiveHealth] = []
    groups: list[GroupHealth] = []
    cohort_s: float | None = None
    cohorts: list[Cohort] = []
    estimates: list[Estimate] = []
    served: ModelHealth | None = None
    costs: list[Cost] = []
