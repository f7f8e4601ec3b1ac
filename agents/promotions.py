"""examples, commands → promotions: the leader tries challengers, and puts another model in charge when it is due.

A decision and the control record that it leads to are written in one transaction. It takes effect where the control
record stands in the log, on every worker alike.
"""

from __future__ import annotations

import logging
import pickle
import time
from collections.abc import AsyncIterable, Iterator, Sequence

from agents.commands import commands_for, refuse
from agents.line import Line
from agents.work import Work
from models.members import Member
from models.orders import accept, also, veto
from models.retention import returning
from models.robustness import robustness
from models.rooms import leaving
from schemas.codec import cloud_event_headers, encode
from schemas.errors import BadRecord
from schemas.examples import Control, Notice
from schemas.promotions import Guard, Promotion
from schemas.records import record_type
from schemas.values import FeatureValue

logger = logging.getLogger(__name__)


async def promotions(works: AsyncIterable[Work], line: Line) -> None:
    """Fold silently up to what an earlier leader has spoken about, then decide."""
    async for work in works:
        with work.batch as batch:
            if batch.leads:
                for offset, record in work.log:
                    decided = line.verdicts.fold(offset, record)
                    if not decided:
                        continue
                    told: Sequence[Promotion | Control | Notice] = decided
                    if offset >= line.spoken:
                        told = list(_guarded(decided, line))
                        _tell(told, work, line)
                    work.said[offset] += [each for each in told if isinstance(each, Promotion)]
                for asked, command in commands_for("promotions", work, line):
                    try:
                        if not line.caught_up:
                            raise BadRecord("command", "the leader has just taken over; ask again in a moment")
                        back = returning(line.pipeline, line.learning, command)
                        answer = accept(line.verdicts, command, back)
                    except BadRecord as error:
                        refuse("promotions", asked, error, work, line)
                    else:
                        _tell(answer, work, line)
                if line.caught_up and line.declared:
                    _tell(line.costs.quarantined(line.learning), work, line)
                    _tell(leaving(line.retrains, line.verdicts.reigns), work, line)
        await line.forward(work)


def _tell(records: Sequence[Promotion | Control | Notice], work: Work, line: Line) -> None:
    for record in records:
        if isinstance(record, Control) and record.action == "quarantined":
            logger.warning("%s@%s is quarantined: %s", record.model, record.version, record.reason)
        headers = cloud_event_headers(line.pipeline.name, record_type(type(record)))
        if isinstance(record, Promotion):
            work.batch.send("promotions", 0, record.challenger.encode(), encode(record), headers)
            logger.info("%s %s (%s): %s", record.verdict, record.challenger, record.status, record.reason)
        else:
            key = record.model if isinstance(record, Control) else record.command
            work.batch.send("examples", 0, key.encode(), encode(record), headers)


def _guarded(decided: Sequence[Promotion | Control], line: Line) -> Iterator[Promotion | Control | Notice]:
    """The decisions after the guards that need the models themselves.

    What they find is no fold of the log. A veto becomes one by its notice, so that a leader that takes over knows it.
    """
    vetoed: set[str] = set()
    for record in decided:
        if isinstance(record, Control):
            if f"{record.model}@{record.version}" not in vetoed:
                yield record
        elif record.verdict == "promote" and record.status in ("done", "waiting", "canary"):
            guards = list(_probe(record, line))
            if all(guard.passed for guard in guards):
                yield also(record, guards)
            else:
                vetoed.add(record.challenger)
                yield from veto(record, guards)
        else:
            yield record


def _probe(record: Promotion, line: Line) -> Iterator[Guard]:
    """Size, cost and robustness of a challenger, beside the champion's."""
    policy, members = line.verdicts.reigns.policy, line.learning.members
    champion, challenger = members.get(record.champion), members.get(record.challenger)
    if champion is None or challenger is None or challenger.failed is not None:
        yield Guard(name="robustness", about="it no longer answers", passed=False, value=1.0, bound=0.0)
        return
    examples = list(line.verdicts.recent)
    if policy.size_ratio_max is not None:
        ratio = len(pickle.dumps(challenger.model)) / len(pickle.dumps(champion.model))
        yield Guard(name="size", passed=ratio <= policy.size_ratio_max, value=ratio, bound=policy.size_ratio_max)
    if policy.cost_ratio_max is not None and examples:
        questions = [example.features for example in examples]
        ratio = _cost_s(challenger, questions) / max(_cost_s(champion, questions), 1e-9)
        passed = ratio <= policy.cost_ratio_max
        yield Guard(name="cost", passed=passed, value=ratio, bound=policy.cost_ratio_max, examples=len(questions))
    if policy.robustness_gap is not None:
        verdicts, answers = line.verdicts, (champion.answer, challenger.answer)
        yield from robustness(line.pipeline, verdicts.loss, verdicts.scale, examples, answers, policy.robustness_gap)


def _cost_s(member: Member, questions: Sequence[dict[str, FeatureValue]]) -> float:
    """Seconds for some answers: the shortest of three tries, for everything else only ever adds to it."""
    tries = []
    for _ in range(3):
        begun = time.perf_counter()
        for question in questions:
            try:
                member.answer(question)
            except Exception:  # how it answers is for another guard
                continue
        tries.append(time.perf_counter() - begun)
    return min(tries)
