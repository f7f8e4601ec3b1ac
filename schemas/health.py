"""``health``: how good the models really were, on labels that have come."""

from __future__ import annotations

from schemas.values import Record, Time


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
    """

    model: str
    version: int
    champion: bool = False
    baseline: bool = False
    count: int
    metrics: dict[str, float]
    rolling: dict[str, float]


class LabelHealth(Record, frozen=True, kw_only=True):
    """What became of the labels.

    Parameters
    ----------
    known, corrected, expired
        Counts over all time.
    coverage
        Share of outcomes with a label: ``known / (known + expired)``; absent before the first outcome.
    delay_p50_s, delay_p90_s
        Seconds from event time to label over the last labels of the report's window; absent without labels.
    """

    known: int
    corrected: int
    expired: int
    coverage: float | None = None
    delay_p50_s: float | None = None
    delay_p90_s: float | None = None


class Health(Record, frozen=True, kw_only=True):
    """A report at one position of the learning log."""

    position: int
    time: Time
    window: int
    models: list[ModelHealth]
    labels: LabelHealth
