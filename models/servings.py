"""What people were answered, judged like a model of its own, while challengers serve shares of the traffic."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence

from models.judged import Judged
from models.outcomes import Key, Outcomes, Said
from schemas.examples import Control, Example


class Servings:
    """The champion's sums so far, gone on with what was served.

    It begins with the first share, and ends with the next champion: until then labels may come of what was served.
    Without a share what was served is what the champion said, and nothing is done twice.

    Attributes
    ----------
    judged
        What was served; ``None``: only what the champion said.
    """

    def __init__(self) -> None:
        self.judged: Judged | None = None
        self._sharing: set[Key] = set()

    def __iter__(self) -> Iterator[Judged]:
        return iter(() if self.judged is None else (self.judged,))

    def follow(self, control: Control, champion: Key | None, models: Mapping[Key, Judged]) -> None:
        """A control record has taken effect.

        Parameters
        ----------
        champion, models
            How things stand behind it.
        """
        key = control.model, control.version
        if control.action == "shared" and control.share and key in models and key != champion:
            self._sharing.add(key)
        elif control.action != "added":
            self._sharing.discard(key)
        if control.action in ("promoted", "rolled_back"):
            self.judged = None
        if self._sharing and self.judged is None and champion is not None and champion in models:
            self.judged = copy.deepcopy(models[champion])

    def said(self, found: Outcomes, examples: Sequence[Example]) -> Said:
        """What was served of each label, in columns."""
        served = Said()
        if self.judged is None:
            return served
        for row, place in enumerate(found.outcomes):
            one = examples[place]
            score = one.said[one.served].score
            if score is not None:
                served.rows.append(row)
                served.scores.append(score)
        return served
