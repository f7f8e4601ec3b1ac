"""What a trainer is told and what it tells: tasks, reports, and the signed files in which both sides find them."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from models.pipeline import Pipeline
from models.policies import Search
from models.search import Alternative
from schemas.trainings import Fit, Rung
from streams.settings import Settings

SIGNATURE_BYTES = 32


@dataclass(frozen=True)
class Task:
    """What is to be trained.

    Parameters
    ----------
    name
        What tells this training from all others: a checkpoint of another one is not gone on from.
    content
        Pickle of the pipeline with the fresh models, those of the alternatives, and nothing else.
    modules
        Name and file of the modules that it was declared in, which no import finds.
    alternatives
        The candidates; one alone is trained without any comparison.
    search
        How fast the candidates become fewer, and within which budget.
    topic, first, end
        The range of the learning log.
    folder, key
        Where it works, and what signs what it writes there.
    duration_s_max
        Seconds that it may take, over all its starts.
    batch
        It learns so many labels at a time; 0: one by one.
    """

    name: str
    content: bytes
    modules: list[tuple[str, str]]
    alternatives: list[Alternative]
    search: Search
    settings: Settings
    topic: str
    first: int
    end: int
    folder: Path
    key: bytes = field(repr=False)
    duration_s_max: float = 3600.0
    batch: int = 0


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """How far a training is, or what has come of it.

    Parameters
    ----------
    position, examples, duration_s, cpu_s
        Up to where in the log, labels learnt, seconds spent over all starts, and of processor time in them.
    failed
        Why there is no model.
    digest, evidence
        Of the trained state, if it is done.
    left
        Candidates that are still compared.
    alternative
        Which of them has won, if it is done.
    rungs
        How the others were left behind so far.
    fit
        How well the trained state fits what it has learnt.
    """

    position: int
    examples: int = 0
    duration_s: float = 0.0
    failed: str | None = None
    digest: str = ""
    evidence: dict[str, float] = {}
    cpu_s: float = 0.0
    left: int = 1
    alternative: Alternative | None = None
    rungs: list[Rung] = []
    fit: Fit | None = None


def light(pipeline: Pipeline, models: dict[str, Any]) -> Pipeline:
    """The pipeline as training needs it: nothing in it but these models can fail to be pickled."""
    return replace(
        pipeline, models=models, champion=next(iter(models)), prepare=(), fields=(), retraining=None, promotion=None
    )


def folder_of(settings: Settings, pipeline: str, id: str) -> Path:
    """Where a retraining works, the same after a restart."""
    name = hashlib.sha256(id.encode()).hexdigest()[:16]
    return settings.data / "trainings" / f"{pipeline}.{name}"


def write_signed(path: Path, key: bytes, content: bytes) -> None:
    """Write a file so that it is whole or not there, and can be told from a stranger's."""
    draft = path.with_suffix(".draft")
    draft.write_bytes(_sign(path.name, key, content) + content)
    draft.replace(path)


def read_signed(path: Path, key: bytes) -> bytes | None:
    """The content of such a file; None if there is none, or it is not ours."""
    try:
        found = path.read_bytes()
    except OSError:
        return None
    signature, content = found[:SIGNATURE_BYTES], found[SIGNATURE_BYTES:]
    return content if hmac.compare_digest(signature, _sign(path.name, key, content)) else None


def _sign(name: str, key: bytes, content: bytes) -> bytes:
    return hmac.new(key, b"training|" + name.encode() + b"|" + content, hashlib.sha256).digest()
