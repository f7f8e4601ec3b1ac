"""The bare River loop: no Kafka, no records, one process. What the whole loop of Headrace is held against.

For each event the model and both baselines predict; the labels arrive later, in the stream's order, and then
each prediction is scored and each model learns; every thousandth label, the scores are reported, as Headrace's
leader does. Predictions and features wait for their label in a dictionary, as they must in any loop with
delayed labels.
"""

from __future__ import annotations

import gc
from typing import Any

from bench import contender, scores, stream


def run(task: contender.Task) -> dict[str, Any]:
    """Predict and learn the whole stream; the clock runs over the loop, not over the making of the events."""
    steps = list(stream.in_time_order(stream.events(task.events)))
    models: dict[str, scores.Model] = {"model": scores.model(), **scores.baselines()}
    kept = {name: scores.Scores() for name in models}
    # Bound methods and the scores side by side, so that the inner loops look nothing up by name.
    predictors = [each.predict_proba_one for each in models.values()]
    learners = [(kept[name].update, each.learn_one) for name, each in models.items()]
    labels = 0
    waiting: dict[str, tuple[dict[str, float], list[scores.Probabilities]]] = {}

    # The whole input lies in memory here and nowhere else; without this the collector walks it again and
    # again.
    gc.collect()
    gc.freeze()
    watch = contender.Stopwatch()
    watch.start()
    for is_label, event in steps:
        if is_label:
            features, predictions = waiting.pop(event.id)
            for (update, learn), predicted in zip(learners, predictions, strict=True):
                update(event.label, predicted)
                learn(features, event.label)
            labels += 1
            if labels % scores.REPORT_EVERY_LABELS == 0:
                report = {name: each.values() for name, each in kept.items()}
        else:
            waiting[event.id] = (event.features, [predict(event.features) for predict in predictors])
    watch.stop()

    report = {name: each.values() for name, each in kept.items()}
    watch.details = {"log_loss": report["model"]["log_loss"], **report}
    return watch.result(task.events)


if __name__ == "__main__":
    contender.main("river_loop", run)
