"""Making the topics of a pipeline what the topology says: first a plan, then its execution.

A plan only adds topics and sets settings. It never removes a record's home: a topic whose partition count is
wrong is refused, because more partitions would send a key's next events elsewhere than its labels that are
still to come, and fewer are not possible in Kafka.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourceType
from confluent_kafka.cimpl import NewTopic

from schemas.errors import BrokerUnavailable, UserError
from streams.cluster import admin, reach
from streams.ends import ends
from streams.settings import Settings
from streams.topology import Topic, Topology

REPLICAS_MAX = 3
ADMIN_S_MAX = 30.0


@dataclass(frozen=True, slots=True)
class Present:
    """A topic as it is in the cluster."""

    partitions: int
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done with one topic.

    Parameters
    ----------
    topic
        Full name.
    action
        ``create``, ``set`` (settings only), ``right`` (nothing to do) or ``refuse``.
    partitions
        How many it shall have.
    settings
        Those to be written: all of a new topic, otherwise the wrong ones.
    reason
        What differs, and where it is refused also the way out.
    """

    topic: str
    action: Literal["create", "set", "right", "refuse"]
    partitions: int
    settings: Mapping[str, str]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps for all topics of a pipeline, in the order of the topology."""

    steps: tuple[Step, ...]
    replicas: int

    @property
    def refused(self) -> tuple[Step, ...]:
        """What may not be changed; if there is any, nothing else is done either."""
        return tuple(step for step in self.steps if step.action == "refuse")

    @property
    def work(self) -> tuple[Step, ...]:
        """What there is to do."""
        return tuple(step for step in self.steps if step.action in ("create", "set"))


def compare(topology: Topology, present: Mapping[str, Present], brokers: int) -> Plan:
    """Find the steps from what is there to what should be.

    Parameters
    ----------
    present
        The topics of the cluster by full name; those of others are left alone.
    brokers
        How many nodes the cluster has; new topics get a replica on each, three at most.
    """
    steps = (_step(topology, topic, present.get(topology.name(topic.noun))) for topic in topology.topics)
    return Plan(tuple(steps), min(REPLICAS_MAX, brokers))


def _step(topology: Topology, topic: Topic, present: Present | None) -> Step:
    name = topology.name(topic.noun)
    wanted = topic.partitions(topology.partitions)
    settings = topology.settings_of(topic)
    if present is None:
        return Step(name, "create", wanted, settings)
    if present.partitions != wanted:
        return Step(name, "refuse", wanted, {}, _partitions_differ(topology, topic, present.partitions))
    wrong = {key: value for key, value in settings.items() if present.settings.get(key) != value}
    if not wrong:
        return Step(name, "right", wanted, {})
    changes = [f"{key}: {present.settings.get(key, 'absent')} -> {value}" for key, value in wrong.items()]
    return Step(name, "set", wanted, wrong, ", ".join(changes))


def _partitions_differ(topology: Topology, topic: Topic, found: int) -> str:
    wanted = topic.partitions(topology.partitions)
    if not topic.spread:
        return (
            f"it has {found} partitions and must have 1, since its records need one total order; "
            "choose another pipeline name, or delete the topic if its records may go"
        )
    return (
        f"it has {found} partitions and the pipeline asks for {wanted}; another count would put a key's next "
        f"records apart from those that wait for their labels. Write partitions={found} in the pipeline, or "
        "choose another pipeline name, or delete the topic if its records may go"
    )


def plan(topology: Topology, settings: Settings) -> Plan:
    """Compare a cluster with the topology; changes nothing.

    Raises
    ------
    BrokerUnavailable
        If no broker answers.
    """
    cluster = reach(settings)
    names = [topology.name(topic.noun) for topic in topology.topics]
    there = [name for name in names if name in cluster.partitions]
    found = _settings_of(admin(settings), there)
    present = {name: Present(cluster.partitions[name], found[name]) for name in there}
    return compare(topology, present, len(cluster.brokers))


def _settings_of(client: AdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    try:
        answers = client.describe_configs(resources, request_timeout=ADMIN_S_MAX)
        return {
            resource.name: {name: entry.value for name, entry in answer.result().items()}
            for resource, answer in answers.items()
        }
    except KafkaException as error:
        raise _failed("the settings of topics can't be read", error) from None


def carry_out(steps: Plan, settings: Settings) -> None:
    """Do what a plan says.

    Doing it twice, or by two people at once, does no harm: a topic that has come to be in between is left as
    it is and shows in the next plan.

    Raises
    ------
    UserError
        If the plan holds something refused; then nothing at all is done.
    BrokerUnavailable
        If the cluster does not do it.
    """
    if steps.refused:
        raise UserError("\n".join(f"{step.topic}: {step.reason}" for step in steps.refused))
    client = admin(settings)
    new = [step for step in steps.steps if step.action == "create"]
    _create(client, new, steps.replicas)
    # What starts right after would stumble over partitions that have no leader yet.
    ends(client, [(step.topic, number) for step in new for number in range(step.partitions)], ADMIN_S_MAX)
    _set(client, [step for step in steps.steps if step.action == "set"])


def _create(client: AdminClient, steps: list[Step], replicas: int) -> None:
    if not steps:
        return
    topics = [
        NewTopic(
            step.topic,
            num_partitions=step.partitions,
            replication_factor=replicas,
            config=dict(step.settings),
        )
        for step in steps
    ]
    answers = client.create_topics(topics, operation_timeout=ADMIN_S_MAX, request_timeout=ADMIN_S_MAX)
    for name, answer in answers.items():
        try:
            answer.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise _failed(f"{name} can't be created", error) from None


def _set(client: AdminClient, steps: list[Step]) -> None:
    if not steps:
        return
    resources = [
        ConfigResource(
            ResourceType.TOPIC,
            step.topic,
            incremental_configs=[
                ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
                for name, value in step.settings.items()
            ],
        )
        for step in steps
    ]
    answers = client.incremental_alter_configs(resources, request_timeout=ADMIN_S_MAX)
    for resource, answer in answers.items():
        try:
            answer.result()
        except KafkaException as error:
            raise _failed(f"{resource.name} can't be set", error) from None


def _failed(what: str, error: KafkaException) -> BrokerUnavailable:
    return BrokerUnavailable(f"{what}: {error.args[0].str()}. Is this user allowed to? Ask whoever runs the cluster")
