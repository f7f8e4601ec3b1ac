"""What is wrong with a pipeline's declaration: every mistake at once, each with a way out."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, get_args

from models.arguments import one_of, span
from models.estimators import model_mistakes
from models.monitoring import Alerts, Drift
from models.names import is_legal_name
from models.objective_mistakes import group_mistakes, objective_mistakes
from models.pipeline import Field, Label, Pipeline, Problem, label_of
from models.promotion_mistakes import promotion_mistakes
from models.reference_mistakes import reference_mistakes
from models.retention_mistakes import retention_mistakes
from models.retraining_mistakes import retraining_mistakes
from models.rivals import NAMES

PROBLEMS: tuple[str, ...] = get_args(Problem)

FIELD_TYPES = (float, int, bool, str)

#: The types that labels may have, the default first.
LABEL_TYPES: dict[str, tuple[type, ...]] = {
    "binary": (bool,),
    "multiclass": (str, int),
    "regression": (float,),
}

#: How like a declared name an undeclared one must be to be taken for a slip of the pen.
_ALIKE = 0.85

_BOUNDS = (
    "partitions",
    "event_bytes_max",
    "waiting_events_max",
    "early_labels_max",
    "health_window",
    "health_every",
)


def mistakes(pipeline: Pipeline) -> list[str]:
    """Every mistake in a declaration; none if it can be run.

    Returns
    -------
    One sentence each: argument, wrong value, what is accepted, the nearest name.
    """
    return [
        *_name_mistakes(pipeline),
        *_field_mistakes(pipeline),
        *_role_mistakes(pipeline),
        *_label_mistakes(pipeline),
        *_prepare_mistakes(pipeline),
        *model_mistakes(pipeline),
        *_champion_mistakes(pipeline),
        *objective_mistakes(pipeline),
        *group_mistakes(pipeline),
        *_drift_mistakes(pipeline),
        *_alerts_mistakes(pipeline),
        *promotion_mistakes(pipeline),
        *retraining_mistakes(pipeline),
        *retention_mistakes(pipeline),
        *_bound_mistakes(pipeline),
    ]


def _name_mistakes(pipeline: Pipeline) -> Iterator[str]:
    if not isinstance(pipeline.name, str) or not is_legal_name(pipeline.name):
        yield (
            f"name: {pipeline.name!r:.80} cannot begin the names of topics; 1 to 64 lower case letters, "
            "digits, '-' and '_' are accepted, the first and the last a letter or digit"
        )
    yield from one_of("problem", pipeline.problem, PROBLEMS)
    yield from one_of("unknown_fields", pipeline.unknown_fields, ("ignore", "reject"))


def fields_of(pipeline: Pipeline) -> list[Field]:
    """The fields that are declared as such, whatever else stands among them."""
    if isinstance(pipeline.fields, str) or not isinstance(pipeline.fields, Iterable):
        return []
    return [field for field in pipeline.fields if isinstance(field, Field) and isinstance(field.name, str)]


def _field_mistakes(pipeline: Pipeline) -> Iterator[str]:
    if isinstance(pipeline.fields, str) or not isinstance(pipeline.fields, Sequence):
        yield f"fields: {pipeline.fields!r:.80} is no list of Field(...)"
        return
    if not pipeline.fields:
        yield "fields: there are none; declare the fields of the events, like Field('distance', float)"
    names: set[str] = set()
    for place, field in enumerate(pipeline.fields):
        where = f"fields[{place}]"
        if not isinstance(field, Field):
            yield f"{where}: {field!r:.80} is no Field; write Field({field!r:.40}, float)"
            continue
        if not isinstance(field.name, str) or not field.name:
            yield f"{where}: the name {field.name!r:.80} is no non-empty text"
            continue
        where = f"{where} {field.name!r:.80}"
        if field.name in names:
            yield f"{where}: the name is declared twice; one of them must go"
        names.add(field.name)
        yield from _one_field_mistakes(where, field)
    only_roles = names and names <= {pipeline.id, pipeline.key, pipeline.time}
    if only_roles and not pipeline.prepare:
        yield "fields: id, key and time are no features, and no other field is declared; declare one"


def _one_field_mistakes(where: str, field: Field) -> Iterator[str]:
    if field.type not in FIELD_TYPES:
        yield f"{where}: type {_type_name(field.type)} is not accepted; float, int, bool and str are"
        return
    if field.category and field.type is not str:
        yield (
            f"{where}: a category is a str, not {field.type.__name__}; "
            f"write Field({field.name!r:.80}, str, category=True)"
        )
    bounds = {"minimum": field.minimum, "maximum": field.maximum}
    given = {name: bound for name, bound in bounds.items() if bound is not None}
    if given and field.type not in (float, int):
        yield f"{where}: {' and '.join(given)} bound numbers, and this is a {field.type.__name__}"
        return
    for name, bound in given.items():
        if isinstance(bound, bool) or not isinstance(bound, (int, float)) or not math.isfinite(bound):
            yield f"{where}: {name} {bound!r:.80} is no finite number"
            return
    if field.minimum is not None and field.maximum is not None and field.minimum > field.maximum:
        yield f"{where}: minimum {field.minimum!r} is greater than maximum {field.maximum!r}"
    for name in ("categories_max", "length_max"):
        yield from _count_mistakes(f"{where}: {name}", getattr(field, name))
    if isinstance(field.samples, str) or not isinstance(field.samples, Sequence):
        yield f"{where}: samples {field.samples!r:.80} is no list of values"


def _role_mistakes(pipeline: Pipeline) -> Iterator[str]:
    """What is wrong with the names of the id, key and time fields."""
    fields = {field.name: field for field in fields_of(pipeline)}
    accepted = {"id": (str, int), "key": (str, int), "time": (str, int, float)}
    for role, types in accepted.items():
        name = getattr(pipeline, role)
        if name is None:
            continue
        if not isinstance(name, str) or not name:
            yield f"{role}: {name!r:.80} is no name of a field"
            continue
        field = fields.get(name)
        if field is None:
            alike = difflib.get_close_matches(name, fields, n=1, cutoff=_ALIKE)
            if alike:
                yield (
                    f"{role}: {name!r:.80} is not among the fields; did you mean {alike[0]!r}? "
                    f"If not, declare Field({name!r:.80}, str) too"
                )
            continue
        if field.type not in types:
            names = " or ".join(kind.__name__ for kind in types)
            yield f"{role}: field {name!r:.80} is a {_type_name(field.type)}; {names} is accepted"
        if field.optional and role != "key":
            yield f"{role}: field {name!r:.80} is optional, and an event without {role} cannot be used"


def _label_mistakes(pipeline: Pipeline) -> Iterator[str]:
    label = pipeline.label
    if not isinstance(label, Label):
        yield f"label: {label!r:.80} is no Label; write Label(timeout='36h')"
        return
    timeout: timedelta | None = None
    if not label.timeout:
        yield "label: timeout is missing; say how long a label is waited for, like Label(timeout='36h')"
    else:
        timeout, found = span("label: timeout", label.timeout)
        yield from found
    if label.remember is not None:
        remember, found = span("label: remember", label.remember)
        yield from found
        if timeout is not None and remember is not None and remember < timeout:
            yield (
                f"label: remember {label.remember!r} is shorter than timeout {label.timeout!r}; "
                "an id must be remembered for as long as its label may come"
            )
    yield from _default_mistakes(pipeline)
    accepted = LABEL_TYPES.get(pipeline.problem, ()) if isinstance(pipeline.problem, str) else ()
    if label.type is not None and accepted and label.type not in accepted:
        names = " or ".join(kind.__name__ for kind in accepted)
        yield (f"label: type {_type_name(label.type)} does not fit problem {pipeline.problem!r}; {names} is accepted")


def _default_mistakes(pipeline: Pipeline) -> Iterator[str]:
    if pipeline.label.default is None or pipeline.problem not in PROBLEMS:
        return
    try:
        label_of(pipeline, pipeline.label.default)
    except ValueError as error:
        yield f"label: default does not fit problem {pipeline.problem!r}: {error}"


def _prepare_mistakes(pipeline: Pipeline) -> Iterator[str]:
    if not isinstance(pipeline.prepare, Sequence) or isinstance(pipeline.prepare, str):
        yield f"prepare: {pipeline.prepare!r:.80} is no list of functions; write prepare=[...]"
        return
    for place, function in enumerate(pipeline.prepare):
        if not callable(function):
            yield f"prepare[{place}]: {function!r:.80} is no function from dict to dict"


def _champion_mistakes(pipeline: Pipeline) -> Iterator[str]:
    if isinstance(pipeline.models, Mapping) and pipeline.models:
        yield from one_of("champion", pipeline.champion, [str(name) for name in pipeline.models])


def _alerts_mistakes(pipeline: Pipeline) -> Iterator[str]:
    alerts: object = pipeline.alerts
    if not isinstance(alerts, Alerts):
        yield f"alerts: {alerts!r:.80} is no Alerts; write Alerts(rejected_share=0.05)"
        return
    for name in ("rejected_share", "expired_share"):
        share: Any = getattr(alerts, name)
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share <= 1:
            yield f"alerts: {name} {share!r:.80} is no share between 0 and 1"
    yield from span("alerts: clear", alerts.clear, least=timedelta(0))[1]
    for name in ("lag", "stalled"):
        yield from span(f"alerts: {name}", getattr(alerts, name))[1]


def _drift_mistakes(pipeline: Pipeline) -> Iterator[str]:
    drift = pipeline.drift
    if drift is None:
        return
    if not isinstance(drift, Drift):
        yield f"drift: {drift!r:.80} is no Drift; write Drift(events_per_false_alarm=200_000), or None"
        return
    yield from _count_mistakes("drift: reference_examples", drift.reference_examples)
    if drift.events_per_false_alarm is not None:
        yield from _count_mistakes("drift: events_per_false_alarm", drift.events_per_false_alarm)
    elif not drift.detectors:
        yield "drift: nothing tells of drift: events_per_false_alarm is None, and detectors names none"
    if drift.block is not None:
        yield from span("drift: block", drift.block)[1]
    yield from reference_mistakes(drift)
    if isinstance(drift.detectors, str) or not isinstance(drift.detectors, Sequence):
        yield f"drift: detectors {drift.detectors!r:.80} is no list of names; write detectors=['ADWIN']"
        return
    for detector in drift.detectors:
        yield from one_of("drift: detectors", detector, NAMES)


def _bound_mistakes(pipeline: Pipeline) -> Iterator[str]:
    for name in _BOUNDS:
        yield from _count_mistakes(name, getattr(pipeline, name))
    yield from _count_mistakes("profile_events", pipeline.profile_events, least=0)
    yield from span("future_max", pipeline.future_max, least=timedelta(0))[1]


def _count_mistakes(argument: str, value: object, least: int = 1) -> Iterator[str]:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        yield f"{argument}: {value!r:.80} is no whole number of {least} or more"


def _type_name(value: object) -> str:
    return value.__name__ if isinstance(value, type) else repr(value)[:80]
