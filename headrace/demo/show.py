"""The demo from its start to its last paragraph.

1. A Kafka: the one of ``HEADRACE_BOOTSTRAP``, else an embedded one. Its topics are made.
2. A worker, in a process of its own.
3. The sender tells 2013, the reader follows what comes back, the view shows it and what is decided.
4. Once every event is answered and every label is in the log, the worker is stopped and a sample is replayed.
5. The facts, and one paragraph made of them.
"""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from rich.console import Console

from agents.replay import replay
from headrace.cli.output import WIDTH_WITHOUT_TERMINAL, notes, write_json
from headrace.demo import cluster, pipeline
from headrace.demo.flights import FLIGHTS, happenings
from headrace.demo.process import WorkerProcess
from headrace.demo.reader import Reader
from headrace.demo.screen import WIDTH_MAX, View, view
from headrace.demo.sender import Sender
from headrace.demo.summary import Replayed, Summary, is_right, summarize
from headrace.demo.tally import Tally
from headrace.demo.telling import account, next_commands, paragraph
from headrace.demo.watched import watched
from schemas.errors import HeadraceError, Unavailable
from streams.settings import Settings, load
from streams.topology import Topology

#: Predictions that the replay at the end compares, about.
REPLAYED = 1_000

#: Seconds in which nothing comes back, though something is awaited, until the demo gives up.
STILL_S_MAX = 60.0

#: Seconds that the last health report may take: the leader writes one when labels stop coming.
LAST_REPORT_S = 10.0

LOOK_S = 0.25

WRONG = 1
INTERRUPTED = 130


@dataclass(frozen=True)
class Options:
    """What the command was told.

    Parameters
    ----------
    events
        Stop after so many flights; ``None``: the year.
    speed
        Seconds of 2013 in a second; ``None``: as fast as they are answered.
    as_json
        Write the facts as JSON instead of the paragraph.
    bootstrap
        A cluster; ``None``: that of the environment, else an embedded one.
    fresh
        Delete the topics of an earlier demo first.
    """

    events: int | None = None
    speed: float | None = None
    as_json: bool = False
    bootstrap: str | None = None
    fresh: bool = False


def run(
    events: int | None = None,
    speed: float | None = None,
    as_json: bool = False,
    bootstrap: str | None = None,
    fresh: bool = False,
) -> int:
    """Show the demo; arguments as in :class:`Options`.

    Returns
    -------
    The exit code: 0; 1 if a promise did not hold; 130 after Ctrl-C.

    Raises
    ------
    HeadraceError
        Why it could not be shown to the end.
    """
    options = Options(events, speed, as_json, bootstrap, fresh)
    screen = _screen(as_json)
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        with _folder() as folder, ExitStack() as stack:
            summary = _demo(stack, options, folder, screen)
            _tell(options, summary, screen)
    except KeyboardInterrupt:
        notes().print("Ended before its end; everything is stopped.")
        return INTERRUPTED
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0 if is_right(summary) else WRONG


def _screen(as_json: bool) -> Console:
    # With JSON, stdout is for it alone.
    stream = sys.stderr if as_json else sys.stdout
    # A line for a log is not broken up.
    width = None if stream.isatty() else WIDTH_WITHOUT_TERMINAL
    return Console(file=stream, width=width, soft_wrap=not stream.isatty(), highlight=False)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder for the log of the worker, which stays after a failure, and for what an embedded demo keeps."""
    folder = Path(tempfile.mkdtemp(prefix="headrace-demo-"))
    try:
        yield folder
    except HeadraceError:
        shutil.rmtree(folder / "data", ignore_errors=True)
        if not list(folder.iterdir()):
            folder.rmdir()
        raise
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)


def _demo(stack: ExitStack, options: Options, folder: Path, screen: Console) -> Summary:
    flights = pipeline.flights
    topology = Topology(flights.name, flights.partitions, flights.remember)
    told = happenings(events=options.events)
    own = cluster.is_own(options.bootstrap)
    if own:
        settings = load(bootstrap=options.bootstrap)
    else:
        screen.print("Starting a Kafka for this demo alone", style="dim")
        settings = stack.enter_context(cluster.embedded(folder / "data", notes()))
    cluster.prepare(topology, settings, fresh=options.fresh)
    tally = Tally(flights.retraining.challengers_max if flights.retraining else 0)
    worker = stack.enter_context(WorkerProcess(settings, folder / "worker.log"))
    with view(screen) as shown:
        shown.say("Starting the worker")
        with (
            Reader(settings, topology, tally) as reader,
            Sender(settings, topology, told, tally, options.speed) as sender,
        ):
            _watch(Run(options.events or FLIGHTS, tally, worker, sender, reader), shown)
    worker.stop()
    replayed = _replay(settings, screen) if tally.answered else None
    told_of = watched(settings, topology)
    return summarize(tally, worker.killed, settings.bootstrap if own else None, replayed, told_of)


@dataclass(frozen=True)
class Run:
    """What is under way."""

    total: int
    tally: Tally
    worker: WorkerProcess
    sender: Sender
    reader: Reader


def _watch(run: Run, shown: View) -> None:
    """Show the run until all is back, and see that it goes on."""
    tally = run.tally
    moved, moved_s = (-1,) * 4, time.monotonic()
    while not (run.sender.done and _complete(tally, time.monotonic() - moved_s)):
        for part in (run.sender, run.reader):
            if part.failure is not None:
                raise part.failure
        run.worker.look()
        with tally.changed:
            awaited = not tally.serving or tally.unanswered or tally.unlearnt or tally.decisions.training
            now = (tally.answered, tally.learnt, tally.rejected, tally.decisions.steps)
            if now != moved or not (awaited or run.sender.done):
                moved, moved_s = now, time.monotonic()
            if tally.serving:
                shown.show(tally, run.total, run.worker.pid, run.worker.killed)
        if time.monotonic() - moved_s > STILL_S_MAX:
            raise Unavailable(_still(run))
        time.sleep(LOOK_S)
    with tally.changed:
        shown.show(tally, run.total, run.worker.pid, run.worker.killed)


def _complete(tally: Tally, still_s: float) -> bool:
    """Whether everything is back, the last report too; it is not waited for without end."""
    if tally.unanswered or tally.unlearnt or tally.decisions.training:
        return False
    reported = tally.health.labels.known + tally.health.labels.corrected if tally.health else 0
    return reported >= tally.learnt or still_s > LAST_REPORT_S


def _still(run: Run) -> str:
    tally = run.tally
    if not tally.serving:
        what = "the worker has not begun"
    elif tally.decisions.training:
        what = "a retraining is under way, and says nothing of its progress"
    else:
        what = (
            f"{tally.unanswered:,} flights have no prediction and {tally.unlearnt:,} labels are not in the log; "
            f"{tally.rejected:,} records were rejected"
        )
    return f"nothing has moved for {STILL_S_MAX:.0f} s: {what}. The worker says:\n{run.worker.told()}"


def _replay(settings: Settings, screen: Console) -> Replayed | None:
    """Fold the log again and compare a sample; ``None`` if Ctrl-C skipped it."""
    began_s = time.monotonic()
    what = f"Replaying {REPLAYED:,} predictions from the learning log (Ctrl-C skips it)"
    try:
        if screen.is_terminal:
            with screen.status(what):
                report = replay(pipeline.flights, settings, sample=REPLAYED)
        else:
            screen.print(what)
            report = replay(pipeline.flights, settings, sample=REPLAYED)
    except KeyboardInterrupt:
        return None
    return Replayed(
        compared=report.compared,
        equal=report.equal,
        records_folded=report.folded,
        took_s=round(time.monotonic() - began_s, 3),
    )


def _tell(options: Options, summary: Summary, screen: Console) -> None:
    if options.as_json:
        write_json(summary)
        return
    file = Path(pipeline.__file__)
    if file.is_relative_to(Path.cwd()):
        file = file.relative_to(Path.cwd())
    width = min(screen.width, WIDTH_MAX) if screen.is_terminal else None
    screen.print()
    screen.print(paragraph(summary), markup=False, width=width)
    if lines := account(summary):
        screen.print("\nWhat was decided, in the time of the flights, and how good the later versions were:")
        for line in lines:
            screen.print(f"  {line}", markup=False, width=width)
    screen.print("\nTo try next:")
    if options.bootstrap is not None:
        screen.print(f"  export HEADRACE_BOOTSTRAP={options.bootstrap}", markup=False)
    for command, what in next_commands(str(file), summary.bootstrap):
        screen.print(f"  [dim]# {what}[/dim]\n  [bold]{command}[/bold]")
