"""Which streams a profile holds, in which order they are counted, and which share of the budget each of them has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.bets import Counts
from models.conformal import Codes, Ordered, Places
from models.letters import NOTHING, read
from models.looks import EVERY
from models.watches import Stretches, Window
from schemas.examples import Profile

#: Shares of the budget. Those of a kind share equally; what is not there leaves its share unused. What is left over is
#: that of outcomes (:data:`models.tallies.SHARES`). Scores start no episode by themselves, so theirs is beside it.
BUDGET = {"features": 0.58, "feed": 0.06, "scores": 0.1}

#: What a profile counts besides: each among all events that came.
FEED = ("duplicates", "rejects")


def is_score(name: str) -> bool:
    """Whether a field is what a model said."""
    return name.startswith("score:")


class Layout:
    """The streams of one reference, fixed by the first profile that is counted on its bins.

    Fields that a later profile has besides (a challenger's score) are not watched until the reference is renewed: a
    share of the budget must not depend on what happens.

    Parameters
    ----------
    profile
        The first one of its reference, with events.
    events
        Of a full window.
    """

    def __init__(self, profile: Profile, events: int) -> None:
        self._events = events
        fields = {name: field for name, field in profile.fields.items() if field.bins}
        self.reference = profile.reference
        self._widths = {name: len(field.bins) + 1 for name, field in fields.items()}
        self.features = tuple(name for name in fields if not is_score(name))
        self.categories = frozenset(
            name for name in self.features if fields[name].minimum is None and fields[name].count
        )
        scores = len(fields) - len(self.features)
        #: Name, share of the budget, and what is bet on, of each stream.
        self.streams = [
            (name, BUDGET["scores"] / scores if is_score(name) else BUDGET["features"] / len(self.features), "any")
            for name in fields
        ] + [(name, BUDGET["feed"] / len(FEED), "rise") for name in FEED]
        #: Bins of the stream that has the most.
        self.width = max([2, *self._widths.values()])
        self._places = Places([(1, self.width)] * len(self.streams))

    def counts(self, profile: Profile) -> Counts:
        """A profile as counts ``[stream, bin]``; the first bin of a field is missing values."""
        counts = np.zeros((len(self.streams), self.width), np.int64)
        for row, (name, width) in zip(counts, self._widths.items(), strict=False):
            field = profile.fields.get(name)
            if field is not None and len(field.bins) + 1 == width:
                row[0] = field.missing
                row[1:width] = field.bins
        for row, bad in zip(counts[-len(FEED) :], _bad(profile), strict=True):
            row[:2] = profile.events, bad
        return counts

    def window(self, profile: Profile, seed: int) -> Window:
        """A profile as a window of values.

        Parameters
        ----------
        profile
            Counted on the same bins.
        seed
            Draws where bad events came: the position in the log.
        """
        counts, ordered = self.counts(profile), self.ordered(profile, seed)
        start_s, until_s = profile.start.timestamp(), profile.until.timestamp()
        whole = [(start_s, counts)]
        # Of a window that was closed early, the end is odd.
        early = EVERY < profile.events < self._events

        def cut(alarms: bool) -> Stretches:
            if ordered is None or not (alarms or early):
                return whole
            parts = np.array_split(ordered.codes, max(profile.events // EVERY, 1), axis=1)
            each = [Ordered(part, ordered.places).counts().reshape(-1, self.width) for part in parts]
            return [(start_s + (until_s - start_s) * at / len(each), found) for at, found in enumerate(each)]

        return Window(profile.partition, profile.events, start_s, counts, ordered, cut)

    def ordered(self, profile: Profile, seed: int) -> Ordered | None:
        """The values of a profile in their order; ``None`` where it does not hold that, as older ones do not.

        When bad events came among the good ones is drawn by chance.

        Parameters
        ----------
        profile
            Counted on the same bins.
        seed
            Draws it: the position in the log.
        """
        fields = [profile.fields.get(name) for name in self._widths]
        orders = [
            field.order if field is not None and len(field.bins) + 1 == width else ""
            for field, width in zip(fields, self._widths.values(), strict=True)
        ]
        if not any(orders):
            return None
        bad = _bad(profile)
        length = max(profile.events + max(bad), *map(len, orders))
        codes = np.full((len(self.streams), length), self._places.size, np.int32)
        whole = len(set(map(len, orders))) == 1
        for first, one in [(0, "".join(orders))] if whole else enumerate(orders):
            ranks = read(one).reshape(len(orders) if whole else 1, -1)
            rows = slice(first, first + len(ranks))
            known = ranks + self._places.streams[rows, None]
            codes[rows, : ranks.shape[1]] = np.where(ranks == NOTHING, self._places.size, known)
        codes[-len(FEED) :, : profile.events] = self._places.streams[-len(FEED) :, None]
        if any(bad):
            self._mix(codes[-len(FEED) :], bad, profile.events, np.random.default_rng((seed, profile.partition, 1)))
        return Ordered(codes, self._places)

    def _mix(self, feed: Codes, bad: Sequence[int], good: int, generator: np.random.Generator) -> None:
        """Put bad events among the good ones, by chance."""
        for row, start, count in zip(feed, self._places.streams[-len(FEED) :].tolist(), bad, strict=True):
            row[: good + count] = start
            row[generator.choice(good + count, count, replace=False)] += 1


def _bad(profile: Profile) -> tuple[int, int]:
    """Duplicates and rejects.

    They cannot count for more than good ones, or a burst of them would be all that there is to bet on.
    """
    most = max(profile.events, 1)
    return min(profile.duplicates, most), min(sum(profile.rejected.values()), most)
