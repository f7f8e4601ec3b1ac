"""What is wrong with a declared promotion policy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from models.arguments import is_number, one_of, span
from models.emergency import GAP_MAX
from models.pipeline import Pipeline
from models.policies import Promotion
from models.shares import SLOTS, slots_of

#: The losses that may decide, by problem.
LOSSES: dict[str, tuple[str, ...]] = {
    "binary": ("LogLoss",),
    "multiclass": ("CrossEntropy",),
    "regression": ("MAE", "MSE"),
}

_RATES = ("false_promotion_rate", "emergency_rate")
_COUNTS = ("examples_min", "retest_examples", "examples_max", "canary_examples")
_AMOUNTS = (
    "worthwhile",
    "error_max",
    "group_loss",
    "fairness_gap",
    "calibration_gap",
    "size_ratio_max",
    "cost_ratio_max",
    "robustness_gap",
    "overfitting_gap",
)


def promotion_mistakes(pipeline: Pipeline) -> Iterator[str]:
    """One sentence each."""
    policy: object = pipeline.promotion
    if policy is None:
        return
    if not isinstance(policy, Promotion):
        yield f"promotion: {policy!r:.80} is no Promotion; write Promotion(false_promotion_rate=0.05), or None"
        return
    for name in _RATES:
        rate = getattr(policy, name)
        if not is_number(rate) or not 0 < rate < 1:
            yield f"promotion: {name} {rate!r:.80} is no chance between 0 and 1, like 0.05"
    for name in _COUNTS:
        count = getattr(policy, name)
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            yield f"promotion: {name} {count!r:.80} is no whole number of 1 or more"
    for name in _AMOUNTS:
        amount = getattr(policy, name)
        positive = name in ("error_max", "worthwhile")
        if amount is not None and not (is_number(amount) and (amount > 0 if positive else amount >= 0)):
            yield f"promotion: {name} {amount!r:.80} is no number {'above 0' if positive else 'of 0 or more'}"
    gap = policy.emergency_gap
    if not is_number(gap) or not 0 <= gap <= GAP_MAX:
        yield f"promotion: emergency_gap {gap!r:.80} is no share from 0 to {GAP_MAX}"
    share = policy.stability
    if share is not None and (not is_number(share) or not 0 < share <= 1):
        yield f"promotion: stability {share!r:.80} is no share above 0, up to 1"
    yield from one_of("promotion: mode", policy.mode, ("automatic", "approval"))
    yield from span("promotion: approval_timeout", policy.approval_timeout)[1]
    if policy.settle is not None:
        yield from span("promotion: settle", policy.settle, least=timedelta(0))[1]
    if policy.block is not None:
        yield from span("promotion: block", policy.block)[1]
    accepted = LOSSES.get(pipeline.problem, ())
    if policy.loss is not None and accepted:
        yield from one_of("promotion: loss", policy.loss, accepted)
    yield from _canary_mistakes(policy)
    yield from _challenger_mistakes(pipeline, policy)


def _canary_mistakes(policy: Promotion) -> Iterator[str]:
    steps, most = policy.canary, policy.time_share_removed
    if isinstance(steps, str) or not isinstance(steps, Sequence):
        yield f"promotion: canary {steps!r:.80} is no list of shares; write canary=(0.05, 0.25)"
    else:
        before = 0.0
        for step in steps:
            if not is_number(step) or not slots_of(step) or not step < 1:
                yield f"promotion: canary {step!r:.80} is no share from {1 / SLOTS:g} to below 1"
            elif step <= before:
                yield f"promotion: canary {step!r} comes after {before!r}: each step must be larger than the one before"
            else:
                before = step
    if most is not None and (not is_number(most) or not 0 < most <= 1):
        yield f"promotion: time_share_removed {most!r:.80} is no share of the time, like 0.8, and not None"


def _challenger_mistakes(pipeline: Pipeline, policy: Promotion) -> Iterator[str]:
    if policy.challengers is None:
        return
    if isinstance(policy.challengers, str) or not isinstance(policy.challengers, Sequence):
        yield f"promotion: challengers {policy.challengers!r:.80} is no list of names of models"
        return
    if isinstance(pipeline.models, Mapping):
        for name in policy.challengers:
            yield from one_of("promotion: challengers", name, _models(pipeline))


def _models(pipeline: Pipeline) -> list[str]:
    """Who may ever be active, those that a search may find among them."""
    search = getattr(pipeline.retraining, "search", None)
    found = getattr(search, "models", None)
    return [str(model) for model in (*pipeline.models, *(found if isinstance(found, Mapping) else ()))]
