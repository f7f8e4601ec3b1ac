"""The bare River loop: no Kafka, no records, one process. What the whole loop of Headrace is held against.

For each event the model and both baselines predict; the labels arrive later, in the stream's order, and then
each prediction is scored and each model learns; every thousandth label, the scores are reported, as Headrace's
leader does. Predictions and features wait for their label in a dictionary, as they must in any loop with
delayed labels.

With ``--watched`` River's ADWIN looks for drift in every feature, in the model's score, the label and the model's loss,
at its defaults: what a user of River would declare to watch what Headrace watches.
"""

from __future__ import annotations

import argparse
import gc
import math
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from river import drift

from bench import contender, scores, stream


def run(task: contender.Task, watched: bool = False) -> dict[str, Any]:
    """Predict and learn the whole stream; the clock runs over the loop, not over the making of the events."""
    steps = list(stream.in_time_order(stream.events(task.events)))
    models: dict[str, scores.Model] = {"model": scores.model(), **scores.baselines()}
    kept = {name: scores.Scores() for name in models}
    # Bound methods and the scores side by side, so that the inner loops look nothing up by name.
    predictors = [each.predict_proba_one for each in models.values()]
    learners = [(kept[name].update, each.learn_one) for name, each in models.items()]
    watch_event, watch_label = _detectors() if watched else (None, None)
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
            if watch_label is not None:
                watch_label(event.label, predictions[0])
            labels += 1
            if labels % scores.REPORT_EVERY_LABELS == 0:
                report = {name: each.values() for name, each in kept.items()}
        else:
            predictions = [predict(event.features) for predict in predictors]
            waiting[event.id] = (event.features, predictions)
            if watch_event is not None:
                watch_event(event.features, predictions[0])
    watch.stop()

    report = {name: each.values() for name, each in kept.items()}
    watch.details = {"log_loss": report["model"]["log_loss"], **report}
    return watch.result(task.events)


def _detectors() -> tuple[Callable[..., None], Callable[..., None]]:
    """What looks for drift at every event, and what does so at every label."""
    features: dict[str, drift.ADWIN] = {}
    score, label, loss = drift.ADWIN(), drift.ADWIN(), drift.ADWIN()

    def watch_event(values: Mapping[str, float], predicted: scores.Probabilities) -> None:
        for name, value in values.items():
            detector = features.get(name)
            if detector is None:
                detector = features[name] = drift.ADWIN()
            detector.update(value)
        score.update(predicted.get(True, 0.0))

    def watch_label(truth: bool, predicted: scores.Probabilities) -> None:
        label.update(truth)
        loss.update(-math.log(max(predicted.get(truth, 0.0), 1e-15)))

    return watch_event, watch_label


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--watched", action="store_true")
    chosen, sys.argv[1:] = parser.parse_known_args()
    contender.main("river_loop", partial(run, watched=chosen.watched))
