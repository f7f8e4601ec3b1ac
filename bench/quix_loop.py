"""One predict-and-learn hop in Quix Streams, the way its guide shows it: a dataframe, a function, a topic.

What was chosen, and why:

- JSON in and out by the framework's own deserializers, which use orjson; keys go through as bytes;
- at least once, the default, with the default commit interval of 5 s;
- ``linger.ms`` of 5, so that the output leaves in full batches;
- no state store: the model lives in the process, as it does in the other hops;
- log level of warnings.

The clock stops when the application has made its last commit and closed; the closing takes some milliseconds.
"""

from __future__ import annotations

import tempfile
from typing import Any

from quixstreams import Application  # type: ignore[import-not-found]

from bench import contender, prefill, scores, stream


def run(task: contender.Task) -> dict[str, Any]:
    """Take every record of the input through the dataframe."""
    # Quix makes a folder for its stores even where there are none; by default in the working directory.
    with tempfile.TemporaryDirectory(prefix="headrace-bench-") as folder:
        return _run(task, folder)


def _run(task: contender.Task, folder: str) -> dict[str, Any]:
    output = f"{task.topics}.predictions.{task.run}"
    prefill.create(task.bootstrap, {output: prefill.PARTITIONS})
    application = Application(
        broker_address=task.bootstrap,
        consumer_group=f"{task.topics}.{task.run}",
        auto_offset_reset="earliest",
        producer_extra_config={"linger.ms": 5, "partitioner": "murmur2_random"},
        auto_create_topics=False,
        state_dir=folder,
        loglevel="WARNING",
    )
    model = scores.model()
    watch = contender.Stopwatch()
    done = 0

    def predict_and_learn(record: dict[str, Any]) -> dict[str, Any]:
        nonlocal done
        if not done:
            watch.start()
        done += 1
        features = {name: record[name] for name in stream.FEATURES}
        score = model.predict_proba_one(features)[True]
        model.learn_one(features, record["label"])
        return {"id": record["id"], "score": score}

    dataframe = application.dataframe(application.topic(f"{task.topics}.events", value_deserializer="json"))
    dataframe = dataframe.apply(predict_and_learn)
    dataframe.to_topic(application.topic(output, value_serializer="json"))
    application.run(count=task.events, timeout=task.timeout_s, collect=False)
    watch.stop()
    return watch.result(done)


if __name__ == "__main__":
    contender.main("quix_loop", run)
