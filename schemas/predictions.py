"""``predictions``: what was answered to one event, and what each shadow would have said."""

from __future__ import annotations

from schemas.values import Address, LabelValue, Record, Score, Time


class Said(Record, frozen=True, kw_only=True):
    """What one model said about one event."""

    model: str
    version: int
    score: Score | None


class Prediction(Record, frozen=True, kw_only=True):
    """The one prediction of one event.

    Parameters
    ----------
    id, time
        The event's id and event time.
    score, label
        What was said by who serves this event: the champion, or a challenger that has a share of the traffic. ``label``
        is its most likely class, absent for ``regression``.
    model, version, position
        The state that said it, ``model@version:position``: the fold over the learning log up to and without
        ``position``. It holds for the shadows too.
    shadows
        What the other active models said, baselines included; the champion first, if it does not serve this event.
    due
        Event time (of the stream) after which a label that has not come counts as expired.
    event
        Where the raw event lies.
    received, predicted
        Times of the way: when Kafka took the event, and when the worker had the scores.
    served
        0: the champion serves. Otherwise a challenger does by its share, and this is its place among all that was said.
    """

    id: str
    time: Time
    score: Score | None
    label: LabelValue | None = None
    model: str
    version: int
    position: int
    shadows: list[Said] = []
    due: Time
    event: Address
    received: Time
    predicted: Time
    served: int = 0

    @property
    def said(self) -> list[Said]:
        """What every active model said, the champion first."""
        own = Said(model=self.model, version=self.version, score=self.score)
        return (
            [*self.shadows[: self.served], own, *self.shadows[self.served :]] if self.served else [own, *self.shadows]
        )
