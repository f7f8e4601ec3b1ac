"""The demo's last paragraph: what it says of the facts, the unwelcome ones too."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from headrace.demo.decisions import Decision
from headrace.demo.summary import ModelSummary, Replayed, ServedSummary, Summary, is_right
from headrace.demo.telling import account, next_commands, paragraph

MOMENT = datetime(2013, 2, 1, 6, tzinfo=UTC)


def model(name: str, log_loss: float, version: int = 1, served: float | None = None, **role: bool) -> ModelSummary:
    return ModelSummary(
        model=name,
        version=version,
        labels=980,
        champion=role.get("champion", False),
        baseline=role.get("baseline", False),
        log_loss=log_loss,
        accuracy=0.75,
        log_loss_last_1000=log_loss,
        accuracy_last_1000=0.75,
        log_loss_clipped=log_loss,
        declared=version == 1,
        flights=970 // version,
        served_log_loss_clipped=served,
    )


def facts(**changes: Any) -> Summary:
    summary = Summary(
        events=1_000,
        predictions=1_000,
        repeated=0,
        rejected=0,
        labels_sent=980,
        labels_learnt=980,
        labels_never_came=20,
        took_s=2.0,
        flights_per_s=500.0,
        latency_p50_ms=40.0,
        latency_p99_ms=90.0,
        behind_p50_labels=12,
        behind_p99_labels=50,
        models=models(0.50, 0.56),
        served=served(0.50),
        state="logistic@1:980",
        worker_restarts=0,
        bootstrap=None,
        replayed=Replayed(compared=100, equal=100, records_folded=984, took_s=1.0),
    )
    return msgspec.structs.replace(summary, **changes)


def models(logistic: float, prior: float, *, tree: float = 0.57) -> list[ModelSummary]:
    return [
        model("logistic", logistic, champion=True),
        model("tree", tree),
        model("prior", prior, baseline=True),
        model("no-change", 1.4, baseline=True),
    ]


def served(log_loss: float) -> ServedSummary:
    return ServedSummary(flights=970, log_loss_clipped=log_loss, accuracy=0.8)


def decided(kind: str, about: str = "logistic@1") -> Decision:
    return Decision(time=MOMENT, kind=kind, about=about, reason="because")


def test_paragraph_of_a_run_in_which_everything_held() -> None:
    assert paragraph(facts()) == (
        "1,000 flights went in and 1,000 predictions came out, exactly one for each. "
        "980 labels were learnt, each once, and 20 never came: cancelled or diverted. "
        "It took 2.0 s, 500 flights a second, with 40 ms from event to prediction at the median and 90 ms at the "
        "99th percentile. "
        "What was served beat the prior by 0.0600 in log loss (0.5000 to 0.5600), over the 970 flights that all "
        "declared models answered and with probabilities clipped to 0.01..0.99. "
        "Each declared model alone on the same flights: logistic 0.5000, tree 0.5700. "
        "Nothing was decided yet: no retraining was due, and no trial has come to its end. "
        "When a flight was answered, the model had yet to learn 12 of the labels known by then at the median, 50 at "
        "the 99th percentile; the last answer came from the state logistic@1:980. "
        "Replayed 100 of 1,000 predictions from the learning log, bit for bit: all equal."
    )


def test_what_lost_to_the_prior_is_said_to_have_lost() -> None:
    text = paragraph(facts(served=served(0.60)))
    assert "did not beat the prior in log loss (0.6000 to 0.5600)" in text
    assert "beat the prior by" not in text


def test_what_it_cost_not_to_know_the_best_model_is_told() -> None:
    text = paragraph(facts(models=models(0.50, 0.56, tree=0.49)))
    assert "Whoever had known beforehand that tree is the best would have had 0.0100 less." in text


def test_gain_over_the_best_declared_model_is_told() -> None:
    assert "That is 0.0100 less than with the best of them alone, logistic." in paragraph(facts(served=served(0.49)))


def test_decisions_are_counted_in_words() -> None:
    kinds = ("retrain", "retrain", "challenger", "failed", "promote done", "futile done", "keep done")
    text = paragraph(facts(decisions=[decided(kind) for kind in kinds]))
    assert (
        "Decided in this run: 2 retrainings were asked for, 1 challenger joined, 1 retraining failed, "
        "1 promotion took place and 1 version was given up, in 2 trials." in text
    )
    others = [decided("futile done", "tree@2"), decided("futile done", "tree@3")]
    assert "Decided in this run: 2 versions were given up." in paragraph(facts(decisions=others))
    assert "1 retraining was asked for." in paragraph(facts(decisions=[decided("retrain", "tree")]))


def test_decisions_are_listed_with_time_and_reason() -> None:
    lines = account(facts(decisions=[decided("retrain", "tree"), decided("promote done")]))
    assert lines == ["1 Feb 06:00  tree is retrained: because", "1 Feb 06:00  logistic@1 takes over: because"]


def test_later_version_is_compared_with_what_was_served_to_its_own_flights() -> None:
    later = [
        model("tree", 0.52, 2, served=0.51),
        model("logistic", 0.48, 2, served=0.49),
        model("logistic", 0.48, 3, served=0.48),
    ]
    lines = account(facts(models=[*models(0.50, 0.56), *later]))
    assert lines == [
        "tree@2 answered 485 flights, 0.0100 worse in log loss than what was served to them (0.5200 to 0.5100)",
        "logistic@2 answered 485 flights, 0.0100 better in log loss than what was served to them (0.4800 to 0.4900)",
        "logistic@3 answered 323 flights, as good as what was served to them (0.4800 to 0.4800)",
    ]
    assert "logistic 0.5000, tree 0.5700" in paragraph(facts(models=[*models(0.50, 0.56), *later]))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"predictions": 999}, "999 of them have a prediction"),
        ({"repeated": 1}, "1 records came more than once"),
        ({"rejected": 1}, "1 were rejected"),
        ({"labels_learnt": 979}, "979 of 980 labels were learnt"),
        ({"replayed": Replayed(compared=100, equal=98, records_folded=984, took_s=1.0)}, "2 differ"),
    ],
)
def test_broken_promise_is_said_and_is_a_failure(changes: dict[str, Any], words: str) -> None:
    assert is_right(facts())
    assert not is_right(facts(**changes))
    text = paragraph(facts(**changes))
    assert words in text and "must not be" in text


def test_replay_that_compared_nothing_is_a_failure() -> None:
    assert not is_right(facts(replayed=Replayed(compared=0, equal=0, records_folded=0, took_s=0.0)))


def test_skipped_replay_is_not_spoken_of_and_no_failure() -> None:
    assert is_right(facts(replayed=None))
    assert "eplay" not in paragraph(facts(replayed=None))


def test_run_without_labels_says_nothing_about_models() -> None:
    text = paragraph(facts(models=[], served=None, labels_sent=0, labels_learnt=0, labels_never_came=1_000))
    assert "nothing can be said about the models" in text


def test_kills_are_told() -> None:
    assert "killed and started again 3 times" in paragraph(facts(worker_restarts=3))


def test_long_run_is_told_in_minutes() -> None:
    assert "It took 2 min 5 s" in paragraph(facts(took_s=125.2))
    assert "It took 3 min 0 s" in paragraph(facts(took_s=179.7))


def test_commands_to_try_need_no_cluster_that_is_gone() -> None:
    assert not any("flights.py" in command for command, _ in next_commands("flights.py", None))
    assert any(command == "headrace replay flights.py --all" for command, _ in next_commands("flights.py", "h:1"))
