"""What a drift points to, from what moved and what did not.

The joint distribution of features ``x`` and label ``y`` can change in few ways, and each leaves something as it was.
With the champion's score ``s``, which is a function of ``x``:

========== ====================== =========================================================
cause      what stays             what it looks like
========== ====================== =========================================================
covariate  ``P(y | x)``           features move; labels given the score are as before
prior      ``P(x | y)``           the label rate moves; scores given the label are as before
concept    ``P(x)``               no feature moves; labels given the score are not as before
mixed      none of them           features move, and labels given the score too
========== ====================== =========================================================

Before that come two that have nothing to do with the world: a **broken feed** (values missing, a constant, another
unit, duplicates, rejects, a partition that is silent), and **late labels** (their delay or the share that expires
rises, or none come at all).

Nothing real is left *exactly* as it was, and with enough labels every small difference is beyond chance. What counts is
how much of the change in the table of scores and labels an explanation leaves over.

Source: Moreno-Torres et al., *A unifying view on dataset shift in classification* (2012), for the names; Lipton, Wang
and Smola, *Detecting and correcting for label shift with black box predictors* (2018), for scores given the label in
place of features given the label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from models.bets import Counts
from schemas.drift import Action, Cause, Moved

#: Labels since the change before the table of scores and labels is believed.
LABELS_MIN = 192

#: The share of the change that an explanation may leave over.
LEFT_OVER = 0.25

#: Standard normal units beyond which a difference in the table is none of chance.
BEYOND = 4.0

#: Total variation below which the label rate has hardly moved.
LABEL_MOVES = 0.03

ACTIONS: dict[Cause, Action] = {
    "labels_late": "wait",
    "feed_broken": "quarantine",
    "covariate": "wait",
    "prior": "retrain",
    "concept": "retrain",
    "mixed": "page",
}


@dataclass(frozen=True)
class Evidence:
    """What is known about one change.

    Parameters
    ----------
    features
        Features and scores that moved.
    outcomes
        Streams of outcomes that moved.
    before, after
        Counts ``[score, label]`` on either side.
    faults
        What is wrong with the feed, in words; none if nothing.
    silence
        What is wrong with the coming of labels, in words; none if nothing.
    """

    features: Sequence[Moved]
    outcomes: Sequence[Moved]
    before: Counts
    after: Counts
    faults: Sequence[str] = ()
    silence: str = ""


@dataclass(frozen=True)
class Verdict:
    """A cause, what to do, why, and the numbers."""

    cause: Cause
    action: Action
    reason: str
    evidence: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """How the table of scores and labels changed, in log-likelihood, beyond what chance is expected to add.

    Parameters
    ----------
    scores, labels
        Of the scores alone, and of the labels alone.
    given_score, given_label
        Of the labels given the score, and of the scores given the label: what is left over by a change of the scores
        alone, and by a change of the labels alone.
    """

    scores: float
    labels: float
    given_score: float
    given_label: float

    @property
    def total(self) -> float:
        """Of the whole table."""
        return max(self.scores + self.given_score, self.labels + self.given_label, 1e-9)


def table_of(before: Counts, after: Counts) -> Table:
    """Split the difference of two tables ``[score, label]`` up, each part in units of its chance deviation."""
    scores = _divergence(before.sum(axis=1)[None, :], after.sum(axis=1)[None, :])
    labels = _divergence(before.sum(axis=0)[None, :], after.sum(axis=0)[None, :])
    return Table(scores, labels, _divergence(before, after), _divergence(before.T, after.T))


def _divergence(before: Counts, after: Counts) -> float:
    """Likelihood ratio of two tables, row by row, less the mean that chance gives it, over its deviation."""
    found, freedom = 0.0, 0
    for one, other in zip(before, after, strict=True):
        size, more = one.sum(), other.sum()
        if not size or not more:
            continue
        share = (one + other) / (size + more)
        for counts, total in ((one, size), (other, more)):
            seen = counts > 0
            found += 2.0 * float((counts[seen] * np.log(counts[seen] / (share[seen] * total))).sum())
        freedom += int((share > 0).sum()) - 1
    return (found - freedom) / float(np.sqrt(2.0 * max(freedom, 1)))


def judge(evidence: Evidence) -> Verdict:
    """The cause of a change."""
    if evidence.faults:
        return _verdict("feed_broken", "; ".join(evidence.faults))
    alarmed = {moved.stream for moved in (*evidence.features, *evidence.outcomes) if moved.alarmed}
    features = [moved for moved in evidence.features if moved.alarmed]
    slow = [moved.stream for moved in evidence.outcomes if moved.alarmed and moved.stream in ("delay", "expired")]
    told = alarmed & {"loss", "label", "calibration", "surprise"}
    if evidence.silence:
        return _verdict("labels_late", evidence.silence)
    if slow and not told and not features:
        return _verdict("labels_late", f"labels do not come as they did ({', '.join(slow)}); nothing else has moved")
    if int(evidence.after.sum()) < LABELS_MIN or int(evidence.before.sum()) < LABELS_MIN:
        return _early(evidence, bool(features), told)
    return _by_table(evidence, bool(features), told, bool(slow))


def _early(evidence: Evidence, features: bool, told: set[str]) -> Verdict:
    """Before enough labels have come."""
    if features:
        names = ", ".join(moved.stream for moved in evidence.features[:3])
        return _verdict("covariate", f"{names} moved; too few labels have come since to say more")
    if told == {"label"}:
        return _verdict("prior", "the labels moved and no feature did; too few have come to say more")
    return _verdict("concept", "the champion's answers fit the labels less, and no feature moved")


def _by_table(evidence: Evidence, features: bool, told: set[str], slow: bool) -> Verdict:
    table = table_of(evidence.before, evidence.after)
    numbers = {
        "scores_moved": table.scores,
        "labels_moved": table.labels,
        "labels_given_score_moved": table.given_score,
        "scores_given_label_moved": table.given_label,
    }
    rate = next((moved.distance for moved in evidence.outcomes if moved.stream == "label"), 0.0)
    label_moved = table.labels > BEYOND and rate > LABEL_MOVES
    by_scores = table.given_score <= max(BEYOND, LEFT_OVER * table.scores)
    by_labels = table.given_label <= max(BEYOND, LEFT_OVER * table.labels)
    names = ", ".join(moved.stream for moved in evidence.features[:3])
    if label_moved and by_labels and not (by_scores and features):
        return _verdict("prior", "the label rate moved; scores given the label are as before", numbers)
    if features and by_scores:
        return _verdict("covariate", f"{names} moved; labels given the score are as before", numbers)
    if features:
        return _verdict("mixed", f"{names} moved, and labels given the score are not as before", numbers)
    if slow and by_scores:
        return _verdict("labels_late", "labels do not come as they did; given the score they are as before", numbers)
    if told == {"label"} and by_labels:
        return _verdict("prior", "the labels moved and no feature did", numbers)
    return _verdict("concept", "labels given the score are not as before, and no feature moved", numbers)


def _verdict(cause: Cause, reason: str, numbers: dict[str, float] | None = None) -> Verdict:
    return Verdict(cause, ACTIONS[cause], reason, numbers or {})
