"""What the demo shows while it runs, in terminals of all sizes and without one."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import msgspec
import pytest
from rich.console import Console

from headrace.demo.decisions import Decision, Decisions
from headrace.demo.screen import Lines, Screen, line, panel, view
from headrace.demo.tally import Tally
from schemas.health import Health, LabelHealth, ModelHealth
from schemas.retrains import Retrain

MOMENT = datetime(2013, 3, 5, 18, 30, tzinfo=UTC)


def model(
    name: str, log_loss: float, version: int = 1, *, champion: bool = False, baseline: bool = False
) -> ModelHealth:
    return ModelHealth(
        model=name,
        version=version,
        champion=champion,
        baseline=baseline,
        count=1_000,
        metrics={"LogLoss": log_loss, "Accuracy": 0.75},
        rolling={"LogLoss": log_loss + 0.01, "Accuracy": 0.5},
    )


@pytest.fixture
def tally() -> Tally:
    """Under way in March."""
    tally = Tally()
    tally.moment = MOMENT
    tally.answered, tally.learnt, tally.expired = 61_204, 58_911, 1_400
    tally.latencies_ms.extend([40.0] * 95 + [90.0] * 5)
    tally.behind.extend([7] * 10)
    models = [
        model("logistic", 0.4875, champion=True),
        model("tree", 0.5172),
        model("prior", 0.5588, baseline=True),
        model("no-change", 11.6924, baseline=True),
    ]
    labels = LabelHealth(known=58_911, corrected=0, expired=1_400)
    tally.health = Health(position=60_000, time=MOMENT, window=1_000, models=models, labels=labels)
    return tally


def drawn(tally: Tally, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, height=50)
    with console.capture() as captured:
        console.print(panel(tally, 336_776, 4_711, 2, width))
    return captured.get()


@pytest.mark.parametrize("width", [80, 100, 200])
def test_panel_fits_a_terminal_and_holds_every_number_whole(tally: Tally, width: int) -> None:
    text = drawn(tally, width)
    rows = text.splitlines()
    assert len(rows) <= 24 and max(len(row) for row in rows) <= min(width, 100)
    for expected in ("Tue 5 March 2013", "61,204 of 336,776 flights", "40 ms", "90 ms", "58,911", "893", "1,400"):
        assert expected in text
    for expected in ("0.4875", "0.4975", "75.0%", "50.0%", "11.6924", "kill -9 4711"):
        assert expected in text
    assert "…" not in text


def test_panel_says_which_model_serves(tally: Tally) -> None:
    rows = drawn(tally, 80).splitlines()
    assert ["serves" in row for row in rows if "@1 " in row] == [True, False, False, False]


@pytest.fixture
def decided(tally: Tally) -> Tally:
    """The same with later versions and decisions."""
    assert tally.health is not None
    later = [model(name, 0.5, version) for version in (2, 3) for name in ("tree", "logistic")]
    tally.health = msgspec.structs.replace(tally.health, models=[*tally.health.models, *later])
    for number in range(5):
        reason = f"reason {number} " + "and so on " * 20
        tally.decisions.told.append(Decision(time=MOMENT, kind="retrain", about="tree", reason=reason))
    return tally


@pytest.mark.parametrize("width", [80, 200])
def test_panel_with_decisions_and_later_versions_still_fits(decided: Tally, width: int) -> None:
    text = drawn(decided, width)
    rows = text.splitlines()
    assert len(rows) <= 24 and max(len(row) for row in rows) <= min(width, 100)
    assert [f"reason {number}" in text for number in range(5)] == [False, False, True, True, True]
    for expected in ("logistic@1", "logistic@3", "tree@3", "prior@1", "kill -9 4711"):
        assert expected in text


def test_lines_tell_each_decision_once(decided: Tally) -> None:
    console = Console(file=io.StringIO(), width=300)
    lines = Lines(console)
    with console.capture() as captured:
        for _ in range(2):
            lines.show(decided, 336_776, 4_711, 0)
    text = captured.get()
    assert [text.count(f"5 Mar 18:30  tree is retrained: reason {number}") for number in range(5)] == [1] * 5


def test_training_is_shown_while_it_is_under_way(tally: Tally) -> None:
    tally.decisions = Decisions(1)
    assert "a challenger is trained" not in line(tally, 336_776) + drawn(tally, 80)
    step = Retrain(id="r", step="requested", model="tree", time=MOMENT, reason="every 30d", first=0, end=9)
    tally.decisions.retrain(step)
    assert "a challenger is trained" in line(tally, 336_776)
    assert "a challenger is trained" in drawn(tally, 80)


def test_panel_before_anything_came_back() -> None:
    text = drawn(Tally(), 80)
    assert "0 of 336,776 flights" in text and "no label has come yet" in text


def test_line_tells_the_same(tally: Tally) -> None:
    text = line(tally, 336_776)
    for expected in ("Tue 5 March 2013 18:30", "61,204 of 336,776 flights", "p50 40 ms p99 90 ms", "893 wait"):
        assert expected in text
    assert "log loss logistic 0.4875, tree 0.5172, prior 0.5588, no-change 11.6924" in text


def test_live_only_in_a_terminal_that_may_have_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    terminal = Console(file=io.StringIO(), force_terminal=True)
    assert isinstance(view(terminal), Screen)
    assert isinstance(view(Console(file=io.StringIO())), Lines)
    monkeypatch.setenv("NO_COLOR", "1")
    assert isinstance(view(terminal), Lines)
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(view(Console(file=io.StringIO(), force_terminal=True)), Lines)
