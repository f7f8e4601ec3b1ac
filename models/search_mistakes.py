"""What is wrong with a declared search, and with learning in mini-batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from models.arguments import is_number, one_of
from models.estimators import named_mistakes, one_by_one
from models.halving import rungs_of
from models.parameters import declared_value
from models.pipeline import Pipeline
from models.policies import Retraining, Search
from models.search import CANDIDATES_MAX, alternatives

_WHERE = "retraining: search"


def search_mistakes(pipeline: Pipeline, retraining: Retraining) -> Iterator[str]:
    """One sentence each."""
    search: object = retraining.search
    if search is None:
        return
    if not isinstance(search, Search):
        yield f"{_WHERE} {search!r:.80} is no Search; write Search(alternatives={{...}}), or None"
        return
    found = [
        *_models(pipeline, search),
        *_alternatives(pipeline, search),
        *_features(search),
        *_bounds(search),
    ]
    yield from found or _candidates(pipeline, retraining, search)


def _models(pipeline: Pipeline, search: Search) -> Iterator[str]:
    if not isinstance(search.models, Mapping):
        yield f"{_WHERE}: models {search.models!r:.80} is no dict of names to River models"
        return
    for name in search.models:
        if isinstance(pipeline.models, Mapping) and name in pipeline.models:
            yield f"{_WHERE}: models[{name!r:.80}]: the pipeline declares a model of this name; choose another"
    yield from named_mistakes(pipeline.problem, f"{_WHERE}: models", search.models)


def _alternatives(pipeline: Pipeline, search: Search) -> Iterator[str]:
    if not isinstance(search.alternatives, Mapping):
        yield f"{_WHERE}: alternatives {search.alternatives!r:.80} is no dict; write {{'model': {{'l2': [0.1, 0.01]}}}}"
        return
    declared = {**_mapping(pipeline.models), **_mapping(search.models)}
    for name, grid in search.alternatives.items():
        where = f"{_WHERE}: alternatives[{name!r:.80}]"
        unknown = list(one_of(f"{_WHERE}: alternatives", name, [str(model) for model in declared]))
        yield from unknown
        if not isinstance(grid, Mapping):
            yield f"{where}: {grid!r:.80} is no dict of parameters to lists of values"
            continue
        for parameter, values in grid.items():
            if isinstance(values, str) or not isinstance(values, Sequence) or not values:
                yield f"{where}: {parameter!r:.80}: {values!r:.80} is no list of values to try"
            elif not all(isinstance(value, (bool, int, float, str)) for value in values):
                yield f"{where}: {parameter!r:.80}: only numbers, texts and truth values can be tried"
            elif not unknown:
                yield from _parameter(where, declared[name], parameter)


def _parameter(where: str, model: object, name: str) -> Iterator[str]:
    try:
        declared_value(model, name)
    except ValueError as error:
        yield f"{where}: {error}"
    except AttributeError:
        return  # what is no River model is told elsewhere


def _features(search: Search) -> Iterator[str]:
    if isinstance(search.features, str) or not isinstance(search.features, Sequence):
        yield f"{_WHERE}: features {search.features!r:.80} is no list of lists of names"
        return
    for subset in search.features:
        names = [] if isinstance(subset, str) or not isinstance(subset, Sequence) else list(subset)
        if not names or not all(isinstance(name, str) and name for name in names):
            yield f"{_WHERE}: features: {subset!r:.80} is no list of names of features"
        elif len(set(names)) < len(names):
            yield f"{_WHERE}: features: {subset!r:.80} names one twice"


def _bounds(search: Search) -> Iterator[str]:
    if isinstance(search.eta, bool) or not isinstance(search.eta, int) or search.eta < 2:
        yield f"{_WHERE}: eta {search.eta!r:.80} is no whole number of 2 or more"
    if not is_number(search.budget) or search.budget <= 1:
        yield f"{_WHERE}: budget {search.budget!r:.80} is no number above 1, which is what the winner alone costs"


def _candidates(pipeline: Pipeline, retraining: Retraining, search: Search) -> Iterator[str]:
    """How many there are, for each model that may be retrained; only asked if all else is right."""
    models = {**_mapping(pipeline.models), **search.models}
    for name in _trained(pipeline, retraining):
        if name not in models:
            continue
        try:
            count = len(alternatives(search, name, models))
            rungs_of(count, search)
        except Exception as error:  # a model may refuse a value in any way
            yield f"{_WHERE}: alternatives: {error!s:.300}"
            continue
        if count > CANDIDATES_MAX:
            yield f"{_WHERE}: {count} candidates for {name!r}; at most {CANDIDATES_MAX} learn side by side"
        elif count < 2:
            yield f"{_WHERE}: there is no alternative to {name!r}; declare some, or take the search out"


def batch_mistakes(pipeline: Pipeline, retraining: Retraining) -> Iterator[str]:
    """One sentence each."""
    batch: object = retraining.batch
    if isinstance(batch, bool) or not isinstance(batch, int) or batch < 0:
        yield f"retraining: batch {batch!r:.80} is no whole number of 0 or more"
        return
    models = dict.fromkeys(_trained(pipeline, retraining))
    if isinstance(retraining.search, Search):
        models |= dict.fromkeys(_mapping(retraining.search.models))
    declared = {**_mapping(pipeline.models), **_mapping(getattr(retraining.search, "models", None))}
    for name in models if batch else ():
        single = one_by_one(declared[name]) if name in declared else []
        if single:
            yield (
                f"retraining: batch: {name!r} can't learn in batches: {', '.join(dict.fromkeys(single))} has no "
                "learn_many; name models that have it in models=[...], or take batch out"
            )


def _trained(pipeline: Pipeline, retraining: Retraining) -> list[str]:
    """The models that may be retrained by themselves."""
    named = retraining.models
    if isinstance(named, Sequence) and not isinstance(named, str) and named:
        return [name for name in named if isinstance(name, str)]
    return [name for name in _mapping(pipeline.models) if isinstance(name, str)]


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
