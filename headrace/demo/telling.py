"""What happened in a run, in plain sentences; pure."""

from __future__ import annotations

from headrace.demo.compared import CLIP
from headrace.demo.decisions import GIVEN_UP, first_of_each
from headrace.demo.summary import Replayed, Summary
from models.baselines import PRIOR


def paragraph(summary: Summary) -> str:
    """One paragraph in plain sentences."""
    sentences = [_exactly_once(summary), _labels(summary), _time(summary), *_quality(summary), _decided(summary)]
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


def _quality(summary: Summary) -> list[str]:
    """What was served, against the prior and against each declared model alone, on the same flights."""
    models, served = summary.models, summary.served
    prior = next((model for model in models if model.model == PRIOR), None)
    if served is None or prior is None or prior.log_loss_clipped is None:
        return ["No label came, so nothing can be said about the models."]
    loss, bar = served.log_loss_clipped, prior.log_loss_clipped
    beat = f"beat the prior by {bar - loss:.4f}" if loss < bar else "did not beat the prior"
    text = (
        f"What was served {beat} in log loss ({loss:.4f} to {bar:.4f}), over the {served.flights:,} flights that all "
        f"declared models answered and with probabilities clipped to {CLIP}..{1 - CLIP}."
    )
    alone = [
        (model.log_loss_clipped, model.model)
        for model in models
        if model.declared and not model.baseline and model.log_loss_clipped is not None
    ]
    if not alone:
        return [text]
    told = ", ".join(f"{name} {each:.4f}" for each, name in sorted(alone))
    return [text, f"Each declared model alone on the same flights: {told}.", *_best(loss, *min(alone))]


def _best(served: float, best: float, name: str) -> list[str]:
    """What it has cost not to know beforehand which model is best."""
    if abs(served - best) < 5e-5:
        return []
    if best < served:
        return [f"Whoever had known beforehand that {name} is the best would have had {served - best:.4f} less."]
    return [f"That is {best - served:.4f} less than with the best of them alone, {name}."]


def _decided(summary: Summary) -> str:
    """How much was decided."""
    kinds = [decision.kind for decision in summary.decisions]
    if not kinds:
        return "Nothing was decided yet: no retraining was due, and no trial has come to its end."
    given_up = [decision.about for decision in summary.decisions if decision.kind in GIVEN_UP]
    # A version that stays is tried again after a rest, and the list below has the first time alone.
    trials = f", in {len(given_up):,} trials" if len(given_up) > len(set(given_up)) else ""
    counts = [
        (kinds.count("retrain"), "retraining was asked for", "retrainings were asked for"),
        (kinds.count("challenger"), "challenger joined", "challengers joined"),
        (kinds.count("failed"), "retraining failed", "retrainings failed"),
        (kinds.count("promote done"), "promotion took place", "promotions took place"),
        (kinds.count("roll_back done"), "time it went back", "times it went back"),
        (kinds.count("promote vetoed"), "promotion was vetoed", "promotions were vetoed"),
        (len(set(given_up)), f"version was given up{trials}", f"versions were given up{trials}"),
    ]
    told = [f"{count:,} {one if count == 1 else many}" for count, one, many in counts if count]
    last = f" and {told.pop()}" if len(told) > 1 else ""
    return f"Decided in this run: {', '.join(told)}{last}."


def account(summary: Summary) -> list[str]:
    """What was decided and why, and how good the versions were that came later, one line each."""
    lines = [decision.sentence() for decision in first_of_each(summary.decisions)]
    for model in summary.models:
        if not model.declared and model.log_loss_clipped is not None and model.served_log_loss_clipped is not None:
            by = model.served_log_loss_clipped - model.log_loss_clipped
            how = (
                f"{abs(by):.4f} {'better' if by > 0 else 'worse'} in log loss than" if abs(by) >= 5e-5 else "as good as"
            )
            lines.append(
                f"{model.state} answered {model.flights:,} flights, {how} what was "
                f"served to them ({model.log_loss_clipped:.4f} to {model.served_log_loss_clipped:.4f})"
            )
    return lines


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
