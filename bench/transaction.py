"""What one Kafka transaction costs by itself: the floor under the way from an event to its committed prediction.

One record and one offset, written and committed by the client library as Headrace does it, one after the other on a
broker that does nothing else. No answer that is exactly once can be there sooner.
"""

from __future__ import annotations

import time
import uuid
from typing import Any

import numpy
from confluent_kafka import Consumer, Producer, TopicPartition

from bench import prefill

COUNT = 200
WARMUP = 50
STEP_S = 30.0


def measure(address: str) -> dict[str, Any]:
    """Commit so many transactions; gives ``transaction_p50_ms`` and ``transaction_p99_ms``."""
    topic = f"bench-transaction-{uuid.uuid4().hex[:8]}"
    prefill.create(address, {topic: prefill.PARTITIONS})
    producer = Producer(
        {
            "bootstrap.servers": address,
            "transactional.id": topic,
            "transaction.timeout.ms": 10_000,
            "retry.backoff.ms": 1,
            "linger.ms": 0,
        }
    )
    consumer = Consumer({"bootstrap.servers": address, "group.id": topic, "enable.auto.commit": False})
    try:
        producer.init_transactions(STEP_S)
        consumer.subscribe([topic])
        while not consumer.assignment():
            consumer.poll(0.05)
        ways_ms = [_one(producer, consumer, topic, number) for number in range(WARMUP + COUNT)][WARMUP:]
    finally:
        consumer.close()
        prefill.delete(address, topic)
    p50, p99 = numpy.quantile(ways_ms, [0.5, 0.99]).round(2).tolist()
    return {"transaction_p50_ms": p50, "transaction_p99_ms": p99}


def _one(producer: Producer, consumer: Consumer, topic: str, number: int) -> float:
    begun_s = time.perf_counter()
    producer.begin_transaction()
    producer.produce(topic, b"{}", partition=0)
    places = [TopicPartition(topic, 0, number)]
    producer.send_offsets_to_transaction(places, consumer.consumer_group_metadata(), STEP_S)
    producer.commit_transaction(STEP_S)
    return (time.perf_counter() - begun_s) * 1000
