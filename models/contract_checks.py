"""The checks that every model must pass: each a function from a case to what is wrong, or None."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from models.answers import answering
from models.pipeline import Pipeline
from schemas.values import FeatureValue, LabelValue, Score

#: Examples that a model is tried on: enough for a tree to split and for a bagging to draw.
EXAMPLES = 300

#: Examples learnt, again and again the same, between two looks at a model's size.
_STRIDE = 500
_LOOKS = 4

#: Growth in bytes for every example learnt, from one look to the next, that is no longer noise of the pickle.
_GROWTH_BYTES = 8


@dataclass(frozen=True, slots=True)
class Case:
    """One model and what it is tried on.

    Parameters
    ----------
    fresh, again
        Make fresh models, the second from a declaration of its own, as another worker would.
    """

    pipeline: Pipeline
    name: str
    fresh: Callable[[], Any]
    again: Callable[[], Any]
    features: list[dict[str, FeatureValue]]
    labels: list[LabelValue]

    def answer(self, model: Any, features: dict[str, Any]) -> Score | None:
        """What a model says to one event."""
        return answering(self.pipeline.problem, self.name, model)(features)

    def fold(self, model: Any, first: int = 0, end: int = EXAMPLES) -> list[Score | None]:
        """Predict and learn examples ``first`` to before ``end``; what was predicted."""
        ask = answering(self.pipeline.problem, self.name, model)
        answers = []
        for features, label in zip(self.features[first:end], self.labels[first:end], strict=True):
            answers.append(ask(dict(features)))
            model.learn_one(dict(features), label)
        return answers


def learns(case: Case) -> str | None:
    """It answers and learns what the preparation makes of legal events."""
    try:
        case.fold(case.fresh())
    except (TypeError, ValueError) as error:
        texts = sorted({name for given in case.features for name, value in given.items() if type(value) is str})
        gaps = sorted({name for given in case.features for name, value in given.items() if value is None})
        hints = [f"{', '.join(texts)} are text: encode or discard them"] if texts else []
        hints += [f"{', '.join(gaps)} may be None: leave them out instead"] if gaps else []
        raised = f"raised {type(error).__name__}: {error!s:.200}"
        return "; ".join([raised, *hints])
    return None


def answers_before_it_has_learnt(case: Case) -> str | None:
    model = case.fresh()
    for features in case.features[:20]:
        case.answer(model, dict(features))
    return None


def is_fresh(case: Case) -> str | None:
    """It has not learnt anything before the first example."""
    model, clone = case.fresh(), case.fresh().clone()
    for features in case.features[:20]:
        answers = case.answer(model, dict(features)), case.answer(clone, dict(features))
        if repr(answers[0]) != repr(answers[1]):
            return (
                f"it answers {answers[0]} where a model that has learnt nothing answers {answers[1]}: "
                "declare it fresh and let it learn from the log"
            )
    return None


def leaves_inputs_alone(case: Case) -> str | None:
    model = case.fresh()
    for features, label in zip(case.features[:50], case.labels[:50], strict=True):
        given = dict(features)
        case.answer(model, given)
        model.learn_one(given, label)
        if repr(given) != repr(features):
            return f"it changed the features it was given from {features} to {given}"
    return None


def does_without_missing_features(case: Case) -> str | None:
    """Each feature that some legal event lacks may be missing, alone or with all the others."""
    everything = {name for features in case.features for name in features}
    always = set.intersection(*(set(features) for features in case.features))
    model = case.fresh()
    case.fold(model, 0, 100)
    fullest = max(case.features, key=len)
    for missing in [*([name] for name in sorted(everything - always)), everything - always]:
        features = {name: value for name, value in fullest.items() if name not in missing}
        case.answer(model, features)
        model.learn_one(features, case.labels[0])
    return None


def does_with_new_categories(case: Case) -> str | None:
    model = case.fresh()
    case.fold(model, 0, 100)
    features = dict(case.features[0])
    for name, value in case.features[0].items():
        if type(value) is str:
            features[name] = "never seen before"
    case.answer(model, features)
    model.learn_one(features, case.labels[0])
    case.answer(model, features)
    return None


def survives_a_checkpoint(case: Case) -> str | None:
    """Its state, pickled in mid-stream, goes on with the same answers."""
    middle = EXAMPLES // 2
    model = case.fresh()
    case.fold(model, 0, middle)
    try:
        restored = pickle.loads(pickle.dumps(model, protocol=5))
    except Exception as error:  # pickling calls code of every class inside
        return (
            f"it cannot be stored: {type(error).__name__}: {error!s:.200}. Use functions with a name, "
            "defined at the top of a file, in place of lambdas and inner functions"
        )
    return _difference(case.fold(model, middle), case.fold(restored, middle), middle, "from its checkpoint it")


def replays_bit_for_bit(case: Case) -> str | None:
    """Two workers that declare and fold it agree."""
    found = _difference(case.fold(case.fresh()), case.fold(case.again()), 0, "declared and folded again, it")
    return None if found is None else f"{found}; set the seed of everything random in it"


def learns_in_batches(case: Case) -> str | None:
    """It learns many examples at a time, and answers as before."""
    model, middle = case.fresh(), EXAMPLES // 2
    rows = list(zip(case.features, case.labels, strict=True))[:EXAMPLES]
    learn = import_module("models.minibatches").learn
    for batch in (rows[:middle], rows[middle:]):
        learn(model, [(dict(features), label) for features, label in batch])
    for features, _ in rows[:20]:
        case.answer(model, dict(features))
    return None


def _difference(one: list[Score | None], other: list[Score | None], first: int, who: str) -> str | None:
    for place, answers in enumerate(zip(one, other, strict=True), first):
        # repr tells every float from its neighbours, and 0.0 from -0.0.
        if repr(answers[0]) != repr(answers[1]):
            return f"{who} answers {answers[1]} instead of {answers[0]} to example {place}"
    return None


def is_bounded(case: Case) -> str | None:
    """It does not keep every example."""
    if any(bound >= _LOOKS * _STRIDE for bound in _whole_numbers(case.fresh())):
        return None  # it may be filling a declared window, which is longer than what is tried here
    model = case.fresh()
    if _size(model) is None:
        return None  # what cannot be stored is found elsewhere
    sizes = []
    for _ in range(_LOOKS):
        for place in range(_STRIDE):
            model.learn_one(dict(case.features[place % 50]), case.labels[place % 50])
        sizes.append(_size(model) or 0)
    growth = [(after - before) / _STRIDE for before, after in itertools.pairwise(sizes)]
    if min(growth) >= _GROWTH_BYTES:
        return (
            f"it grows by {min(growth):.0f} bytes for every example, though these repeat: "
            "give it a bound, such as a window"
        )
    return None


def _size(model: Any) -> int | None:
    """Bytes of its pickle; none if it has none."""
    try:
        return len(pickle.dumps(model, protocol=5))
    except Exception:  # pickling calls code of every class inside
        return None


def _whole_numbers(value: Any) -> Iterator[int]:
    """The whole numbers among the parameters of a model and of what is inside."""
    if isinstance(value, int):
        yield value
    elif hasattr(value, "_get_params") and not isinstance(value, type):
        yield from _whole_numbers(value._get_params())
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _whole_numbers(inner)
    elif isinstance(value, dict):
        yield from _whole_numbers(list(value.values()))


#: All checks, in the order in which they are tried.
CHECKS: tuple[Callable[[Case], str | None], ...] = (
    learns,
    answers_before_it_has_learnt,
    is_fresh,
    leaves_inputs_alone,
    does_without_missing_features,
    does_with_new_categories,
    survives_a_checkpoint,
    replays_bit_for_bit,
    is_bounded,
)
