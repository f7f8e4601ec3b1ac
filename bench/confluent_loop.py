"""One predict-and-learn hop, written by hand on confluent-kafka, the way that costs least.

What was chosen, and why:

- ``consume`` takes up to a thousand records a call, so that the crossing into C is paid once in a thousand;
- orjson both ways, bytes in and out, one dictionary each;
- ``linger.ms`` of 5, so that the output leaves in full batches;
- offsets are committed every 100 ms after a flush of what they stand for, so at least once; the transactional
  variant commits outputs and offsets in one transaction at the same pace, so exactly once;
- idempotence is left off for the first, as it is the library's default.

The model lives in the process alone and is lost with it: no checkpoint, no join of labels, no metrics, no
rejects.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import orjson
from confluent_kafka import Consumer, KafkaError, Message, Producer

from bench import contender, prefill, scores, stream

BATCH_RECORDS = 1000
COMMIT_EVERY_S = 0.1


def _refuse_lost(error: KafkaError | None, message: Message) -> None:
    if error is not None:
        raise RuntimeError(f"prediction for {message.key()!r} was lost: {error}")


class Hop:
    """A consumer, a model and a producer; a call of :meth:`step` is one batch through all three."""

    def __init__(self, task: contender.Task, *, transactional: bool) -> None:
        group = f"{task.topics}.{task.run}"
        self.output = f"{task.topics}.predictions.{task.run}"
        self.transactional = transactional
        self.consumer = Consumer(
            {
                "bootstrap.servers": task.bootstrap,
                "group.id": group,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "isolation.level": "read_committed" if transactional else "read_uncommitted",
            }
        )
        settings: dict[str, Any] = {
            "bootstrap.servers": task.bootstrap,
            "partitioner": "murmur2_random",
            "linger.ms": 5,
            "queue.buffering.max.messages": 500_000,
            # A record that is lost must stop the hop; those that arrive need no call into Python each.
            "delivery.report.only.error": True,
            "on_delivery": _refuse_lost,
        }
        if transactional:
            # The default back-off of 100 ms would be paid at every begin that meets the end of the one
            # before.
            settings |= {"transactional.id": group, "transaction.timeout.ms": 10_000, "retry.backoff.ms": 1}
        self.producer = Producer(settings)
        if transactional:
            self.producer.init_transactions(30)
            self.producer.begin_transaction()
        self.consumer.subscribe([f"{task.topics}.events"])
        model = scores.model()
        self.predict = model.predict_proba_one
        self.learn = model.learn_one

    def step(self, messages: list[Message]) -> None:
        """Predict, learn and send every record of a batch."""
        for message in messages:
            if message.error():
                raise RuntimeError(str(message.error()))
            value = message.value()
            assert value is not None
            record = orjson.loads(value)
            features = {name: record[name] for name in stream.FEATURES}
            score = self.predict(features)[True]
            self.learn(features, record["label"])
            answer = orjson.dumps({"id": record["id"], "score": score})
            self.producer.produce(self.output, answer, message.key())
        self.producer.poll(0)

    def commit(self) -> None:
        """Make everything sent so far count, and say that its input is done."""
        if self.transactional:
            offsets = self.consumer.position(self.consumer.assignment())
            self.producer.send_offsets_to_transaction(offsets, self.consumer.consumer_group_metadata())
            self.producer.commit_transaction()
            self.producer.begin_transaction()
        else:
            self.producer.flush()
            self.consumer.commit(asynchronous=False)

    def close(self) -> None:
        """Leave the group."""
        if self.transactional:
            self.producer.abort_transaction()
        self.consumer.close()


def run(task: contender.Task, *, transactional: bool = False) -> dict[str, Any]:
    """Take every record of the input through the hop."""
    prefill.create(task.bootstrap, {f"{task.topics}.predictions.{task.run}": prefill.PARTITIONS})
    hop = Hop(task, transactional=transactional)
    watch = contender.Stopwatch()
    done = commits = 0
    committed_s = time.perf_counter()
    end_s = committed_s + task.timeout_s
    while done < task.events:
        messages = hop.consumer.consume(BATCH_RECORDS, 0.1)
        if messages:
            watch.start()
        hop.step(messages)
        done += len(messages)
        now_s = time.perf_counter()
        if done >= task.events or now_s - committed_s >= COMMIT_EVERY_S:
            if done:
                hop.commit()
                commits += 1
            committed_s = now_s
        if now_s > end_s:
            message = f"{done} of {task.events} events after {task.timeout_s:.0f} s"
            raise TimeoutError(message)
    watch.stop()
    hop.close()
    watch.details = {"commits": commits}
    return watch.result(done)


def run_transactional(task: contender.Task) -> dict[str, Any]:
    """Take every record of the input through the hop, exactly once."""
    return run(task, transactional=True)


if __name__ == "__main__":
    exactly_once = "--transactional" in sys.argv
    if exactly_once:
        sys.argv.remove("--transactional")
    contender.main("confluent_loop", run_transactional if exactly_once else run)
