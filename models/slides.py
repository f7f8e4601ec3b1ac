"""A base that slides: values are compared with those of a while ago, not with all that ever were.

Event time is cut into stretches, :data:`SLIDES` to the declared length. Counts are kept by stretch. When the first
window of a new stretch comes, the base becomes the counts of the stretches between ``gap + length`` and ``gap`` ago,
and all ``M`` (:mod:`models.detectors`) begin again at zero; within the stretch the base grows, as without sliding.

What becomes of the promise: **it stays**, and what it is worth becomes less.

1. Within a stretch, the base and the new values are exchangeable if the values are, so the p-values are uniform and
   independent, and the expected number of alarms is at most ``n · w / B`` for the ``n`` events of the stretch. Between
   stretches p-values are *not* independent, since the same values serve in several bases; but nothing is carried from
   one to the next, and expectations add up.
2. An alarm forgets all counts of its stream, older stretches included. What comes after it is exchangeable by itself,
   and the same change is not told again at the next slide.
3. When a slide happens must not depend on the values. It depends on event time only.

The price: evidence does not add up beyond a stretch. A change that is too slight to be told within one, or one so slow
that it stays slight over ``gap + length``, is **never** told, however far it goes in the end. That is what sliding is
declared for. A stretch should hold a few thousand events of each partition.

Memory is bounded by the stretches that are kept, ``SLIDES + gap + 1`` tables of counts by partition.
"""

from __future__ import annotations

from collections.abc import Sequence

from models.bets import Counts, Floats
from models.conformal import Ordered
from models.detectors import Detectors, Flags, Known

#: Slides while the declared length passes.
SLIDES = 4


class SlidingDetectors(Detectors):
    """Detectors whose base slides.

    Parameters
    ----------
    thresholds, ways, bins, known
        As in :class:`models.detectors.Detectors`.
    gap
        Stretches between the base and now.
    """

    def __init__(
        self, thresholds: Floats, ways: Sequence[str], bins: int, known: Known | None = None, *, gap: int
    ) -> None:
        super().__init__(thresholds, ways, bins, known)
        self._gap = gap
        self._now: int | None = None
        # By stretch and partition: one long row of counts.
        self._kept: dict[int, dict[int, Counts]] = {}

    def take(
        self, window: Counts, partition: int, index: int, events: int, seed: int, ordered: Ordered | None = None
    ) -> Flags:
        """A window of one partition in stretch ``index``; the first one of a new stretch slides the base."""
        if self._now is None or index > self._now:
            self._now = index
            self._slide(index - self._gap)
        # What is later than all that is kept is in no base any more.
        if index >= self._now - self._gap - SLIDES:
            parts = self._kept.setdefault(index, {})
            parts[partition] = parts.get(partition, 0) + (window.ravel() if ordered is None else ordered.counts())
        return super().take(window, partition, index, events, seed, ordered)

    def _slide(self, end: int) -> None:
        """The base becomes what is kept of the stretches before ``end``; as long as there is none, it goes on."""
        self._kept = {index: parts for index, parts in self._kept.items() if index >= end - SLIDES}
        base: dict[int, Counts] = {}
        for index in sorted(index for index in self._kept if index < end):
            for partition, counts in self._kept[index].items():
                base[partition] = base.get(partition, 0) + counts
        if base:
            self._base = base
            self.rewind()

    def restart(self, which: Flags) -> None:
        """These streams forget everything, older stretches too, and begin again."""
        super().restart(which)
        for parts in self._kept.values():
            for counts in parts.values():
                counts[which[self._places.stream]] = 0
