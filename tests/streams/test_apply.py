"""Topics become what the topology says; what is right stays untouched, what would do harm is refused."""

from __future__ import annotations

from datetime import timedelta

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourceType
from confluent_kafka.cimpl import NewTopic

from schemas.errors import UserError
from streams.apply import Present, carry_out, compare, plan
from streams.broker import Broker
from streams.settings import Settings, load
from streams.topology import DAY_MS, FOREVER, Topology

TOPOLOGY = Topology("flights", 6)


def as_wanted() -> dict[str, Present]:
    return {TOPOLOGY.name(topic.noun): Present(topic.partitions(6), topic.settings()) for topic in TOPOLOGY.topics}


def settings_of(broker: Broker) -> Settings:
    return load(bootstrap=broker.bootstrap)


def test_empty_cluster_gets_every_topic_with_exact_partitions_and_settings() -> None:
    steps = compare(TOPOLOGY, {}, brokers=1)
    assert [step.action for step in steps.steps] == ["create"] * len(TOPOLOGY.topics)
    by_topic = {step.topic: step for step in steps.steps}
    assert by_topic["flights.events"].partitions == 6
    assert by_topic["flights.examples"].partitions == 1
    assert by_topic["flights.models"].settings["cleanup.policy"] == "compact"


def test_what_is_remembered_for_long_is_kept_for_longer() -> None:
    longest = Topology("churn", 6, remember=timedelta(days=90))
    by_topic = {step.topic: step.settings for step in compare(longest, {}, brokers=1).steps}
    assert by_topic["churn.predictions"]["retention.ms"] == str(180 * DAY_MS)
    assert by_topic["churn.examples"]["retention.ms"] == str(FOREVER)


def test_right_topics_need_nothing() -> None:
    steps = compare(TOPOLOGY, as_wanted(), brokers=1)
    assert steps.work == ()
    assert steps.refused == ()


@pytest.mark.parametrize(("brokers", "replicas"), [(1, 1), (2, 2), (3, 3), (12, 3)])
def test_replicas_are_three_at_most_and_never_more_than_brokers(brokers: int, replicas: int) -> None:
    assert compare(TOPOLOGY, {}, brokers).replicas == replicas


def test_wrong_setting_is_set_and_only_that_one() -> None:
    present = as_wanted()
    present["flights.examples"] = Present(1, {**present["flights.examples"].settings, "retention.ms": "1000"})
    (step,) = compare(TOPOLOGY, present, brokers=1).work
    assert (step.topic, step.action, dict(step.settings)) == ("flights.examples", "set", {"retention.ms": "-1"})
    assert "retention.ms: 1000 -> -1" in step.reason


@pytest.mark.parametrize("found", [3, 12])
def test_other_partition_count_is_refused_with_the_way_out(found: int) -> None:
    present = as_wanted()
    present["flights.events"] = Present(found, present["flights.events"].settings)
    (step,) = compare(TOPOLOGY, present, brokers=1).refused
    assert f"has {found} partitions and the pipeline asks for 6" in step.reason
    assert f"partitions={found}" in step.reason


def test_learning_log_with_several_partitions_is_refused() -> None:
    present = as_wanted()
    present["flights.examples"] = Present(2, present["flights.examples"].settings)
    (step,) = compare(TOPOLOGY, present, brokers=1).refused
    assert "total order" in step.reason


def test_foreign_settings_and_topics_are_left_alone() -> None:
    present = as_wanted()
    present["flights.events"] = Present(6, {**present["flights.events"].settings, "segment.ms": "5"})
    present["somebody.elses"] = Present(1, {})
    assert compare(TOPOLOGY, present, brokers=1).work == ()


def test_applied_topics_are_right_at_the_next_look(broker: Broker) -> None:
    topology, settings = Topology("apply-all", 3), settings_of(broker)
    steps = plan(topology, settings)
    assert len(steps.work) == len(topology.topics)
    carry_out(steps, settings)
    assert plan(topology, settings).work == ()
    # A plan that another person has carried out in between does no harm.
    carry_out(steps, settings)
    assert plan(topology, settings).work == ()


def test_setting_that_somebody_changed_is_put_right(broker: Broker) -> None:
    topology, settings = Topology("apply-setting", 2), settings_of(broker)
    carry_out(plan(topology, settings), settings)
    client = AdminClient({"bootstrap.servers": broker.bootstrap})
    change = ConfigEntry("retention.ms", "60000", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, "apply-setting.events", incremental_configs=[change])
    for answer in client.incremental_alter_configs([resource]).values():
        answer.result()
    steps = plan(topology, settings)
    assert [(step.topic, step.action) for step in steps.work] == [("apply-setting.events", "set")]
    carry_out(steps, settings)
    assert plan(topology, settings).work == ()


def test_refused_difference_keeps_everything_else_undone(broker: Broker) -> None:
    topology, settings = Topology("apply-refused", 4), settings_of(broker)
    client = AdminClient({"bootstrap.servers": broker.bootstrap})
    for answer in client.create_topics([NewTopic("apply-refused.events", 2, 1)]).values():
        answer.result()
    steps = plan(topology, settings)
    with pytest.raises(UserError, match=r"apply-refused\.events: it has 2 partitions"):
        carry_out(steps, settings)
    assert [step.action for step in plan(topology, settings).steps].count("create") == len(topology.topics) - 1
