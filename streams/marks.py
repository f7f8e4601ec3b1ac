"""Where the remembered events of a partition lie on Kafka, kept as text with each committed offset.

After a crash or a move, what is remembered is read again from there: exactly so many records, in time proportional
to what is remembered and not to the length of the topics. The text is committed in the same transaction as the
records that it speaks of.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime

import msgspec

from schemas.errors import BrokerUnavailable
from schemas.values import Time

#: Runs of early labels that are kept exactly: as many as fit into the text that a broker accepts, 4 KB.
RUNS_MAX = 100

#: Marks kept per partition; beyond it neighbours become one.
MARKS_MAX = 512


class Mark(msgspec.Struct, kw_only=True):
    """What one batch wrote for one partition.

    Parameters
    ----------
    features_from, predictions_from
        Offset at or before its first record, behind all earlier ones.
    log_from
        Offset in the learning log behind the last example that earlier batches wrote for the partition.
    features, predictions, examples
        How many records it wrote.
    due
        Until when the last of its events is waited for; absent if it had none.
    """

    features_from: int = 0
    predictions_from: int = 0
    log_from: int = 0
    features: int = 0
    predictions: int = 0
    examples: int = 0
    due: Time | None = None


#: Offset of the first record of a stretch, and how many it has.
Run = tuple[int, int]


class Place(msgspec.Struct, kw_only=True):
    """The text kept with a committed offset of ``events``.

    Parameters
    ----------
    mark
        From where, and how many records, to read again; its counts are sums over all batches since.
    safe
        The partition's safe watermark.
    early
        The labels in ``feedback`` that still wait for their event, as runs: first offset and count.
    """

    mark: Mark
    safe: Time | None = None
    early: list[Run] = []


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Place).decode


class Marks:
    """The marks of one partition, oldest first.

    Parameters
    ----------
    first
        The mark of what was rebuilt.
    end
        Offsets behind the last records that were read for it.
    """

    def __init__(self, first: Mark, end: Mark) -> None:
        self._marks: deque[Mark] = deque([first])
        self._features = first.features
        self._predictions = first.predictions
        self._examples = first.examples
        self._end = end

    def add(self, features: int, predictions: int, examples: int, due: datetime | None) -> None:
        """A batch is about to write so many records for the partition."""
        self._features += features
        self._predictions += predictions
        self._examples += examples
        end = self._end
        self._marks.append(
            Mark(
                features_from=end.features_from,
                predictions_from=end.predictions_from,
                log_from=end.log_from,
                features=features,
                predictions=predictions,
                examples=examples,
                due=due,
            )
        )
        if due is None or len(self._marks) > MARKS_MAX:
            self._merge(last_only=due is None)

    def _merge(self, last_only: bool) -> None:
        """Make one of two neighbours: what is read again may start a little earlier so."""
        marks = list(self._marks)
        kept = marks[:-2] if last_only else []
        rest = marks[-2:] if last_only else marks
        for place in range(0, len(rest), 2):
            kept.append(_joined(rest[place : place + 2]))
        self._marks = deque(kept)

    def written(self, features: int | None, predictions: int | None, examples: int | None) -> None:
        """Offsets of the newest records that lie in each topic, where this worker wrote any."""
        end = self._end
        # What this worker wrote last may lie before what another one wrote while it had the partition.
        end.features_from = end.features_from if features is None else max(end.features_from, features + 1)
        end.predictions_from = (
            end.predictions_from if predictions is None else max(end.predictions_from, predictions + 1)
        )
        end.log_from = end.log_from if examples is None else max(end.log_from, examples + 1)

    def forget(self, forgotten: datetime | None) -> None:
        """Nothing that was due before this time is remembered any more."""
        while len(self._marks) > 1 and forgotten is not None:
            oldest = self._marks[0]
            if oldest.due is not None and oldest.due >= forgotten:
                return
            self._marks.popleft()
            self._features -= oldest.features
            self._predictions -= oldest.predictions
            self._examples -= oldest.examples

    def text(self, safe: datetime | None, early: list[int] | None = None) -> str:
        """The text to commit; ``early`` are the offsets of the labels that wait for their event, in order."""
        oldest = self._marks[0]
        whole = Mark(
            features_from=oldest.features_from,
            predictions_from=oldest.predictions_from,
            log_from=oldest.log_from,
            features=self._features,
            predictions=self._predictions,
            examples=self._examples,
            due=self._marks[-1].due,
        )
        return _encode(Place(mark=whole, safe=safe, early=runs_of(early or []))).decode()


def runs_of(offsets: list[int]) -> list[Run]:
    """Ascending offsets as runs, at most :data:`RUNS_MAX`: the last one then has all that come after it.

    >>> runs_of([3, 4, 5, 9])
    [(3, 3), (9, 1)]
    """
    runs: list[Run] = []
    for offset in offsets:
        if runs and offset == sum(runs[-1]):
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        elif len(runs) < RUNS_MAX:
            runs.append((offset, 1))
        else:
            first = runs[-1][0]
            runs[-1] = (first, offsets[-1] + 1 - first)
            break
    return runs


def _joined(neighbours: list[Mark]) -> Mark:
    first, last = neighbours[0], neighbours[-1]
    if first is last:
        return first
    return Mark(
        features_from=first.features_from,
        predictions_from=first.predictions_from,
        log_from=first.log_from,
        features=first.features + last.features,
        predictions=first.predictions + last.predictions,
        examples=first.examples + last.examples,
        due=last.due or first.due,
    )


def place_of(text: str) -> Place:
    """What :meth:`Marks.text` wrote; nothing remembered where nothing was committed.

    Raises
    ------
    BrokerUnavailable
        If the text is not ours: somebody else has committed offsets for this group.
    """
    if not text:
        return Place(mark=Mark())
    try:
        return _decode(text)
    except msgspec.DecodeError as error:
        raise BrokerUnavailable(
            f"the committed offset carries no text of this project ({error}); were the offsets of this group set "
            "by hand? Delete the group to start from the beginning"
        ) from None
