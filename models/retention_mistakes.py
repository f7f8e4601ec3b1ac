"""What is wrong with what a pipeline declares about retention."""

from __future__ import annotations

from collections.abc import Iterator

from models.pipeline import Pipeline
from models.policies import Retention

#: Versions that have left lie in the memory of every worker; checkpoints take turns on their topic.
_BOUNDS = {"versions": (0, 1000), "checkpoints": (2, 26)}


def retention_mistakes(pipeline: Pipeline) -> Iterator[str]:
    """Every mistake in ``Retention(...)``."""
    retention: object = pipeline.retention
    if not isinstance(retention, Retention):
        yield f"retention: {retention!r:.80} is no Retention; write Retention(versions=5)"
        return
    for name, (least, most) in _BOUNDS.items():
        count = getattr(retention, name)
        if isinstance(count, bool) or not isinstance(count, int) or not least <= count <= most:
            yield f"retention: {name} {count!r:.80} is no whole number of {least} to {most:,}"
