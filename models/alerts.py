"""The fold from conditions to alerts: held down against flapping, silenced, inhibited, each told once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

import msgspec

from models.commands import notice_of
from models.conditions import INHIBITIONS, KINDS, Condition, of_drift, of_finding, of_health, of_promotion, of_retrain
from models.findings import Finding
from models.fingerprints import fingerprint
from models.holding import Watched
from models.pipeline import Pipeline, duration
from models.silencing import Silencing
from models.symptoms import Symptoms
from schemas.alerts import Alert
from schemas.commands import Command
from schemas.drift import Drift
from schemas.examples import Example, LogRecord, Notice, Profile
from schemas.health import Health
from schemas.promotions import Promotion
from schemas.retrains import Retrain
from schemas.values import Record

#: Conditions that are looked after at once at most; beyond them there is one alert that says so.
ALERTS_MAX = 1000


class Alerting:
    """Alerts of one pipeline, as a fold over the learning log.

    Its clock is event time, as far as it has come: hold-downs and silences last for so much of it, so that a replay
    gives the same alerts as the live stream.

    Parameters
    ----------
    pipeline
        What is watched, and what is too much.
    position
        Where in the log it begins; what other folds said before is not said again.

    Attributes
    ----------
    position
        Up to where in the log it has folded.
    time
        Event time as far as it has come; None before the first event.
    dropped
        Conditions that found no room.
    silences
        Those that hold.
    """

    layout: ClassVar[int] = 4

    def __init__(self, pipeline: Pipeline, position: int = 0) -> None:
        self.position = position
        self.time: datetime | None = None
        self.dropped = 0
        self.silences = Silencing()
        self._pipeline = pipeline
        self._clear = duration(pipeline.alerts.clear)
        self._symptoms = Symptoms(pipeline)
        self._watched: dict[str, Watched] = {}
        self._subjects: dict[str, str] = {}
        self._due: datetime | None = None

    @property
    def firing(self) -> dict[str, Alert]:
        """The alerts that fire, by fingerprint."""
        return {name: one.published for name, one in self._watched.items() if one.firing and one.published}

    @property
    def findings(self) -> Iterable[Finding]:
        """What is wrong with the data now."""
        return self._symptoms.findings

    @property
    def troubles(self) -> Iterable[str]:
        """Names of the alerts whose cause the leader has seen by its clock, and not seen the end of."""
        return self._symptoms.troubles

    def fold(self, offset: int, record: LogRecord, said: Sequence[Record] = ()) -> list[Alert]:
        """Take in the record at ``offset``, and what the other folds said about it.

        Parameters
        ----------
        said
            Reports of health, drift, findings, decisions about promotions, steps of retraining.

        Returns
        -------
        The alerts that have changed: they fire or are resolved, people are to be told of them or no longer.
        """
        if offset < self.position:
            return []
        self.position = offset + 1
        if isinstance(record, Example):
            self._advance(record.time)
        elif isinstance(record, Profile):
            self._advance(record.until)
        symptoms = self._symptoms.fold(offset, record)
        if symptoms or said or isinstance(record, Notice):
            changed = [self._say(condition) for condition in symptoms]
            changed += [self._say(condition) for condition in self._said(said)]
            if isinstance(record, Notice):
                changed.append(self._notice(record))
            if any(changed):
                return self._settle()
        return self._settle() if self._is_due else []

    @property
    def _is_due(self) -> bool:
        return self._due is not None and self.time is not None and self.time >= self._due

    def accept(self, command: Command, *, sure: bool = True) -> Notice:
        """What is to be written to the log for a command; only from there it takes effect.

        Parameters
        ----------
        sure
            Whether the log has been read to its end, so that what is not known is not there.

        Raises
        ------
        BadRecord
            If it can't be done.
        """
        return notice_of(command, self.time or command.time, self.firing, self.silences.open, sure=sure)

    def _advance(self, time: datetime) -> None:
        if self.time is None or time > self.time:
            self.time = time

    def _said(self, said: Sequence[Record]) -> Iterator[Condition]:
        for one in said:
            if isinstance(one, Health):
                yield from self._objectives(one)
            elif isinstance(one, Drift):
                yield of_drift(one)
            elif isinstance(one, Finding):
                yield of_finding(one)
            elif isinstance(one, Promotion):
                yield of_promotion(one)
            elif isinstance(one, Retrain) and (failed := of_retrain(one)):
                yield failed

    def _objectives(self, health: Health) -> Iterator[Condition]:
        """What is said about them, and the end of those that are no longer declared."""
        yield from of_health(health)
        names = {objective.name for objective in health.objectives}
        for one in list(self._watched.values()):
            if one.labels.get("objective", "") not in names and "objective" in one.labels:
                yield replace(one.condition, active=False)

    def _labels(self, condition: Condition) -> dict[str, str]:
        severity = condition.severity or KINDS[condition.name].severity
        named = {"alertname": condition.name, "pipeline": self._pipeline.name, "severity": severity}
        return named | condition.labels

    def _say(self, condition: Condition) -> bool:
        """Take in a condition; gives whether anything is looked after because of it."""
        if self.time is None:
            return False
        labels = self._labels(condition)
        name = fingerprint(labels)
        if condition.subject:
            before = self._subjects.pop(condition.subject, name)
            if condition.active:
                self._subjects[condition.subject] = name
                if before != name and before in self._watched:
                    self._watched[before].superseded = True
            else:
                name = before
        if name not in self._watched:
            if not condition.active:
                return False
            if len(self._watched) >= ALERTS_MAX and condition.name != "TooManyAlerts":
                self.dropped += 1
                text = f"{self.dropped:,} conditions found no room among {ALERTS_MAX:,}"
                return self._say(Condition("TooManyAlerts", summary="Too many alerts at once", description=text))
            self._watched[name] = Watched(
                KINDS[condition.name], labels, self._clear, condition, self.time, condition.since or self.time
            )
        self._watched[name].say(condition, self.time)
        return True

    def _notice(self, notice: Notice) -> bool:
        if notice.action == "silenced":
            self.silences.add(notice)
        elif notice.action == "unsilenced":
            self.silences.remove(notice.target or "")
        elif notice.action == "acknowledged" and notice.target in self._watched:
            self._watched[notice.target].acknowledged_by = notice.by
        return True

    def _settle(self) -> list[Alert]:
        time = self.time
        if time is None:
            return []
        self.silences.expire(time)
        for one in self._watched.values():
            one.settle(time)
        sources = self._sources()
        changed = (self._publish(name, one, _explained_by(one, sources)) for name, one in self._watched.items())
        alerts = [alert for alert in changed if alert is not None]
        self._watched = {name: one for name, one in self._watched.items() if not one.over}
        due = [one.due for one in self._watched.values()] + list(self.silences.ends())
        self._due = min((time for time in due if time is not None), default=None)
        return alerts

    def _publish(self, name: str, one: Watched, inhibited: list[str]) -> Alert | None:
        """Its alert, if that has changed in a way that somebody may want to know."""
        before = one.published
        if not one.firing and (before is None or before.status == "resolved"):
            return None
        alert = one.alert(name, self.position, self.silences.of(one.labels), inhibited)
        wanted = one.news and not alert.suppressed and one.acknowledged_by is None
        tell = wanted if one.firing else one.told
        if tell:
            one.news, one.told = False, True
        if before is not None and not tell and _gist(before) == _gist(alert):
            return None
        one.published = msgspec.structs.replace(alert, tell=tell)
        return one.published

    def _sources(self) -> dict[str, list[tuple[str, dict[str, str]]]]:
        """By name: fingerprints and labels of the firing alerts that inhibit others."""
        sources: dict[str, list[tuple[str, dict[str, str]]]] = {
            name: [] for rule in INHIBITIONS for name in rule.sources
        }
        for name, one in self._watched.items():
            if one.firing and one.kind.name in sources:
                sources[one.kind.name].append((name, one.labels))
        return sources

    def state(self) -> dict[str, Any]:
        """Everything the fold has brought about, for a checkpoint."""
        own = {name: value for name, value in vars(self).items() if name not in ("_pipeline", "_clear", "_symptoms")}
        return own | {"symptoms": self._symptoms.state()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state` gave."""
        own = dict(state)
        self._symptoms.restore(own.pop("symptoms"))
        vars(self).update(own)


def _explained_by(one: Watched, sources: dict[str, list[tuple[str, dict[str, str]]]]) -> list[str]:
    """Fingerprints of the alerts that inhibit this one."""
    return [
        name
        for rule in INHIBITIONS
        if one.kind.name in rule.targets
        for source in rule.sources
        for name, labels in sources[source]
        if all(labels.get(label) == one.labels.get(label) for label in rule.equal)
    ]


def _gist(alert: Alert) -> tuple[object, ...]:
    """What of an alert is worth a record when it changes: not each new number."""
    return (
        alert.status,
        alert.starts_at,
        alert.annotations.get("summary"),
        alert.acknowledged_by,
        alert.silenced_by,
        alert.inhibited_by,
    )
