"""examples, commands → retrains: the leader asks for challengers, has them trained, and lets them join the shadows.

What becomes of one retraining, each step in a transaction of its own:

1. ``requested``: an occasion of the log or a command. A new leader goes on from here.
2. ``started``, then ``progress``: the trainer works.
3. The trained state goes to ``models``. A crash from here on stores it again.
4. The control record that adds the challenger, and ``finished``. Whoever sees it can read the state.

A retraining that fails, at whichever step, ends with ``failed``.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterable
from datetime import datetime

from agents.commands import commands_for, refuse
from agents.line import Line
from agents.states import slot_of
from agents.tasks import Report
from agents.trainings import Running, TrainerProcess
from agents.work import Work
from models.budget import Moment
from models.definitions import definition
from models.parameters import altered, seed_of
from models.retrains import told
from schemas.codec import cloud_event_headers, encode
from schemas.errors import BadRecord
from schemas.examples import Control, Trained
from schemas.records import record_type
from schemas.retrains import Retrain

logger = logging.getLogger(__name__)

#: Seconds between two records about the progress of a training.
PROGRESS_S = 5.0


async def retrains(works: AsyncIterable[Work], line: Line) -> None:
    """Fold silently up to what an earlier leader has spoken about, then ask, train and add."""
    async for work in works:
        with work.batch as batch:
            if batch.leads:
                for offset, record in work.log:
                    for occasion in line.retrains.fold(offset, record, work.said.get(offset, ())):
                        if offset >= line.spoken:
                            for step in line.retrains.of_occasion(occasion, _now(work, line, batch.now)):
                                _tell(step, work, line)
                _answer(work, line)
                if line.caught_up and line.declared and line.learning.champion is not None:
                    for step in line.retrains.due(_now(work, line, batch.now)):
                        _tell(step, work, line)
                    _go_on(work, line)
        await line.forward(work)


def _now(work: Work, line: Line, default: datetime) -> Moment:
    return Moment(line.retrains.position, line.retrains.occasions.time or default, work.batch.now)


def _tell(step: Retrain, work: Work, line: Line) -> None:
    line.retrains.hear(step)
    work.batch.send("retrains", 0, step.id.encode(), encode(step), line.headers("retrains"))
    if step.step == "failed":
        logger.warning("retraining %s of %s failed: %s", step.id, step.model, step.reason)
        # Whoever is told of what went wrong hears it with the newest record of the log.
        last = work.log[-1][0] if work.log else line.retrains.position - 1
        work.said[last].append(step)


def _answer(work: Work, line: Line) -> None:
    """What people ask for."""
    champion = None if line.learning.champion is None else line.learning.champion.model
    for asked, command in commands_for("retrains", work, line):
        try:
            now = _now(work, line, command.time)
            step = line.retrains.of_command(command, line.pipeline.estimators, champion, now)
        except BadRecord as error:
            refuse("retrains", asked, error, work, line)
        else:
            _tell(step, work, line)


def _go_on(work: Work, line: Line) -> None:
    """One step further with what is asked for."""
    now = _now(work, line, work.batch.now)
    running = line.running
    if running is None:
        step = line.retrains.next()
        if step is not None:
            _begin(step, now, work, line)
    elif running.step.id not in line.retrains.open:
        # The log says that it has come to its end.
        running.process.clear()
        line.running = None
    elif running.stored is not None:
        _add(running, now, work, line)
    else:
        _look(running, now, work, line)


def _begin(step: Retrain, now: Moment, work: Work, line: Line) -> None:
    model = line.pipeline.estimators.get(step.model)
    if model is None:
        _tell(told(step, now, step="failed", reason=f"model {step.model!r} is no longer declared"), work, line)
    elif step.method == "warm":
        _add_warm(step, now, work, line)
    else:
        started = line.retrains.begun(step, now, seed_of(model))
        limit_s = line.retrains.declared.duration_s_max
        try:
            topic = line.topology.name("examples")
            process = TrainerProcess(line.pipeline, line.settings, topic, started, limit_s)
        except Exception as error:  # a model of the user's may not be picklable, a disk may be full
            _tell(told(step, now, step="failed", reason=f"it can't be started: {error!r}"), work, line)
            return
        line.running = Running(started, process, time.monotonic())
        _tell(started, work, line)


def _look(running: Running, now: Moment, work: Work, line: Line) -> None:
    """How far the trainer is; its result is stored once there is room for it."""
    report = running.report = running.report or running.process.look()
    if report is None:
        _progress(running, now, work, line)
    elif report.failed is not None:
        _fail(running, report.failed, report, now, work, line)
    elif line.retrains.has_room:
        content = running.process.model()
        if content is None:
            _fail(running, "its result is altered or gone", report, now, work, line)
            return
        model = running.winner.model
        version = line.learning.versions.get(model, 0) + 1
        slot = slot_of(model, version)
        line.states.own = {(slot, report.position): content}
        work.batch.outgoing += line.store(slot, report.position, content, now.clock)
        running.stored = version


def _progress(running: Running, now: Moment, work: Work, line: Line) -> None:
    if time.monotonic() - running.told_s < PROGRESS_S:
        return
    running.told_s = time.monotonic()
    report = running.process.progress()
    if report is not None and report.position > running.told_at:
        running.told_at = report.position
        evidence = running.step.evidence | {"position": float(report.position), "examples": float(report.examples)}
        if running.step.search:
            evidence |= {"rungs": float(len(report.rungs)), "candidates": float(report.left)}
        times = {"duration_s": report.duration_s, "cpu_s": report.cpu_s}
        _tell(told(running.step, now, step="progress", evidence=evidence, **times), work, line)


def _fail(running: Running, reason: str, report: Report, now: Moment, work: Work, line: Line) -> None:
    times = {"duration_s": report.duration_s, "cpu_s": report.cpu_s}
    _tell(told(running.step, now, step="failed", reason=reason, **times), work, line)
    running.process.clear()
    line.running = None


def _add(running: Running, now: Moment, work: Work, line: Line) -> None:
    """Let the stored state join the shadows; what was stored is visible, for that transaction is over."""
    step, report, version = running.step, running.report, running.stored
    assert report is not None and version is not None
    winner = running.winner
    if line.learning.versions.get(winner.model, 0) + 1 != version:
        # Another model has taken the version meanwhile.
        running.stored = None
        return
    trained = Trained(
        retrain=step.id,
        method=step.method,
        first=step.first,
        end=report.position,
        examples=report.examples,
        seed=seed_of(line.pipeline.estimators[winner.model]),
        digest=report.digest,
        parameters=winner.parameters,
        duration_s=report.duration_s,
        features=winner.features,
        batch=step.batch,
        alternative=winner.name if step.search else "",
        rungs=report.rungs,
        fit=report.fit,
    )
    evidence = step.evidence | report.evidence | {"examples": float(report.examples)}
    finished = told(
        step,
        now,
        step="finished",
        model=winner.model,
        version=version,
        end=report.position,
        seed=trained.seed,
        duration_s=report.duration_s,
        cpu_s=report.cpu_s,
        parameters=trained.parameters,
        alternative=trained.alternative,
        features=trained.features,
        evidence=evidence,
    )
    _join(finished, trained, work, line)
    running.process.clear()
    line.running = None


def _add_warm(step: Retrain, now: Moment, work: Work, line: Line) -> None:
    champion = line.learning.champion
    assert champion is not None
    failed = None
    if champion.name != step.model:
        failed = f"the champion is {champion.state} by now"
    else:
        try:
            altered(champion.model, step.parameters)
        except Exception as error:
            failed = f"the champion can't be changed so: {error}"
    if failed is not None:
        _tell(told(step, now, step="failed", reason=failed), work, line)
        return
    version = line.learning.versions.get(step.model, 0) + 1
    trained = Trained(
        retrain=step.id,
        method="warm",
        first=now.position,
        end=now.position,
        examples=0,
        seed=step.seed,
        parent=champion.state,
        parameters=step.parameters,
    )
    _join(told(step, now, step="finished", version=version, duration_s=0.0), trained, work, line)


def _join(finished: Retrain, trained: Trained, work: Work, line: Line) -> None:
    assert finished.version is not None
    control = Control(
        action="added",
        model=finished.model,
        version=finished.version,
        definition=definition(line.pipeline.estimators[finished.model]),
        reason=f"trained: {finished.reason}",
        trained=trained,
    )
    headers = cloud_event_headers(line.pipeline.name, record_type(Control))
    work.batch.send("examples", 0, control.model.encode(), encode(line.lineages.of(control)), headers)
    _tell(finished, work, line)
