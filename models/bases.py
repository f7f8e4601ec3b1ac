"""What later values are compared with: the first examples, those of a range of event time, or a base that slides.

================ ================================ ==================================== ===============================
declared         fixes the bins                   the base                             is bet on
================ ================================ ==================================== ===============================
``"first"``      the first examples               all since then, growing              all since then
a range          the first examples in it         windows in it, then growing          windows after it
``Sliding``      the first examples               windows in it, then growing          all since the bins are there
================ ================================ ==================================== ===============================

A range lies in event time. Examples in it make the reference; if it is over (by the label's timeout too, as its last
labels may be late) and they were too few, or the champion changes later, the examples that come then do. So there is
always a reference in the end, and replays agree on it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from models.bets import Floats
from models.blocks import Blocks
from models.detectors import Detectors, Known
from models.monitoring import Drift, Sliding
from models.pipeline import Pipeline, duration
from models.slides import SLIDES, SlidingDetectors
from models.watches import Detecting


def moment(text: str | datetime) -> datetime:
    """A point in event time; without an offset it is meant in UTC.

    >>> moment("2026-01-01").isoformat()
    '2026-01-01T00:00:00+00:00'

    Raises
    ------
    ValueError
        If the text is no such point.
    """
    found = text if isinstance(text, datetime) else datetime.fromisoformat(text)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


class Base:
    """What a pipeline declares about its reference, without any state.

    Parameters
    ----------
    pipeline
        Its :class:`models.monitoring.Drift`, and how long it waits for labels.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        declared = pipeline.drift or Drift()
        budget = declared.events_per_false_alarm
        #: What no evidence ever reaches, where there is none.
        self._budget = math.inf if budget is None else budget
        self._sliding: Sliding | None = None
        self._range: tuple[datetime, datetime, datetime] | None = None
        self._index_s = 0.0 if declared.block is None else duration(declared.block).total_seconds()
        #: Seconds of event time that are looked back on for what was before a change.
        self.reach_s = math.inf
        if isinstance(declared.reference, Sliding):
            length_s = duration(declared.reference.length).total_seconds()
            self._sliding, self._index_s = declared.reference, length_s / SLIDES
            self._gap = math.ceil(duration(declared.reference.gap).total_seconds() / self._index_s)
            self.reach_s = (self._gap + SLIDES + 1) * self._index_s
        elif not isinstance(declared.reference, str):
            since, until = map(moment, declared.reference)
            self._range = since, until, until + pipeline.timeout

    def makes(self, time: datetime) -> bool:
        """Whether an example of this event time is one that may make the reference."""
        if self._range is None:
            return True
        since, until, over = self._range
        return since <= time < until or time >= over

    def bets(self, time_s: float) -> bool:
        """Whether a window of this event time is bet on; if not, it is only counted."""
        return self._range is None or time_s >= self._range[1].timestamp()

    def index(self, time_s: float) -> int:
        """The block of event time, or the stretch between two slides, that a window belongs to."""
        return int(time_s // self._index_s) if self._index_s else 0

    def detecting(
        self, weights: Sequence[float], ways: Sequence[str], bins: int, known: Known | None = None
    ) -> Detecting:
        """Detectors of streams with these shares of the budget."""
        thresholds: Floats = self._budget / np.array(weights)
        if self._sliding is not None:
            return SlidingDetectors(thresholds, ways, bins, known, gap=self._gap)
        return Blocks(thresholds, ways, bins) if self._index_s else Detectors(thresholds, ways, bins, known)
