"""What a person sees while the demo runs: a live screen in a terminal, otherwise a plain line now and then."""

from __future__ import annotations

import os
import time
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from headrace.demo.decisions import first_of_each
from headrace.demo.tally import RECENT, Tally, quantile
from models.baselines import NO_CHANGE
from schemas.health import ModelHealth

WIDTH_MAX = 100
LINE_EVERY_S = 5.0

#: Rows of the panel for models and for decisions, so that a terminal of 24 lines holds it.
MODELS_SHOWN = 5
DECISIONS_SHOWN = 3

#: See :class:`headrace.demo.sender.Sender`; with a speed of its own 2013 goes on.
STANDS_STILL = "a challenger is trained"


class View(Protocol):
    """What shows a run."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def say(self, what: str) -> None:
        """Something is being done."""

    def show(self, tally: Tally, total: int, worker_pid: int, restarts: int) -> None:
        """The run goes on. The caller holds the tally's lock."""


def view(console: Console) -> View:
    """The right one for where the output goes."""
    live = console.is_terminal and not console.is_dumb_terminal and not os.environ.get("NO_COLOR")
    return Screen(console) if live else Lines(console)


class Lines:
    """A line every few seconds, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown_s = time.monotonic()
        self._decisions_shown = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def say(self, what: str) -> None:
        """Something is being done."""
        self._console.print(what, markup=False)

    def show(self, tally: Tally, total: int, worker_pid: int, restarts: int) -> None:
        """One line, if it is time; and one for each new decision."""
        decisions = list(first_of_each(tally.decisions.told))
        for decision in decisions[self._decisions_shown :]:
            self._console.print(f"  {decision.sentence()}", markup=False)
        self._decisions_shown = len(decisions)
        now_s = time.monotonic()
        if now_s - self._shown_s < LINE_EVERY_S or tally.moment is None:
            return
        self._shown_s = now_s
        self._console.print(line(tally, total), markup=False)


def line(tally: Tally, total: int) -> str:
    """The run on one line."""
    parts = [
        _date(tally),
        f"{tally.answered:,} of {total:,} flights",
        f"{tally.rate():,.0f}/s",
        f"p50 {_ms(tally, 0.5)} p99 {_ms(tally, 0.99)}",
        STANDS_STILL if tally.decisions.training else "",
        f"{tally.waiting:,} wait for their label",
        f"at {tally.state}" if tally.state else "",
    ]
    if tally.health is not None:
        later = [model for model in tally.health.models if model.version > 1]
        losses = [
            f"{model.model} {model.metrics['LogLoss']:.4f}" for model in tally.health.models if model.version == 1
        ]
        parts.append("log loss " + ", ".join(losses) + (f" and {len(later)} later versions" if later else ""))
    return "; ".join(part for part in parts if part)


class Screen:
    """A panel that is drawn anew in place."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False, transient=False, vertical_overflow="crop")
        self._console = console

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def say(self, what: str) -> None:
        """Something is being done: instead of the panel, or above it once there is one."""
        self._live.update(Text(f"{what} ...", style="dim"), refresh=True)

    def show(self, tally: Tally, total: int, worker_pid: int, restarts: int) -> None:
        """The panel, anew."""
        self._live.update(panel(tally, total, worker_pid, restarts, self._console.width), refresh=True)


def panel(tally: Tally, total: int, worker_pid: int, restarts: int, width: int) -> Panel:
    """The run as a panel of at most 24 lines."""
    width = min(width, WIDTH_MAX)
    return Panel(
        Group(
            _head(tally, total),
            Text(),
            _figures(tally),
            Text(),
            _models(tally),
            Text(),
            *_decisions(tally),
            _foot(worker_pid, restarts),
        ),
        title="Headrace: will the flight be late?",
        title_align="left",
        subtitle="Ctrl-C ends it",
        subtitle_align="right",
        width=width,
        padding=(0, 2),
        border_style="cyan",
    )


def _head(tally: Tally, total: int) -> Group:
    row = Table.grid(expand=True)
    row.add_column()
    row.add_column(justify="right")
    right = STANDS_STILL if tally.decisions.training else f"{tally.answered:,} of {total:,} flights"
    row.add_row(Text(_date(tally), style="bold"), right)
    bar = Table.grid(expand=True)
    bar.add_row(ProgressBar(total=total, completed=tally.answered))
    return Group(row, bar)


def _figures(tally: Tally) -> Table:
    behind = quantile(tally.behind, 0.5, last=RECENT)
    grid = Table.grid(padding=(0, 3, 0, 0), expand=True)
    for justify in ("left", "right", "left", "right"):
        grid.add_column(justify=justify)
    for name, value, other, number in (
        ("flights a second", f"{tally.rate():,.0f}", "labels learnt", f"{tally.learnt:,}"),
        ("latency, median", _ms(tally, 0.5), "waiting for a label", f"{tally.waiting:,}"),
        ("latency, 99 %", _ms(tally, 0.99), "given up after 36 h", f"{tally.expired:,}"),
        ("served by", tally.state or "", "labels it lags behind", "" if behind is None else f"{behind:,.0f}"),
    ):
        grid.add_row(Text(name, style="dim"), Text(value, style="bold"), Text(other, style="dim"), number)
    return grid


def _models(tally: Tally) -> Table:
    table = Table(box=None, expand=True, padding=(0, 1), header_style="dim", pad_edge=False)
    table.add_column("")
    table.add_column("model")
    for name in ("log loss", "last 1,000", "accuracy", "last 1,000"):
        table.add_column(name, justify="right")
    models = [] if tally.health is None else tally.health.models
    for model in _shown(models):
        table.add_row(*_row(model), style="bold green" if model.champion else "dim" if model.baseline else "")
    if not models:
        table.add_row("", "no label has come yet")
    return table


def _shown(models: list[ModelHealth]) -> list[ModelHealth]:
    """The champion first, baselines last; of more than there is room for, the prior and the newest versions."""
    ordered = sorted(models, key=lambda model: (not model.champion, model.baseline, model.model == NO_CHANGE))
    if len(ordered) <= MODELS_SHOWN:
        return ordered
    others = sorted(ordered[1:], key=lambda model: (model.model == NO_CHANGE, not model.baseline, -model.version))
    kept = [ordered[0], *others[: MODELS_SHOWN - 1]]
    return [model for model in ordered if model in kept]


def _decisions(tally: Tally) -> list[Text]:
    """The last decisions, newest at the bottom, each cut to one line."""
    told = list(first_of_each(tally.decisions.told))[-DECISIONS_SHOWN:]
    lines = [Text(decision.sentence(), no_wrap=True, overflow="ellipsis", style="yellow") for decision in told]
    return [*lines, Text()] if lines else []


def _row(model: ModelHealth) -> tuple[str, ...]:
    overall, rolling = model.metrics, model.rolling
    role = "serves" if model.champion else "baseline" if model.baseline else "shadow"
    return (
        role,
        f"{model.model}@{model.version}",
        f"{overall['LogLoss']:.4f}",
        f"{rolling['LogLoss']:.4f}",
        f"{overall['Accuracy']:.1%}",
        f"{rolling['Accuracy']:.1%}",
    )


def _foot(worker_pid: int, restarts: int) -> Text:
    text = Text(style="dim")
    text.append("Try ")
    text.append(f"kill -9 {worker_pid}", style="bold not dim")
    text.append(" in another terminal: the worker starts again, and no flight is lost or counted twice.")
    if restarts:
        text.append(f" Killed so far: {restarts}.", style="bold not dim")
    return text


def _date(tally: Tally) -> str:
    # %-d is not known everywhere.
    return "" if tally.moment is None else f"{tally.moment:%a} {tally.moment.day} {tally.moment:%B %Y %H:%M}"


def _ms(tally: Tally, share: float) -> str:
    value = quantile(tally.latencies_ms, share, last=RECENT)
    return "" if value is None else f"{value:,.0f} ms"
