"""The fold over the learning log that says how good each model really was."""

from __future__ import annotations

from collections import deque
from datetime import datetime
from typing import Any

from models.metrics import Metrics
from models.pipeline import Pipeline, label_of
from schemas.examples import Control, Example, LogRecord
from schemas.health import Health, LabelHealth, ModelHealth


def _quantile(ordered: list[float], share: float) -> float | None:
    """The value below which this share of the values lies (nearest rank)."""
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else None


class Monitor:
    """Prequential metrics of every active model, and what became of the labels.

    Each score was served before its label was learnt, so no model is judged on what it had seen. A
    correction takes back what the wrong label added to the metrics over all labels; in the rolling ones it
    counts as a label of its own.

    Parameters
    ----------
    pipeline
        Its problem, window and how often to report.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self.position = 0
        self.reported = 0
        self._pipeline = pipeline
        self._window = pipeline.health_window
        self._models: dict[str, Metrics] = {}
        self._by_name: dict[tuple[str, int], Metrics] = {}
        self._controls: dict[str, Control] = {}
        self._champion: str | None = None
        self._labels = 0
        self._counts = {"known": 0, "corrected": 0, "expired": 0}
        self._delays: deque[float] = deque(maxlen=self._window)
        self._time: datetime | None = None

    def fold(self, offset: int, record: LogRecord) -> Health | None:
        """Take in the record at ``offset``; gives a report when one is due."""
        if offset < self.position:
            return None
        self.position = offset + 1
        if isinstance(record, Example):
            self._example(record)
        elif isinstance(record, Control):
            self._control(record)
        due = self._labels - self.reported >= self._pipeline.health_every
        return self.report() if due else None

    @property
    def news(self) -> bool:
        """Whether labels have come since the last report."""
        return self._labels > self.reported

    def report(self) -> Health:
        """The state of things now. There must have been an outcome."""
        assert self._time is not None
        self.reported = self._labels
        return Health(
            position=self.position,
            time=self._time,
            window=self._window,
            models=[self._model(state) for state in self._models],
            labels=self._label_health(),
        )

    def _example(self, example: Example) -> None:
        self._counts[example.status] += 1
        if self._time is None or example.time > self._time:
            self._time = example.time
        if example.label is None:
            return
        self._labels += 1
        label = label_of(self._pipeline, example.label)
        for said in example.said:
            metrics = self._by_name.get((said.model, said.version))
            if metrics is None or said.score is None:
                continue
            if example.previous is not None:
                metrics.revert(label_of(self._pipeline, example.previous), said.score)
            metrics.update(label, said.score)
        if example.labelled is not None:
            self._delays.append((example.labelled - example.time).total_seconds())

    def _control(self, control: Control) -> None:
        state = f"{control.model}@{control.version}"
        if control.action == "added":
            pipeline = self._pipeline
            self._models[state] = Metrics(pipeline.problem, pipeline.label_type, self._window)
            self._by_name[control.model, control.version] = self._models[state]
            self._controls[state] = control
        elif control.action in ("removed", "quarantined"):
            self._models.pop(state, None)
            self._by_name.pop((control.model, control.version), None)
            self._controls.pop(state, None)
        else:
            self._champion = state

    def _model(self, state: str) -> ModelHealth:
        control, metrics = self._controls[state], self._models[state]
        return ModelHealth(
            model=control.model,
            version=control.version,
            champion=state == self._champion,
            baseline=control.baseline,
            count=metrics.count,
            metrics=metrics.overall(),
            rolling=metrics.rolling(),
        )

    def _label_health(self) -> LabelHealth:
        outcomes = self._counts["known"] + self._counts["expired"]
        ordered = sorted(self._delays)
        return LabelHealth(
            known=self._counts["known"],
            corrected=self._counts["corrected"],
            expired=self._counts["expired"],
            coverage=self._counts["known"] / outcomes if outcomes else None,
            delay_p50_s=_quantile(ordered, 0.5),
            delay_p90_s=_quantile(ordered, 0.9),
        )

    def state(self) -> dict[str, Any]:
        """Everything the fold has brought about, for a checkpoint."""
        return {name: value for name, value in vars(self).items() if name not in ("_pipeline", "_window")}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state` gave."""
        vars(self).update(state)
