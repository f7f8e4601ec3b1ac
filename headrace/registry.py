"""What the topics tell about models: which versions there are, who decided what, and why an answer was what it was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Message

from headrace import promotions
from models.registry import Registry, Reign, Version
from schemas.codec import decode
from schemas.costs import Cost
from schemas.errors import UserError
from schemas.examples import Control, Example
from schemas.features import Features
from schemas.health import Health, ModelHealth
from schemas.predictions import Prediction
from schemas.promotions import Promotion
from schemas.retrains import Retrain
from schemas.values import FeatureValue, at_millisecond
from streams.settings import Settings
from streams.tail import Tail, last
from streams.topology import Topology

#: How a control record is told from the examples of the log without decoding them: the kind comes first.
_CONTROL = b'{"kind":"control"'


@dataclass(frozen=True, slots=True)
class Models:
    """Everything there is to say about the models of a pipeline.

    Parameters
    ----------
    registry
        Versions and reigns.
    health
        The newest metrics, by ``model@version``.
    costs
        What each model costs the leader, newest, by ``model@version``.
    decisions, retrains
        Every record of ``promotions`` and ``retrains``, in order.
    """

    registry: Registry
    health: dict[str, ModelHealth] = field(default_factory=dict)
    decisions: list[Promotion] = field(default_factory=list)
    retrains: list[Retrain] = field(default_factory=list)
    costs: dict[str, Cost] = field(default_factory=dict)

    def version(self, name: str) -> Version:
        """A version by any of its names.

        Raises
        ------
        UserError
            If there is none.
        """
        found = self.registry.find(name)
        if found is None:
            known = ", ".join(self.registry.versions) or "none yet"
            raise UserError(f"there is no model {name!r}; there are: {known}")
        return found

    def decisions_about(self, version: Version) -> list[Promotion]:
        """The decisions in which a version was the champion or the challenger."""
        return [each for each in self.decisions if version.state in (each.champion, each.challenger)]

    def retrains_of(self, version: Version) -> list[Retrain]:
        """The steps of the retraining that made a version."""
        made = (version.model, version.version)
        ids = {each.id for each in self.retrains if (each.model, each.version) == made}
        return [each for each in self.retrains if each.id in ids]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a prediction was what it was.

    Parameters
    ----------
    features
        What the models were given; ``None`` if that is no longer kept.
    example
        What became of its label, last; ``None`` while it is waited for.
    reign
        Since when, and why, that version was in charge.
    """

    prediction: Prediction
    features: dict[str, FeatureValue] | None
    example: Example | None
    reign: Reign | None


def read(settings: Settings, topology: Topology) -> Models:
    """Read everything that concerns the models.

    Raises
    ------
    BrokerUnavailable
        If no broker answers.
    UserError
        If the pipeline has no topics there.
    """
    registry = Registry(topology.pipeline)
    for record in _records(settings, topology, "examples"):
        value = record.value() or b""
        if value.startswith(_CONTROL):
            registry.fold(record.offset() or 0, at_millisecond(record.timestamp()[1]), decode(Control, value))
    newest = last(settings, topology.name("health"), 1)
    health = decode(Health, newest[0].value() or b"") if newest else None
    return Models(
        registry,
        {f"{each.model}@{each.version}": each for each in (health.models if health else ())},
        list(promotions.decisions(settings, topology)),
        [decode(Retrain, record.value() or b"") for record in _records(settings, topology, "retrains")],
        {f"{each.model}@{each.version}": each for each in (health.costs if health else ())},
    )


def explain(settings: Settings, topology: Topology, models: Models, id: str) -> Explanation | None:
    """Why the prediction of this event was what it was; ``None`` if there is none.

    Raises
    ------
    BrokerUnavailable
        If no broker answers.
    """
    prediction = _of_id(settings, topology, "predictions", Prediction, id)
    if prediction is None:
        return None
    features = _of_id(settings, topology, "features", Features, id)
    return Explanation(
        prediction,
        None if features is None else features.features,
        _of_id(settings, topology, "examples", Example, id),
        models.registry.reign_at(prediction.position),
    )


def _of_id(settings: Settings, topology: Topology, noun: str, kind: Any, id: str) -> Any:
    """The last record of a topic about an event."""
    found = None
    # Looked for as bytes first: to decode all of them would take ten times as long.
    wanted = id.encode()
    for record in _records(settings, topology, noun):
        value = record.value() or b""
        if wanted in value and not (noun == "examples" and not value.startswith(b'{"kind":"example"')):
            candidate = decode(kind, value)
            found = candidate if candidate.id == id else found
    return found


def _records(settings: Settings, topology: Topology, noun: str) -> Iterator[Message]:
    with Tail(settings, topology.name(noun), "earliest") as tail:
        yield from tail.to_end()
