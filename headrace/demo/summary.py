"""What happened in a run, as facts; pure."""

from __future__ import annotations

import msgspec

from headrace.demo.compared import Compared
from headrace.demo.decisions import Decision
from headrace.demo.tally import Tally, quantile
from headrace.demo.watched import Watched
from schemas.health import ModelHealth


class ModelSummary(msgspec.Struct, frozen=True, kw_only=True):
    """How good a version was, by itself and beside what was served.

    Parameters
    ----------
    declared
        It was there from the beginning; otherwise it was trained later.
    labels, log_loss, accuracy
        As ``health`` says, over all its labels.
    log_loss_clipped, flights
        Over the flights that are compared: those that all declared models answered, and this one.
    served_log_loss_clipped
        Of what was served to the same flights.
    """

    model: str
    version: int
    champion: bool
    baseline: bool
    labels: int
    log_loss: float
    accuracy: float
    log_loss_last_1000: float
    accuracy_last_1000: float
    log_loss_clipped: float | None
    declared: bool = True
    flights: int = 0
    served_log_loss_clipped: float | None = None

    @property
    def state(self) -> str:
        """``model@version``."""
        return f"{self.model}@{self.version}"


class ServedSummary(msgspec.Struct, frozen=True, kw_only=True):
    """How good the answers were that went out, whoever was in charge, over the flights that are compared."""

    flights: int
    log_loss_clipped: float
    accuracy: float


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay of a sample has found."""

    compared: int
    equal: int
    records_folded: int
    took_s: float


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of a run.

    Parameters
    ----------
    predictions
        Events with a prediction; ``repeated`` counts any beyond one for each, and labels learnt twice.
    labels_never_came
        Events of which no label was ever sent.
    took_s
        From the first event sent to the last prediction or label that came back.
    behind_p50_labels, behind_p99_labels
        How many labels sent before an event the state that answered it had not learnt.
    served
        How good the answers were that went out; absent while no label has come.
    models
        Every version that is active at the end.
    state
        ``model@version:position`` of the last prediction.
    decisions
        What was decided, oldest first.
    """

    events: int
    predictions: int
    repeated: int
    rejected: int
    labels_sent: int
    labels_learnt: int
    labels_never_came: int
    took_s: float
    flights_per_s: float
    latency_p50_ms: float | None
    latency_p99_ms: float | None
    behind_p50_labels: float | None
    behind_p99_labels: float | None
    models: list[ModelSummary]
    state: str | None
    worker_restarts: int
    bootstrap: str | None
    replayed: Replayed | None = None
    watched: Watched | None = None
    served: ServedSummary | None = None
    decisions: list[Decision] = []


def summarize(
    tally: Tally,
    worker_restarts: int,
    bootstrap: str | None,
    replayed: Replayed | None,
    watched: Watched | None = None,
) -> Summary:
    """The facts of a tally that is complete.

    Parameters
    ----------
    bootstrap
        Where the topics still are; ``None`` if they are gone.
    """
    took_s = max(tally.last_back_s - tally.first_sent_s, 1e-3)
    return Summary(
        events=tally.events,
        predictions=tally.answered,
        repeated=tally.repeated,
        rejected=tally.rejected,
        labels_sent=tally.labels,
        labels_learnt=tally.learnt,
        labels_never_came=tally.events - tally.labels,
        took_s=round(took_s, 3),
        flights_per_s=round(tally.answered / took_s, 1),
        latency_p50_ms=quantile(tally.latencies_ms, 0.5),
        latency_p99_ms=quantile(tally.latencies_ms, 0.99),
        behind_p50_labels=quantile(tally.behind, 0.5),
        behind_p99_labels=quantile(tally.behind, 0.99),
        models=_models(tally),
        state=tally.state,
        worker_restarts=worker_restarts,
        bootstrap=bootstrap,
        replayed=replayed,
        watched=watched,
        served=_served(tally),
        decisions=tally.decisions.told,
    )


def _served(tally: Tally) -> ServedSummary | None:
    compared = tally.compared
    loss = compared.loss()
    if loss is None:
        return None
    return ServedSummary(flights=compared.flights, log_loss_clipped=loss, accuracy=compared.hits / compared.flights)


def _models(tally: Tally) -> list[ModelSummary]:
    if tally.health is None:
        return []
    return [_model(model, tally.compared) for model in tally.health.models]


def _model(model: ModelHealth, compared: Compared) -> ModelSummary:
    state = f"{model.model}@{model.version}"
    sums = compared.versions.get(state)
    return ModelSummary(
        model=model.model,
        version=model.version,
        champion=model.champion,
        baseline=model.baseline,
        labels=model.count,
        log_loss=model.metrics["LogLoss"],
        accuracy=model.metrics["Accuracy"],
        log_loss_last_1000=model.rolling["LogLoss"],
        accuracy_last_1000=model.rolling["Accuracy"],
        log_loss_clipped=compared.loss(state),
        declared=state in compared.first,
        flights=0 if sums is None else sums.flights,
        served_log_loss_clipped=None if sums is None else sums.served / sums.flights,
    )


def is_right(summary: Summary) -> bool:
    """Whether the promises held: one prediction for each event, each label learnt once, and the replay agrees."""
    replayed = summary.replayed
    return (
        summary.predictions == summary.events
        and summary.labels_learnt == summary.labels_sent
        and not summary.repeated
        and not summary.rejected
        and (replayed is None or replayed.equal == replayed.compared > 0)
    )
