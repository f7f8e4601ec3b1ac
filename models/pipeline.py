"""The declaration of a pipeline: what a user writes in one Python file."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any, Literal

from models.monitoring import Alerts, Drift, Objective
from models.policies import Promotion, Retention, Retraining
from schemas.values import LabelValue

Problem = Literal["binary", "multiclass", "regression"]

#: A pure function that makes features of an event, or of the features that the function before it made.
Prepare = Callable[[dict[str, Any]], dict[str, Any]]

#: Longest class name in characters: models keep every class they have seen.
LABEL_LENGTH_MAX = 256

#: Events of one partition that make one profile, where nothing else is said.
PROFILE_EVENTS = 256

_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)\s*")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


def duration(text: str | timedelta) -> timedelta:
    """A span of time: ``"36h"``, ``"90s"``, ``"7d"`` (units ms, s, m, h, d, w).

    >>> duration("36h")
    datetime.timedelta(days=1, seconds=43200)

    Raises
    ------
    ValueError
        If the text is no such span.
    """
    if isinstance(text, timedelta):
        return text
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no duration; write a number and one of {', '.join(_UNITS)}, like '36h'")
    return timedelta(seconds=float(found[1]) * _UNITS[found[2]])


@dataclass(frozen=True)
class Field:
    """One field of the raw events.

    Parameters
    ----------
    name
        Its key in the JSON object.
    type
        ``float``, ``int``, ``bool`` or ``str``. An integer in the JSON is a legal ``float``.
    category
        The field is a category: a ``str`` with at most ``categories_max`` distinct values.
    optional
        It may be absent or null; otherwise an event without it is rejected.
    minimum, maximum
        Inclusive bounds of a number.
    categories_max
        Bound on distinct values of a category that one worker accepts.
    length_max
        Bound on the characters of a string.
    samples
        Legal values for ``headrace check`` to try; none: it makes some up from type and bounds. Give some
        where a text has a form of its own, like a date, that a preparation function relies on.
    """

    name: str
    type: type = float
    category: bool = False
    optional: bool = False
    minimum: float | None = None
    maximum: float | None = None
    categories_max: int = 1000
    length_max: int = 256
    samples: Sequence[Any] = ()


@dataclass(frozen=True)
class Label:
    """The truth about an event and how long it is waited for.

    Parameters
    ----------
    timeout
        Event time after which a label that has not come counts as expired, like ``"36h"``. It must be given;
        the default is none, so that its absence is told along with all other mistakes.
    type
        ``bool`` (binary), ``str`` or ``int`` (multiclass), ``float`` (regression); ``None``: by the problem.
    remember
        For how long after its event a label may still correct what is known, and a repeated id is recognised
        as a duplicate; ``None``: twice the timeout.
    default
        The label that an event counts with when none has come in time, like ``False`` where only what happened is
        told; a late label takes it back, and so does the word that it is unavailable. ``None``: such an event counts
        with no label.
    """

    timeout: str | timedelta = ""
    type: type | None = None
    remember: str | timedelta | None = None
    default: LabelValue | None = None


@dataclass(frozen=True)
class Pipeline:
    """A pipeline: events in, predictions out, labels learnt.

    Parameters
    ----------
    name
        Prefix of its topics.
    problem
        ``"binary"``, ``"multiclass"`` or ``"regression"``.
    fields
        The fields of the raw events that are used.
    id
        The field that names an event, declared or not; ``None``: CloudEvents' ``id``, else topic, partition
        and offset.
    key
        The field that is the Kafka key of events and feedback; ``None``: the id. Only clients use it.
    time
        The field with the event time: RFC 3339 text, or seconds since 1970 as a number; ``None``:
        CloudEvents' ``time``, else when Kafka took the event.
    label
        What the truth is and how long it is waited for.
    prepare
        Pure functions, each given what the one before returned, the first the event; none: all fields but id,
        key and time are features. The event is a dict of all declared fields and of id, key and time; an
        optional field that is absent is None.
    models
        Name to fresh River model. All predict every event; the champion's answer is served.
    champion
        Name of the model that serves at the start.
    objective
        What the champion must reach: one, or several.
    groups
        Features whose every value has metrics of its own.
    drift
        How the world is watched for change; ``None``: not at all.
    alerts
        When people are told, beyond that.
    retraining
        When challengers are trained, and how; ``None``: only by command.
    promotion
        When a challenger takes the champion's place; ``None``: only by command.
    retention
        What is kept of versions that have left, and of checkpoints.
    profile_events
        Events of one partition that make one profile; 0: no profiles, so that drift in features is not seen.
    unknown_fields
        ``"ignore"`` or ``"reject"`` events with fields that are not declared.
    partitions
        Partitions of the spread topics: the most workers that can share the work.
    event_bytes_max
        Larger events are rejected.
    future_max
        Events dated later than this after Kafka took them are rejected: they would make all labels expire.
    waiting_events_max
        Events remembered per partition at most; the oldest falls out, counted as expired.
    early_labels_max
        Labels that wait for their event per partition at most.
    health_window
        Labels in the rolling metrics.
    health_every
        A health report comes at least after so many outcomes: labels, expired or unavailable ones.
    """

    name: str
    problem: Problem
    fields: Sequence[Field]
    label: Label
    models: Mapping[str, Any]
    champion: str
    id: str | None = None
    key: str | None = None
    time: str | None = None
    prepare: Sequence[Prepare] = ()
    objective: Objective | Sequence[Objective] | None = None
    groups: Sequence[str] = ()
    drift: Drift | None = field(default_factory=Drift)
    alerts: Alerts = field(default_factory=Alerts)
    retraining: Retraining | None = None
    promotion: Promotion | None = None
    retention: Retention = field(default_factory=Retention)
    profile_events: int = PROFILE_EVENTS
    unknown_fields: Literal["ignore", "reject"] = "ignore"
    partitions: int = 4
    event_bytes_max: int = 65536
    future_max: str | timedelta = "1d"
    waiting_events_max: int = 1_000_000
    early_labels_max: int = 100_000
    health_window: int = 1000
    health_every: int = 1000

    @cached_property
    def timeout(self) -> timedelta:
        """How long a label is waited for."""
        return duration(self.label.timeout)

    @cached_property
    def remember(self) -> timedelta:
        """How long an id is remembered."""
        return self.timeout * 2 if self.label.remember is None else duration(self.label.remember)

    @cached_property
    def objectives(self) -> tuple[Objective, ...]:
        """What the champion must reach."""
        if self.objective is None:
            return ()
        return (self.objective,) if isinstance(self.objective, Objective) else tuple(self.objective)

    @cached_property
    def estimators(self) -> dict[str, Any]:
        """Every model that may be trained: those that are active from the start, and those of a declared search."""
        search = self.retraining.search if self.retraining is not None else None
        return {**self.models, **(search.models if search is not None else {})}

    @cached_property
    def label_type(self) -> type:
        """The Python type of labels."""
        return self.label.type or {"binary": bool, "multiclass": str, "regression": float}[self.problem]


def label_of(pipeline: Pipeline, value: object) -> LabelValue:
    """A label as the pipeline's models know it.

    Raises
    ------
    ValueError
        If it does not fit the problem. Nothing is guessed: the text ``"true"`` is no truth value, though the
        numbers 0 and 1 are accepted for ``bool``, since many systems have no other.
    """
    wanted = pipeline.label_type
    if wanted is bool and isinstance(value, bool):
        return value
    if wanted is bool and value in (0, 1) and not isinstance(value, float):
        return bool(value)
    if wanted is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        if not abs(value) <= sys.float_info.max:
            raise ValueError(f"expected a finite float, got {value!r:.80}")
        return float(value)
    if wanted is str and isinstance(value, str) and not 0 < len(value) <= LABEL_LENGTH_MAX:
        raise ValueError(f"expected a text of 1 to {LABEL_LENGTH_MAX} characters, got {len(value)}")
    if wanted is int and type(value) is int and not -(2**63) <= value < 2**63:
        raise ValueError(f"expected an int of at most 64 bits, got {value!r:.80}")
    if type(value) is wanted and isinstance(value, (bool, int, float, str)):
        return value
    raise ValueError(f"expected a {wanted.__name__}, got {value!r:.80}")
