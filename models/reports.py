"""The parts of a health report that are about more than one model's metrics: groups, cohorts, estimates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from models.bins import PROBABILITIES, PROBABILITY_BINS
from models.estimates import estimate, estimate_binned
from models.groups import Groups, quantile
from models.judged import Judged
from models.pipeline import Pipeline
from models.references import SCORE
from models.tails import Numbers, Places
from models.windows import Cohorts
from schemas.examples import Profile
from schemas.health import Cohort, Estimate, GroupHealth

#: The newest cohorts that a report shows.
COHORTS_SHOWN = 14


def groups_of(
    groups: Groups,
    models: Sequence[Judged],
    champion: Judged | None,
    windows: Sequence[tuple[float, Places]],
    scale: float | None,
) -> list[GroupHealth]:
    """What the report says of every value of every group.

    Parameters
    ----------
    windows
        Of event time: the length of each, and the rows of its cohorts.
    """
    found = []
    for group, name in enumerate(groups.names):
        values = groups.values(group)
        # The value of all others stands in the last row, the others in the first ones.
        rows = max((row for row, _, _ in values), default=-1) + 1
        healths = [one.healths_of(one is champion, group, rows, windows, scale) for one in models]
        for row, value, other in values:
            known, expired, unavailable = groups.counts(group, row)
            delays = groups.delays_of(group, row)
            found.append(
                GroupHealth(
                    group=name,
                    value=value,
                    other=other,
                    known=known,
                    expired=expired,
                    coverage=known / (known + expired) if known + expired else None,
                    delay_p50_s=quantile(delays, 0.5),
                    delay_p90_s=quantile(delays, 0.9),
                    models=[of_model[row] for of_model in healths],
                    unavailable=unavailable,
                )
            )
    return found


def cohorts_of(cohorts: Cohorts) -> list[Cohort]:
    """The newest cohorts."""
    return cohorts.newest(COHORTS_SHOWN)


def estimates_of(pipeline: Pipeline, champion: Judged | None, profiles: Iterable[Profile]) -> list[Estimate]:
    """What the champion's quality should be where no label has come."""
    if champion is None:
        return []
    labelled: Numbers = champion.scores.rows
    expired: Numbers = champion.unlabelled.rows[:, 0]
    recent = _counts(f"{SCORE}{champion.model}@{champion.version}", profiles)
    guesses = (
        ("expired", len(expired), estimate(pipeline.problem, labelled, expired)),
        ("recent", sum(recent), estimate_binned(pipeline.problem, labelled, PROBABILITY_BINS.edges, recent)),
    )
    return [
        Estimate(
            model=champion.model,
            version=champion.version,
            about=about,  # type: ignore[arg-type]
            count=count,
            calibrated_on=len(labelled),
            metrics=metrics,
            invalid_under="concept drift",
        )
        for about, count, metrics in guesses
        if metrics
    ]


def _counts(name: str, profiles: Iterable[Profile]) -> list[int]:
    """Scores of the profiles in each bin of a probability."""
    summaries = (profile.fields.get(name) for profile in profiles)
    known = [summary.bins for summary in summaries if summary is not None and len(summary.bins) == PROBABILITIES]
    return [sum(counts) for counts in zip(*known, strict=True)] or [0] * PROBABILITIES
