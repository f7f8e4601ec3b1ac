"""``retrains``: the life of each retraining."""

from __future__ import annotations

from typing import Literal

from schemas.values import FeatureValue, Record, Time

Trigger = Literal["drift", "objective", "schedule", "examples", "command"]
Step = Literal["requested", "started", "progress", "finished", "failed"]
Method = Literal["fresh", "window", "warm"]


class Retrain(Record, frozen=True, kw_only=True):
    """One step of one retraining.

    Parameters
    ----------
    id
        Of the retraining; all its steps share it.
    model, version
        Which declared model is trained, and the version it joins the shadows as; absent before it has one. With
        ``finished`` of a search, the model that has won.
    time
        Event time, as far as it had come in the log.
    reason
        Why: of the request, or with ``failed`` of the failure.
    first, end
        The range of the learning log it learns from: ``first`` to before ``end``. With ``requested`` and ``started``
        the range that is intended; the end moves on with the log while it is trained. With ``progress`` how far it is.
    seed
        Of the model as declared; 0 if it has none.
    duration_s, cpu_s
        Seconds of training so far, and of processor time in them.
    trigger
        What asked for it.
    subject
        The reason as a key: of one there is one retraining of a model at a time.
    method
        ``fresh``: the declared model on the whole log. ``window``: the declared model on its newest part. ``warm``: a
        copy of the champion as it is, with other ``parameters``.
    window
        What is learnt as it was asked for: the last so many examples, or so much event time; absent for the whole log.
    parameters
        What differs from the declaration, by dotted name.
    evidence
        Numbers by name: what the trigger saw, or how good the candidate was.
    position
        Where in the log it was said.
    by
        Who asked, with a command.
    clock
        When it was said, by the leader's clock.
    search
        Whether it chooses among the declared alternatives.
    batch
        How many labels are learnt at a time; 0: one by one.
    alternative, features
        With ``finished``: the name of the alternative that has won, and all features that it is given; empty:
        everything.
    """

    id: str
    step: Step
    model: str
    version: int | None = None
    time: Time
    reason: str
    first: int
    end: int
    seed: int = 0
    duration_s: float | None = None
    trigger: Trigger = "command"
    subject: str = ""
    method: Method = "fresh"
    window: str | None = None
    parameters: dict[str, FeatureValue] = {}
    evidence: dict[str, float] = {}
    position: int = 0
    by: str | None = None
    clock: Time | None = None
    cpu_s: float | None = None
    search: bool = False
    batch: int = 0
    alternative: str = ""
    features: list[str] = []
