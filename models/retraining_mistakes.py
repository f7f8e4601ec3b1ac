"""What is wrong with what a pipeline declares about retraining."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from models.arguments import is_number, one_of, span
from models.crontab import Crontab
from models.monitoring import Drift
from models.occasions import BLOCKING, CAUSES, STATES
from models.pipeline import Pipeline
from models.policies import Retraining, Search
from models.search_mistakes import batch_mistakes, search_mistakes

_COUNTS = ("per_day_max", "challengers_max", "gain_examples", "examples_min")


def retraining_mistakes(pipeline: Pipeline) -> Iterator[str]:
    """Every mistake in ``Retraining(...)``."""
    retraining: object = pipeline.retraining
    if retraining is None:
        return
    if not isinstance(retraining, Retraining):
        yield f"retraining: {retraining!r:.80} is no Retraining; write Retraining(drift=['concept']), or None"
        return
    yield from _names("drift", retraining.drift, CAUSES)
    yield from _names("objective", retraining.objective, STATES)
    models = [str(name) for name in pipeline.models] if isinstance(pipeline.models, Mapping) else []
    if isinstance(retraining.search, Search) and isinstance(retraining.search.models, Mapping):
        models += [str(name) for name in retraining.search.models]
    yield from _names("models", retraining.models, models)
    yield from _when(retraining)
    yield from _how(retraining)
    yield from search_mistakes(pipeline, retraining)
    yield from batch_mistakes(pipeline, retraining)
    if retraining.objective and pipeline.objective is None:
        yield "retraining: objective asks for a retraining, and the pipeline declares no objective"
    if retraining.drift and pipeline.drift is None:
        yield "retraining: drift asks for a retraining, and the pipeline does not watch for drift: drift is None"
    elif retraining.drift and isinstance(pipeline.drift, Drift) and pipeline.drift.events_per_false_alarm is None:
        yield "retraining: drift asks for a retraining at an episode, and without events_per_false_alarm none starts"


def _names(argument: str, values: object, accepted: Sequence[str]) -> Iterator[str]:
    where = f"retraining: {argument}"
    if isinstance(values, str) or not isinstance(values, Sequence):
        yield f"{where} {values!r:.80} is no list of names"
        return
    for value in values:
        if argument == "drift" and value in BLOCKING:
            yield f"{where}: {value!r} says that what is learnt is wrong, so nothing is retrained while it lasts"
        else:
            yield from one_of(where, value, accepted)


def _when(retraining: Retraining) -> Iterator[str]:
    if retraining.every is not None:
        yield from span("retraining: every", retraining.every)[1]
    if retraining.crontab is not None:
        if not isinstance(retraining.crontab, str):
            yield f"retraining: crontab {retraining.crontab!r:.80} is no text like '0 3 * * 1'"
        else:
            try:
                Crontab.of(retraining.crontab)
            except ValueError as error:
                yield f"retraining: crontab: {error}"
    yield from one_of("retraining: clock", retraining.clock, ("event", "wall"))
    if retraining.examples is not None:
        yield from _count("examples", retraining.examples)
    if retraining.cost is not None and (not is_number(retraining.cost) or retraining.cost < 0):
        yield f"retraining: cost {retraining.cost!r:.80} is no number of 0 or more"


def _how(retraining: Retraining) -> Iterator[str]:
    for name in _COUNTS:
        yield from _count(name, getattr(retraining, name))
    yield from span("retraining: cooldown", retraining.cooldown, least=timedelta(0))[1]
    if isinstance(retraining.window, int):
        yield from _count("window", retraining.window)
    elif retraining.window is not None:
        yield from span("retraining: window", retraining.window)[1]
    if not is_number(retraining.duration_s_max) or retraining.duration_s_max <= 0:
        yield f"retraining: duration_s_max {retraining.duration_s_max!r:.80} is no number above 0"
    budget = retraining.cpu_s_per_day_max
    if budget is not None and (not is_number(budget) or budget <= 0):
        yield f"retraining: cpu_s_per_day_max {budget!r:.80} is no number above 0"


def _count(argument: str, value: object) -> Iterator[str]:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        yield f"retraining: {argument}: {value!r:.80} is no whole number of 1 or more"
