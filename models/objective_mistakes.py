"""What is wrong with the objectives and groups of a pipeline's declaration."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from models.arguments import is_number, one_of, span
from models.baselines import BASELINES
from models.estimators import fitting_metrics, metric_mistakes
from models.losses import ADDITIVE
from models.metrics import OTHER_METRICS
from models.monitoring import Objective
from models.pipeline import Field, Pipeline

#: Each has 25 values of up to 170 bytes for every model: with 20 models, a report stays below Kafka's megabyte.
GROUPS_MAX = 8

#: How like a declared name an undeclared one must be to be taken for a slip of the pen.
_ALIKE = 0.6


def objective_mistakes(pipeline: Pipeline) -> Iterator[str]:
    """What is wrong with the objectives."""
    if pipeline.objective is None:
        return
    several = isinstance(pipeline.objective, (list, tuple))
    for objective in pipeline.objective if several else (pipeline.objective,):  # type: ignore[union-attr]
        if isinstance(objective, Objective):
            yield from _of_one(pipeline.problem, objective)
        else:
            yield f"objective: {objective!r:.80} is no Objective; write Objective('LogLoss', better_than='prior')"


def _of_one(problem: Any, objective: Objective) -> Iterator[str]:
    is_river = objective.metric not in OTHER_METRICS
    if is_river:
        yield from metric_mistakes(problem, objective.metric, OTHER_METRICS)
    if objective.better_than is None and objective.at_most is None and objective.at_least is None:
        yield (
            f"objective: {objective.metric!r:.80} has no bound; say what must hold, "
            "with better_than='prior', at_most=... or at_least=..."
        )
    if objective.better_than is not None:
        yield from one_of("objective: better_than", objective.better_than, BASELINES)
        if not is_river:
            yield f"objective: better_than cannot be had for {objective.metric!r}, which no baseline has; take at_most"
    yield from _bound_mistakes(objective)
    if objective.over is not None:
        yield from span("objective: over", objective.over)[1]
        yield from _window_mistakes(problem, objective.metric)


def _bound_mistakes(objective: Objective) -> Iterator[str]:
    if not is_number(objective.by) or objective.by < 0:
        yield f"objective: by {objective.by!r:.80} is no number of 0 or more"
    given = {"at_most": objective.at_most, "at_least": objective.at_least}
    for name, bound in given.items():
        if bound is not None and not is_number(bound):
            yield f"objective: {name} {bound!r:.80} is no finite number"
    most, least = objective.at_most, objective.at_least
    if is_number(most) and is_number(least) and least > most:
        yield f"objective: at_least {least!r} is greater than at_most {most!r}"


def _window_mistakes(problem: Any, metric: object) -> Iterator[str]:
    if problem in ADDITIVE and metric in fitting_metrics(problem) and metric not in ADDITIVE[problem]:
        yield (
            f"objective: {metric!r} cannot be had over event time, since it does not add up; "
            f"leave over out, or take one of {', '.join(ADDITIVE[problem])}"
        )


def group_mistakes(pipeline: Pipeline) -> Iterator[str]:
    """What is wrong with the groups. Where features are prepared, their names are not known here."""
    groups = pipeline.groups
    if isinstance(groups, str) or not isinstance(groups, Sequence):
        yield f"groups: {groups!r:.80} is no list of features; write groups=[{groups!r:.40}]"
        return
    if len(groups) > GROUPS_MAX:
        yield f"groups: {len(groups)} are more than {GROUPS_MAX}, which is what a report can hold; choose among them"
    several = isinstance(pipeline.fields, Iterable) and not isinstance(pipeline.fields, str)
    fields = [field.name for field in pipeline.fields if isinstance(field, Field)] if several else []
    roles = {"id": pipeline.id, "key": pipeline.key, "time": pipeline.time}
    features = [name for name in fields if name not in roles.values()]
    for place, group in enumerate(groups):
        where = f"groups[{place}]"
        if not isinstance(group, str) or not group:
            yield f"{where}: {group!r:.80} is no name of a feature"
        elif group in groups[:place]:
            yield f"{where}: {group!r:.80} is named twice; one of them must go"
        elif not pipeline.prepare and group not in features:
            role = next((role for role, name in roles.items() if name == group), None)
            found = "is not among the fields" if role is None else f"is the {role}, which is no feature"
            alike = difflib.get_close_matches(group, features, n=1, cutoff=_ALIKE)
            way = f"; did you mean {alike[0]!r}?" if alike else f"; accepted are {', '.join(map(repr, features))}"
            yield f"{where}: {group!r:.80} {found}{way}"
