"""What every model and preparation must hold to, tried on made-up events.

A model is a fold over the learning log: whoever folds it again, on another machine or from a checkpoint, must
get the same answers to the last bit. What breaks that is found here, before the first event.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any

from models.contract_checks import (
    CHECKS,
    EXAMPLES,
    Case,
    learns,
    learns_in_batches,
    replays_bit_for_bit,
    survives_a_checkpoint,
)
from models.estimators import one_by_one
from models.features import Preparation
from models.names import nearest
from models.pipeline import Pipeline
from models.samples import sample_events, sample_labels
from models.search import alternatives, built
from schemas.errors import BadRecord
from schemas.values import Address, FeatureValue, LabelValue


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one check.

    Parameters
    ----------
    name
        ``<model>:<check>``, or ``prepare:<check>``.
    problem
        What is wrong and the way out; ``None`` if it passed.
    """

    name: str
    problem: str | None = None

    @property
    def passed(self) -> bool:
        """Whether the contract holds."""
        return self.problem is None


def contracts(pipeline: Pipeline, again: Pipeline | None = None) -> list[Result]:
    """Try the preparation and every model.

    Parameters
    ----------
    pipeline
        A pipeline without mistakes.
    again
        The same declaration, made a second time, as another worker makes it; none: models are cloned.

    Returns
    -------
    One result for each check. A model that cannot learn at all is tried no further.
    """
    results, features = _prepare_results(pipeline)
    if len(features) < EXAMPLES:
        return results
    labels = list(sample_labels(pipeline, len(features)))
    for name, model in pipeline.estimators.items():
        second = model.clone if again is None else _copies(again.estimators.get(name))
        case = Case(pipeline, name, _copies(model), second, features, labels)
        for check in CHECKS:
            result = _tried(check, case)
            results.append(result)
            if check is learns and not result.passed:
                break
    return [*results, *_search_results(pipeline, features, labels), *_batch_results(pipeline, features, labels)]


def _search_results(
    pipeline: Pipeline, features: list[dict[str, FeatureValue]], labels: list[LabelValue]
) -> Iterator[Result]:
    """The alternatives of a search; what all of them share is tried on what is declared."""
    search = pipeline.retraining.search if pipeline.retraining is not None else None
    if search is None:
        return
    given = {name for one in features for name in one}
    for name in dict.fromkeys(name for subset in search.features for name in subset):
        problem = f"no legal event has a feature {name!r}; there are {', '.join(sorted(given))}{nearest(name, given)}"
        yield Result(f"search:has-feature-{name}", None if name in given else problem)
    tried = {one.name: one for model in pipeline.models for one in alternatives(search, model, pipeline.estimators)}
    for one in tried.values():
        if one.parameters or one.features:
            fresh = partial(built, pipeline.estimators[one.model], one.parameters, one.features)
            case = Case(pipeline, one.name, fresh, fresh, features, labels)
            for check in (learns, survives_a_checkpoint, replays_bit_for_bit):
                yield _tried(check, case)


def _batch_results(
    pipeline: Pipeline, features: list[dict[str, FeatureValue]], labels: list[LabelValue]
) -> Iterator[Result]:
    """Whether what is to learn in mini-batches does, where that is declared."""
    if pipeline.retraining is None or not pipeline.retraining.batch:
        return
    for name, model in pipeline.estimators.items():
        if not one_by_one(model):
            case = Case(pipeline, name, _copies(model), _copies(model), features, labels)
            yield _tried(learns_in_batches, case)


def _copies(model: Any) -> Callable[[], Any]:
    return lambda: deepcopy(model)


def _tried(check: Callable[[Case], str | None], case: Case) -> Result:
    name = f"{case.name}:{check.__name__.replace('_', '-')}"
    try:
        return Result(name, check(case))
    except BadRecord as error:
        return Result(name, error.detail)
    except Exception as error:  # a model may raise anything; that it does is the result
        return Result(name, f"raised {type(error).__name__}: {error!s:.200}")


def _prepare_results(pipeline: Pipeline) -> tuple[list[Result], list[dict[str, FeatureValue]]]:
    """Whether legal events become features, twice the same; and those features."""
    refused: str | None = None
    differs: str | None = None
    prepared: list[dict[str, FeatureValue]] = []
    first, second = Preparation(pipeline), Preparation(pipeline)
    for place, (event, time) in enumerate(sample_events(pipeline, 2 * EXAMPLES)):
        address = Address(topic=f"{pipeline.name}.events", partition=0, offset=place)
        value = json.dumps(event).encode()
        try:
            features = first.admit(value, None, address, time).features
            repeated = second.admit(value, None, address, time).features
        except BadRecord as error:
            if error.reason != "absent":  # all that is optional may be absent at once
                refused = refused or f"{error.detail} - given the legal event {json.dumps(event):.500}"
            continue
        if repr(features) != repr(repeated):
            differs = differs or (
                f"two runs over the event {json.dumps(event):.500} gave {features} and {repeated}; "
                "a preparation function must depend on its argument alone"
            )
        prepared.append(features)
    results = [Result("prepare:accepts-legal-events", refused), Result("prepare:repeats", differs)]
    return results, prepared[:EXAMPLES]
