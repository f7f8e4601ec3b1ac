"""How models take what may come: recent examples with a feature missing, noisy, or out of range."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from models.answers import Answer
from models.losses import bounded, losses
from models.pairs import Scale
from models.pipeline import Pipeline, label_of
from schemas.examples import Example
from schemas.promotions import Guard
from schemas.values import FeatureValue

#: Features that are disturbed one by one, the first by name.
FEATURES_MAX = 16

#: Times the largest recent value: what a wrong unit would do.
OUT_OF_RANGE = 100.0

#: Standard deviations of a feature that noise has.
NOISE = 1.0

Features = dict[str, FeatureValue]


def robustness(
    pipeline: Pipeline, loss: str, scale: Scale, examples: Sequence[Example], answers: tuple[Answer, Answer], gap: float
) -> list[Guard]:
    """Whether a challenger loses more than the champion on disturbed examples.

    Parameters
    ----------
    loss, scale
        What is lost, and how it is clipped. An answer that is none counts as the largest loss.
    examples
        Recent ones, with their labels.
    answers
        Of champion and challenger.
    gap
        How much more it may lose on average, as a share of the clipped loss's range. Two standard errors of the mean
        are allowed for chance.

    Returns
    -------
    One guard for each disturbance.
    """
    known = [example for example in examples if example.label is not None]
    if len(known) < 2 or not scale.known:
        return []
    labels = [label_of(pipeline, example.label) for example in known]
    guards = []
    for about, disturb in _disturbances(known):
        disturbed = [disturb(place, example.features) for place, example in enumerate(known)]
        before, after = (
            np.array(
                [_loss(pipeline, loss, scale, answer, one, label) for one, label in zip(disturbed, labels, strict=True)]
            )
            for answer in answers
        )
        more = after - before
        found = float(more.mean() - 2 * more.std(ddof=1) / math.sqrt(len(more)))
        guards.append(
            Guard(name="robustness", about=about, passed=found <= gap, value=found, bound=gap, examples=len(known))
        )
    return guards


def _disturbances(examples: Sequence[Example]) -> Iterator[tuple[str, Callable[[int, Features], Features]]]:
    names = sorted({name for example in examples for name in example.features})
    for name in names[:FEATURES_MAX]:
        yield f"{name} missing", partial(_without, name)
    numbers = {name: values for name in names if len(values := _numbers(examples, name)) > 1}
    for name, values in list(numbers.items())[:FEATURES_MAX]:
        far = OUT_OF_RANGE * (float(np.abs(values).max()) or 1.0)
        yield f"{name} out of range", partial(_with, name, far)
    if numbers:
        spread = {name: float(values.std()) for name, values in numbers.items()}
        # The place in the log is the seed: whoever does this again comes to the same.
        noise = np.random.default_rng(examples[-1].position).normal(0.0, NOISE, (len(examples), len(spread)))
        yield "noise", partial(_noisy, spread, noise.tolist())


def _without(name: str, _: int, features: Features) -> Features:
    return {key: value for key, value in features.items() if key != name}


def _with(name: str, value: float, _: int, features: Features) -> Features:
    return features | {name: value}


def _numbers(examples: Sequence[Example], name: str) -> Any:
    values = (example.features.get(name) for example in examples)
    return np.array(
        [value for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)], float
    )


def _noisy(spread: dict[str, float], noise: Sequence[Sequence[float]], place: int, features: Features) -> Features:
    changed = dict(features)
    for (name, wide), by in zip(spread.items(), noise[place], strict=True):
        value = changed.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            changed[name] = value + wide * by
    return changed


def _loss(pipeline: Pipeline, loss: str, scale: Scale, answer: Answer, features: Features, label: Any) -> float:
    try:
        score = answer(features)
    except Exception:  # a model is the user's code: that it raises is what is looked for
        return 1.0
    if score is None:
        return 1.0
    clipped = bounded(loss, losses(pipeline.problem, (loss,), [label], [score]), scale.value)
    assert clipped is not None
    return float(clipped[0])
