"""The demo's last paragraph: what it says of the facts, the unwelcome ones too."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from headrace.demo.summary import ModelSummary, Replayed, Summary, is_right, next_commands, paragraph


def model(name: str, log_loss: float, clipped: float | None = None, **role: bool) -> ModelSummary:
    return ModelSummary(
        model=name,
        version=1,
        labels=980,
        champion=role.get("champion", False),
        baseline=role.get("baseline", False),
        log_loss=log_loss,
        accuracy=0.75,
        log_loss_last_1000=log_loss,
        accuracy_last_1000=0.75,
        log_loss_clipped=log_loss if clipped is None else clipped,
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
        state="logistic@1:980",
        worker_restarts=0,
        bootstrap=None,
        replayed=Replayed(compared=100, equal=100, records_folded=984, took_s=1.0),
    )
    return msgspec.structs.replace(summary, **changes)


def models(
    champion: float,
    prior: float,
    *,
    tree: float = 0.57,
    clipped: tuple[float, float] | None = None,
) -> list[ModelSummary]:
    fair_champion, fair_prior = clipped or (champion, prior)
    return [
        model("logistic", champion, fair_champion, champion=True),
        model("tree", tree),
        model("prior", prior, fair_prior, baseline=True),
    ]


def test_paragraph_of_a_run_in_which_everything_held() -> None:
    assert paragraph(facts()) == (
        "1,000 flights went in and 1,000 predictions came out, exactly one for each. "
        "980 labels were learnt, each once, and 20 never came: cancelled or diverted. "
        "It took 2.0 s, 500 flights a second, with 40 ms from event to prediction at the median and 90 ms at the "
        "99th percentile. "
        "The champion, logistic, beat the prior by 0.0600 in log loss (0.5000 to 0.5600). "
        "No other has a lower one (tree 0.5700). "
        "When a flight was answered, the model had yet to learn 12 of the labels known by then at the median, 50 at "
        "the 99th percentile; the last answer came from the state logistic@1:980. "
        "Replayed 100 of 1,000 predictions from the learning log, bit for bit: all equal."
    )


def test_champion_that_lost_is_said_to_have_lost() -> None:
    text = paragraph(facts(models=models(0.60, 0.56)))
    assert "did not beat the prior in log loss (0.6000 to 0.5600)" in text
    assert "The lowest is that of prior, 0.5600" in text
    assert "beat the prior by" not in text


def test_champion_that_lives_on_the_certainty_of_the_prior_has_not_beaten_it() -> None:
    text = paragraph(facts(models=models(0.55, 0.60, clipped=(0.55, 0.54))))
    assert "did not beat the prior" in text and "0.5500 to 0.6000" in text and "0.5500 to 0.5400" in text


def test_fair_numbers_are_told_where_they_differ() -> None:
    assert "0.4900 to 0.5570" in paragraph(facts(models=models(0.49, 0.56, clipped=(0.49, 0.557))))


def test_best_model_is_named() -> None:
    assert "The lowest is that of tree, 0.4000" in paragraph(facts(models=models(0.50, 0.56, tree=0.4)))


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
    text = paragraph(facts(models=[], labels_sent=0, labels_learnt=0, labels_never_came=1_000))
    assert "nothing can be said about the models" in text


def test_kills_are_told() -> None:
    assert "killed and started again 3 times" in paragraph(facts(worker_restarts=3))


def test_long_run_is_told_in_minutes() -> None:
    assert "It took 2 min 5 s" in paragraph(facts(took_s=125.2))
    assert "It took 3 min 0 s" in paragraph(facts(took_s=179.7))


def test_commands_to_try_need_no_cluster_that_is_gone() -> None:
    assert not any("flights.py" in command for command, _ in next_commands("flights.py", None))
    assert any(command == "headrace replay flights.py --all" for command, _ in next_commands("flights.py", "h:1"))
