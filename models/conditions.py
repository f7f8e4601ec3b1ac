"""Conditions: what the folds over the log say, in the one form that alerts are made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from models.findings import Finding
from models.findings import Kind as FindingKind
from schemas.alerts import Severity
from schemas.drift import Cause, Drift
from schemas.examples import Control, Notice
from schemas.health import Health
from schemas.promotions import Promotion
from schemas.retrains import Retrain


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of alert: how bad it is, and how its condition must hold.

    Parameters
    ----------
    name
        The label ``alertname``.
    severity
        ``critical`` needs somebody now, ``warning`` today, ``info`` is for the record.
    action
        What is suggested.
    times, span
        It fires once its condition was said so often in a row, and for so much event time.
    clear_times
        It is resolved once the contrary was said so often in a row, and for the pipeline's ``alerts.clear``.
    momentary
        It tells of something that happened, which has no end of its own: it is resolved after :data:`MOMENT`.
    """

    name: str
    severity: Severity
    action: str
    times: int = 1
    span: timedelta = timedelta(0)
    clear_times: int = 1
    momentary: bool = False


#: Event time for which what happened at one moment counts as news.
MOMENT = timedelta(hours=1)

_FIELD = "look at the producer of this field; `headrace profile` shows it over time"
_FEED = "look at what produces the events"

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("ObjectiveBroken", "critical", "compare the models; retrain or roll back", times=2, clear_times=2),
        Kind("ObjectiveAtRisk", "warning", "watch it; a challenger may be due", times=2, clear_times=2),
        Kind("Drift", "warning", "retrain, unless the world will come back"),
        Kind("DriftSignal", "info", "a detector without a promise fired", momentary=True),
        Kind("FeedBroken", "critical", "page whoever sends the events; do not retrain on them"),
        Kind("LabelsLate", "warning", "wait; quality is not known until labels come"),
        Kind("LabelsMissing", "warning", "look at what sends the labels", times=2, clear_times=2),
        Kind("RejectsAboveRate", "warning", "read `headrace tail PIPELINE rejects`", times=2, clear_times=2),
        Kind("PartitionSilent", "critical", _FEED),
        Kind("EventsStale", "warning", _FEED),
        Kind("VolumeChanged", "warning", _FEED),
        Kind("DuplicatesAboveRate", "warning", "look at the producer: it sends again what was taken"),
        Kind("FieldMissing", "warning", _FIELD),
        Kind("FieldOutOfRange", "warning", _FIELD),
        Kind("FieldNewCategory", "info", _FIELD),
        Kind("FieldConstant", "warning", _FIELD),
        Kind("FieldStuck", "warning", _FIELD),
        Kind("FieldUnitChange", "critical", _FIELD),
        Kind("Lag", "warning", "look at `headrace status`; more workers share the partitions"),
        Kind("Stalled", "critical", "look at the worker that has these partitions; `headrace doctor` at the broker"),
        Kind("CheckpointRefused", "warning", "read why; an older one was taken, or the whole log", momentary=True),
        Kind("ChallengerWaiting", "warning", "look at its evidence, then approve or reject it"),
        Kind("Promoted", "info", "nothing; a rollback follows by itself if it was wrong", momentary=True),
        Kind("RolledBack", "warning", "ask why the promoted model was worse", momentary=True),
        Kind("Quarantined", "warning", "look at why this model was taken out", momentary=True),
        Kind("RetrainFailed", "warning", "read the reason; ask again with `headrace retrain`", momentary=True),
        Kind("TooManyAlerts", "critical", "mend the cause that the others share", momentary=True),
    )
}


@dataclass(frozen=True)
class Inhibition:
    """While a source fires, its targets are explained by it and nobody is told of them.

    Parameters
    ----------
    sources, targets
        Names of alerts.
    equal
        Labels that both must have in common.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    equal: tuple[str, ...] = ("pipeline",)


INHIBITIONS: tuple[Inhibition, ...] = (
    Inhibition(("FeedBroken", "PartitionSilent", "EventsStale"), ("Drift", "ObjectiveBroken", "ObjectiveAtRisk")),
    Inhibition(("FeedBroken", "PartitionSilent"), ("VolumeChanged", "LabelsMissing")),
    Inhibition(("LabelsLate",), ("LabelsMissing",)),
    Inhibition(("Stalled",), ("Lag",)),
    Inhibition(("ObjectiveBroken",), ("ObjectiveAtRisk",), ("pipeline", "objective")),
)


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that a fold says is so, or is no longer so.

    Parameters
    ----------
    name
        Of :data:`KINDS`.
    labels
        What else makes it this alert and no other: few values, or alerts would be without number.
    severity
        Of this one; ``None``: that of its kind.
    active
        Whether it is so.
    summary, description
        For a person; the summary without numbers that change all the time.
    value
        How much.
    since
        Event time from which it is so; ``None``: from when it was said.
    subject
        What it is about. A subject whose labels change is no longer what it was before.
    """

    name: str
    labels: dict[str, str] = field(default_factory=dict)
    severity: Severity | None = None
    active: bool = True
    summary: str = ""
    description: str = ""
    value: float | None = None
    since: datetime | None = None
    subject: str = ""


_CAUSES: dict[Cause, tuple[str, Severity]] = {
    "labels_late": ("LabelsLate", "warning"),
    "feed_broken": ("FeedBroken", "critical"),
    "covariate": ("Drift", "warning"),
    "prior": ("Drift", "warning"),
    "concept": ("Drift", "critical"),
    "mixed": ("Drift", "critical"),
}

_FINDINGS: dict[FindingKind, str] = {
    "missing": "FieldMissing",
    "out_of_range": "FieldOutOfRange",
    "new_category": "FieldNewCategory",
    "constant": "FieldConstant",
    "unit_change": "FieldUnitChange",
    "stuck": "FieldStuck",
    "silent": "PartitionSilent",
    "duplicates": "DuplicatesAboveRate",
    "volume": "VolumeChanged",
    "stale": "EventsStale",
}


def of_drift(drift: Drift) -> Condition:
    """An episode of drift, or one signal of a detector that promises nothing."""
    told = drift.reason or f"{drift.detector} on {drift.stream}: {drift.cause.replace('_', ' ')}"
    if drift.phase == "signal":
        labels = {"detector": drift.detector, "stream": drift.stream}
        return Condition("DriftSignal", labels, summary=f"{drift.detector} fired on {drift.stream}", description=told)
    name, severity = _CAUSES[drift.cause]
    moved = ", ".join(one.stream for one in drift.moved[:5])
    return Condition(
        name,
        {"cause": drift.cause} if name == "Drift" else {},
        severity,
        active=drift.phase != "end",
        summary=f"{drift.cause.replace('_', ' ').capitalize()}" + (f"; moved: {moved}" if moved else ""),
        description=told,
        value=max((one.distance for one in drift.moved), default=None),
        since=drift.since,
        subject=f"drift:{drift.episode if drift.episode is not None else drift.stream}",
    )


def of_finding(finding: Finding) -> Condition:
    """Something wrong with the data, or the end of it."""
    name = _FINDINGS[finding.kind]
    labels = {} if finding.field is None else {"field": finding.field}
    if finding.partition is not None:
        labels["partition"] = str(finding.partition)
    about = " ".join(f"{key} {value}" for key, value in labels.items())
    return Condition(
        name,
        labels,
        active=finding.until is None,
        summary=f"{finding.kind.replace('_', ' ').capitalize()}" + (f": {about}" if about else ""),
        description=finding.sentence,
        value=finding.size,
        since=finding.since,
        subject=f"finding:{finding.key}",
    )


def of_health(health: Health) -> Iterator[Condition]:
    """The objectives: which are broken or at risk, and which are not. Too few labels say neither."""
    for objective in health.objectives:
        if objective.state == "not_enough_labels":
            continue
        measured = "nothing" if objective.value is None else f"{objective.value:.6g}"
        for name, state in (("ObjectiveBroken", "broken"), ("ObjectiveAtRisk", "at_risk")):
            yield Condition(
                name,
                {"objective": objective.name},
                active=objective.state == state,
                summary=f"Objective {state.replace('_', ' ')}: {objective.name}",
                description=f"{objective.metric} was {measured} on {objective.count:,} of them",
                value=objective.value,
            )


def of_control(control: Control) -> Condition | None:
    """A change of who is in charge that a person should know of."""
    kinds = {"promoted": "Promoted", "rolled_back": "RolledBack", "quarantined": "Quarantined"}
    if control.action not in kinds:
        return None
    return Condition(
        kinds[control.action],
        {"model": control.model},
        summary=f"{control.model}@{control.version} was {control.action.replace('_', ' ')}",
        description=control.reason,
    )


def of_promotion(promotion: Promotion) -> Condition:
    """A challenger that waits for a person, or waits no longer."""
    return replace(
        waits_no_longer(promotion.challenger),
        active=promotion.status == "waiting",
        summary=f"{promotion.challenger} may take over from {promotion.champion}, once a person approves",
        description=promotion.reason,
    )


def waits_no_longer(challenger: str) -> Condition:
    """Somebody has decided about this ``model@version``, or it is gone."""
    labels = {"model": challenger.partition("@")[0]}
    return Condition("ChallengerWaiting", labels, active=False, subject=f"promotion:{challenger}")


def of_retrain(retrain: Retrain) -> Condition | None:
    """A retraining that failed."""
    if retrain.step != "failed":
        return None
    summary = f"Retraining of {retrain.model} failed"
    return Condition("RetrainFailed", {"model": retrain.model}, summary=summary, description=retrain.reason)


LAG, STALLED, CHECKPOINT_REFUSED = "Lag", "Stalled", "CheckpointRefused"

_TROUBLES = {
    LAG: "Records wait for too long",
    STALLED: "Nobody works on some partitions",
    CHECKPOINT_REFUSED: "A checkpoint was refused",
}


def of_notice(notice: Notice) -> Condition | None:
    """What the leader has seen by its clock, or the end of it."""
    if notice.action not in ("troubled", "recovered") or notice.target not in _TROUBLES:
        return None
    return Condition(
        notice.target,
        active=notice.action == "troubled",
        summary=_TROUBLES[notice.target],
        description=notice.reason,
    )


def of_share(name: str, what: str, share: float, bound: float, count: int, detail: str = "") -> Condition:
    """A share of things that is above its bound, or is not."""
    return Condition(
        name,
        active=share > bound,
        summary=f"More than {bound:.0%} of the {what}",
        description=f"{share:.1%} of the last {count:,} {what}" + (f": {detail}" if detail else ""),
        value=share,
    )
