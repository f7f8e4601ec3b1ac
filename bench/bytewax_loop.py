"""One predict-and-learn hop in Bytewax with its own Kafka connectors.

What was chosen, and why:

- ``flat_map_batch``, so that one call of Python takes all the records that a poll of a partition brought, not
  one;
- ``batch_size`` of 1,000 records a poll, and orjson both ways;
- recovery is on, with an epoch a second: it is what Bytewax has in the place of committed offsets (at least
  once);
- ``tail=False``: the flow ends at the end of the pre-filled topic, and its last epoch is then closed;
- one worker, as the model is one: it lives in the process, as it does in the other hops.

The sink of the connectors flushes after every batch; that is theirs and is left as it is.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import bytewax.connectors.kafka as kafka  # type: ignore[import-not-found]
import bytewax.operators as operators  # type: ignore[import-not-found]
import orjson
from bytewax.dataflow import Dataflow  # type: ignore[import-not-found]
from bytewax.recovery import RecoveryConfig, init_db_dir  # type: ignore[import-not-found]
from bytewax.run import cli_main  # type: ignore[import-not-found]

from bench import contender, prefill, scores, stream

BATCH_RECORDS = 1000
EPOCH = timedelta(seconds=1)


def run(task: contender.Task) -> dict[str, Any]:
    """Take every record of the input through the dataflow."""
    output = f"{task.topics}.predictions.{task.run}"
    prefill.create(task.bootstrap, {output: prefill.PARTITIONS})
    model = scores.model()
    watch = contender.Stopwatch()
    done = 0

    def predict_and_learn(messages: list[Any]) -> Iterable[Any]:
        nonlocal done
        watch.start()
        answers = []
        for message in messages:
            record = orjson.loads(message.value)
            features = {name: record[name] for name in stream.FEATURES}
            score = model.predict_proba_one(features)[True]
            model.learn_one(features, record["label"])
            answers.append(kafka.KafkaSinkMessage(message.key, orjson.dumps({"id": record["id"], "score": score})))
        done += len(answers)
        return answers

    flow = Dataflow("hop")
    source = kafka.KafkaSource([task.bootstrap], [f"{task.topics}.events"], tail=False, batch_size=BATCH_RECORDS)
    events = operators.input("events", flow, source)
    predictions = operators.flat_map_batch("predict_and_learn", events, predict_and_learn)
    sink = kafka.KafkaSink([task.bootstrap], output, add_config={"partitioner": "murmur2_random"})
    operators.output("predictions", predictions, sink)

    with tempfile.TemporaryDirectory(prefix="headrace-bench-") as folder:
        init_db_dir(Path(folder), 1)
        cli_main(flow, epoch_interval=EPOCH, recovery_config=RecoveryConfig(folder))
        watch.stop()
    if done != task.events:
        message = f"{done} of {task.events} events were processed"
        raise RuntimeError(message)
    return watch.result(done)


if __name__ == "__main__":
    contender.main("bytewax_loop", run)
