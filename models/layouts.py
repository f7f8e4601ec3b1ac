"""Which streams a profile holds, in which order they are counted, and which share of the budget each of them has."""

from __future__ import annotations

import numpy as np

from models.bets import Counts
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
    """

    def __init__(self, profile: Profile) -> None:
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

    def counts(self, profile: Profile) -> Counts:
        """A profile as counts ``[stream, bin]``; the first bin of a field is missing values."""
        counts = np.zeros((len(self.streams), self.width), np.int64)
        for row, (name, width) in zip(counts, self._widths.items(), strict=False):
            field = profile.fields.get(name)
            if field is not None and len(field.bins) + 1 == width:
                row[0] = field.missing
                row[1:width] = field.bins
        # Bad ones cannot count for more than good ones, or a burst of them would be all that there is to bet on.
        most = max(profile.events, 1)
        counts[-2, :2] = profile.events, min(profile.duplicates, most)
        counts[-1, :2] = profile.events, min(sum(profile.rejected.values()), most)
        return counts
