"""Names that are legal, and names that are nearly right."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

_PIPELINE = re.compile(r"[a-z0-9]([a-z0-9_-]{0,62}[a-z0-9])?")


def is_legal_name(name: str) -> bool:
    """Whether a pipeline may be called so: it begins the names of its topics."""
    return _PIPELINE.fullmatch(name) is not None


def nearest(name: object, accepted: Iterable[str]) -> str:
    """A hint at the accepted name that is most like a wrong one; empty if none is.

    >>> nearest("logstic", ["logistic", "tree"])
    "; did you mean 'logistic'?"
    """
    folded = {known.casefold(): known for known in accepted}
    found = difflib.get_close_matches(str(name).casefold(), folded, n=1)
    return f"; did you mean {folded[found[0]]!r}?" if found else ""
