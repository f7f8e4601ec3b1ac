"""What is wrong with a pipeline's declaration: every mistake at once, each with a way out."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, get_args

from models.estimators import metric_mistakes, model_mistakes
from models.monitoring import Objective
from models.names import is_legal_name, nearest
from models.pipeline import Field, Label, Pipeline, Problem, duration

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
        *_objective_mistakes(pipeline),
        *_bound_mistakes(pipeline),
    ]


def _one_of(argument: str, value: object, accepted: Sequence[str]) -> Iterator[str]:
    if not isinstance(value, str) or value not in accepted:
        names = ", ".join(map(repr, accepted))
        yield f"{argument}: {value!r:.80} is not one of {names}{nearest(value, accepted)}"


def _name_mistakes(pipeline: Pipeline) -> Iterator[str]:
    if not isinstance(pipeline.name, str) or not is_legal_name(pipeline.name):
        yield (
            f"name: {pipeline.name!r:.80} cannot begin the names of topics; 1 to 64 lower case letters, "
            "digits, '-' and '_' are accepted, the first and the last a letter or digit"
        )
    yield from _one_of("problem", pipeline.problem, PROBLEMS)
    yield from _one_of("unknown_fields", pipeline.unknown_fields, ("ignore", "reject"))


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
        timeout, found = _duration("label: timeout", label.timeout)
        yield from found
    if label.remember is not None:
        remember, found = _duration("label: remember", label.remember)
        yield from found
        if timeout is not None and remember is not None and remember < timeout:
            yield (
                f"label: remember {label.remember!r} is shorter than timeout {label.timeout!r}; "
                "an id must be remembered for as long as its label may come"
            )
    accepted = LABEL_TYPES.get(pipeline.problem, ()) if isinstance(pipeline.problem, str) else ()
    if label.type is not None and accepted and label.type not in accepted:
        names = " or ".join(kind.__name__ for kind in accepted)
        yield (f"label: type {_type_name(label.type)} does not fit problem {pipeline.problem!r}; {names} is accepted")


def _duration(argument: str, value: object, least: timedelta | None = None) -> tuple[timedelta | None, list[str]]:
    """The span that an argument says, and what is wrong with it."""
    if not isinstance(value, (str, timedelta)):
        return None, [f"{argument}: {value!r:.80} is no duration; write text like '36h'"]
    try:
        span = duration(value)
    except (ValueError, OverflowError) as error:
        text = str(error) if isinstance(error, ValueError) else f"{value!r:.80} is too long"
        return None, [f"{argument}: {text}"]
    if span < timedelta(0) or (least is None and not span):
        return None, [f"{argument}: {value!r} is not longer than nothing; write text like '36h'"]
    return span, []


def _prepare_mistakes(pipeline: Pipeline) -> Iterator[str]:
    if not isinstance(pipeline.prepare, Sequence) or isinstance(pipeline.prepare, str):
        yield f"prepare: {pipeline.prepare!r:.80} is no list of functions; write prepare=[...]"
        return
    for place, function in enumerate(pipeline.prepare):
        if not callable(function):
            yield f"prepare[{place}]: {function!r:.80} is no function from dict to dict"


def _champion_mistakes(pipeline: Pipeline) -> Iterator[str]:
    if isinstance(pipeline.models, Mapping) and pipeline.models:
        yield from _one_of("champion", pipeline.champion, [str(name) for name in pipeline.models])


def _objective_mistakes(pipeline: Pipeline) -> Iterator[str]:
    if pipeline.objective is None:
        return
    several = isinstance(pipeline.objective, (list, tuple))
    for objective in pipeline.objective if several else (pipeline.objective,):  # type: ignore[union-attr]
        yield from _mistakes_of(pipeline, objective)


def _mistakes_of(pipeline: Pipeline, objective: object) -> Iterator[str]:
    if not isinstance(objective, Objective):
        yield f"objective: {objective!r:.80} is no Objective; write Objective('LogLoss', better_than='prior')"
        return
    yield from metric_mistakes(pipeline.problem, objective.metric)
    if objective.better_than is not None:
        yield from _one_of("objective: better_than", objective.better_than, ("prior", "no-change"))
    by: Any = objective.by
    if isinstance(by, bool) or not isinstance(by, (int, float)) or not (math.isfinite(by) and by >= 0):
        yield f"objective: by {by!r:.80} is no number of 0 or more"


def _bound_mistakes(pipeline: Pipeline) -> Iterator[str]:
    for name in _BOUNDS:
        yield from _count_mistakes(name, getattr(pipeline, name))
    yield from _duration("future_max", pipeline.future_max, least=timedelta(0))[1]


def _count_mistakes(argument: str, value: object) -> Iterator[str]:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        yield f"{argument}: {value!r:.80} is no whole number of 1 or more"


def _type_name(value: object) -> str:
    return value.__name__ if isinstance(value, type) else repr(value)[:80]
