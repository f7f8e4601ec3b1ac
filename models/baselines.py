"""What a model must beat: answers that need no features.

They are active models like any other, so that they too answer before the label, under the same delays.
"""

from __future__ import annotations

from typing import Any

from river import dummy, stats

from models.pipeline import Problem

PRIOR = "prior"
NO_CHANGE = "no-change"

#: Names that no declared model may have.
BASELINES = (PRIOR, NO_CHANGE)


def baselines(problem: Problem) -> dict[str, Any]:
    """Fresh baselines for a problem.

    ``prior`` answers with the class frequencies, or the mean, of the labels so far; ``no-change`` with the
    last label.
    """
    if problem == "regression":
        return {
            PRIOR: dummy.StatisticRegressor(stats.Mean()),
            # An exponentially weighted mean that forgets everything but the last value is that value.
            NO_CHANGE: dummy.StatisticRegressor(stats.EWMean(fading_factor=1.0)),
        }
    return {PRIOR: dummy.PriorClassifier(), NO_CHANGE: dummy.NoChangeClassifier()}
