"""What happened in a run, as facts and as one paragraph; pure."""

from __future__ import annotations

import msgspec

from headrace.demo.tally import CLIP, Tally, quantile
from headrace.demo.watched import Watched
from models.baselines import PRIOR


class ModelSummary(msgspec.Struct, frozen=True, kw_only=True):
    """How good a model was: as ``health`` says, and clipped, over the flights that all models answered."""

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
    state
        ``model@version:position`` of the last prediction.
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
    )


def _models(tally: Tally) -> list[ModelSummary]:
    if tally.health is None:
        return []
    return [
        ModelSummary(
            model=model.model,
            version=model.version,
            champion=model.champion,
            baseline=model.baseline,
            labels=model.count,
            log_loss=model.metrics["LogLoss"],
            accuracy=model.metrics["Accuracy"],
            log_loss_last_1000=model.rolling["LogLoss"],
            accuracy_last_1000=model.rolling["Accuracy"],
            log_loss_clipped=tally.clipped_loss(model.model),
        )
        for model in tally.health.models
    ]


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


def paragraph(summary: Summary) -> str:
    """One paragraph in plain sentences."""
    sentences = [_exactly_once(summary), _labels(summary), _time(summary), *_quality(summary.models)]
    if summary.behind_p50_labels is not None and summary.state is not None:
        sentences.append(
            f"When a flight was answered, the model had yet to learn {summary.behind_p50_labels:,.0f} of the "
            f"labels known by then at the median, {summary.behind_p99_labels:,.0f} at the 99th percentile; "
            f"the last answer came from the state {summary.state}."
        )
    if summary.worker_restarts:
        sentences.append(f"The worker was killed and started again {_times(summary.worker_restarts)}.")
    if summary.watched is not None:
        sentences.append(summary.watched.sentence())
    if summary.replayed is not None:
        sentences.append(_replayed(summary.replayed, summary.predictions))
    return " ".join(sentences)


def _exactly_once(summary: Summary) -> str:
    events, predictions = summary.events, summary.predictions
    if predictions == events and not summary.repeated and not summary.rejected:
        return f"{events:,} flights went in and {predictions:,} predictions came out, exactly one for each."
    return (
        f"{events:,} flights went in and {predictions:,} of them have a prediction; {summary.repeated:,} records "
        f"came more than once and {summary.rejected:,} were rejected, which must not be."
    )


def _labels(summary: Summary) -> str:
    learnt = f"{summary.labels_learnt:,} labels were learnt, each once"
    if summary.labels_learnt != summary.labels_sent:
        learnt = f"{summary.labels_learnt:,} of {summary.labels_sent:,} labels were learnt, which must not be"
    return f"{learnt}, and {summary.labels_never_came:,} never came: cancelled or diverted."


def _time(summary: Summary) -> str:
    minutes, seconds = divmod(round(summary.took_s), 60)
    took = f"{minutes} min {seconds} s" if minutes else f"{summary.took_s:.1f} s"
    text = f"It took {took}, {summary.flights_per_s:,.0f} flights a second"
    if summary.latency_p50_ms is None:
        return f"{text}."
    return (
        f"{text}, with {summary.latency_p50_ms:,.0f} ms from event to prediction at the median and "
        f"{summary.latency_p99_ms:,.0f} ms at the 99th percentile."
    )


def _quality(models: list[ModelSummary]) -> list[str]:
    champion = next((model for model in models if model.champion), None)
    prior = next((model for model in models if model.model == PRIOR), None)
    if champion is None or prior is None or not champion.labels:
        return ["No label came, so nothing can be said about the models."]
    best = min(models, key=lambda model: model.log_loss)
    others = ", ".join(
        f"{model.model} {model.log_loss:.4f}" for model in models if model not in (champion, prior, best)
    )
    if best is champion:
        return [_against(champion, prior), f"No other has a lower one ({others})."]
    return [_against(champion, prior), f"The lowest is that of {best.model}, {best.log_loss:.4f} ({others})."]


def _against(champion: ModelSummary, prior: ModelSummary) -> str:
    """The champion against the prior, which counts as beaten only where it is so by the fairer numbers too."""
    numbers = f"{champion.log_loss:.4f} to {prior.log_loss:.4f}"
    better_by = fairly_by = prior.log_loss - champion.log_loss
    fairly = numbers
    if champion.log_loss_clipped is not None and prior.log_loss_clipped is not None:
        fairly_by = prior.log_loss_clipped - champion.log_loss_clipped
        fairly = f"{champion.log_loss_clipped:.4f} to {prior.log_loss_clipped:.4f}"
    beat = f"beat the prior by {better_by:.4f}" if min(better_by, fairly_by) > 0 else "did not beat the prior"
    text = f"The champion, {champion.model}, {beat} in log loss ({numbers})."
    if fairly == numbers:
        return text
    return (
        f"{text} By a measure fairer to a prior that is certain of itself at first, over the flights that all "
        f"models answered and with probabilities clipped to {CLIP}..{1 - CLIP}, it is {fairly}."
    )


def _replayed(replayed: Replayed, predictions: int) -> str:
    text = f"Replayed {replayed.compared:,} of {predictions:,} predictions from the learning log, bit for bit: "
    if replayed.equal == replayed.compared:
        return f"{text}all equal."
    return f"{text}{replayed.compared - replayed.equal:,} differ, which must not be."


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def next_commands(file: str, bootstrap: str | None) -> list[tuple[str, str]]:
    """Commands to try next, each with what it does.

    Parameters
    ----------
    file
        The demo's pipeline file.
    bootstrap
        Where the topics still are; ``None`` if they are gone with the embedded broker.
    """
    if bootstrap is None:
        return [
            ("headrace demo --speed 7200", "the same at two hours a second"),
            ("headrace broker", "a Kafka that stays, in another terminal"),
            ("HEADRACE_BOOTSTRAP=127.0.0.1:9092 headrace demo", "the demo on it, whose topics stay too"),
            ("headrace init", "a pipeline file of your own to start from"),
        ]
    return [
        (f"headrace status {file}", "offsets, lag, position, health"),
        (f"headrace tail {file} health", "how good the models were, as it went"),
        (f"headrace tail {file} drift", "what moved, and why"),
        (f"headrace alerts ls {file}", "what was wrong"),
        (f"headrace models ls {file}", "the models, and who is in charge"),
        (f"headrace replay {file} --all", "every prediction once more, bit for bit"),
        (f"headrace run {file}", "a worker, for `headrace send` and `headrace predict`"),
    ]
