"""What one model costs, as health reports tell it."""

from __future__ import annotations

from schemas.values import Record


class Cost(Record, frozen=True, kw_only=True):
    """What one model costs the worker that leads.

    Parameters
    ----------
    model, version
        Whom it is about.
    answer_us, learn_us
        Microseconds for an answer and for a lesson: the median of the latest samples; absent before the first.
    time_share
        Share of the worker's time that both took lately; absent while it is not known.
    """

    model: str
    version: int
    answer_us: float | None = None
    learn_us: float | None = None
    time_share: float | None = None
