"""Where a version of a model comes from: part of the control record that adds it."""

from __future__ import annotations

from schemas.values import Record


class Lineage(Record, frozen=True, kw_only=True):
    """What a version was made of, so that it can be made again.

    Its definition and the range it was trained on stand beside it in the control record.

    Parameters
    ----------
    parent
        ``model@version`` that it began as a copy of; absent for one that began fresh.
    code
        SHA-256 over the pipeline file and the files that its functions and classes come from, installed packages
        left out: those are in ``libraries``.
    libraries
        Name to version of what computes it.
    python
        Version of the interpreter.
    seed
        Of the model as declared; 0 if it has none.
    """

    parent: str | None = None
    code: str = ""
    libraries: dict[str, str] = {}
    python: str = ""
    seed: int = 0
