"""A digest of how a model was declared, equal on every machine that declares it alike."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

#: What Python says about an object that says nothing about itself; another one in each process.
_PLACE_IN_MEMORY = re.compile(r" at 0x[0-9a-fA-F]+")


def _walk(value: object) -> Iterator[str]:
    parameters = getattr(value, "_get_params", None)
    if callable(parameters) and not isinstance(value, type):
        yield f"{type(value).__module__}.{type(value).__qualname__}("
        yield from _walk(parameters())
        yield ")"
    elif isinstance(value, Mapping):
        for key, item in value.items():
            # River's trees put this process's bound on recursion where no depth was declared.
            undeclared = key == "max_depth" and item == sys.getrecursionlimit() - 20
            yield f"{key!r}="
            yield from _walk(None if undeclared else item)
            yield ","
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _walk(item)
            yield ","
    elif isinstance(value, (set, frozenset)):
        yield repr(sorted(value, key=repr))
    elif callable(value) and hasattr(value, "__qualname__"):
        # The module of a function in a user's file depends on how the file was loaded; its name does not.
        yield value.__qualname__
    else:
        yield _PLACE_IN_MEMORY.sub("", repr(value))


def definition(model: Any) -> str:
    """SHA-256 over the class and the parameters of a River model and of all models inside it.

    Pickles are no such digest: equal models may have different pickles.
    """
    return hashlib.sha256("".join(_walk(model)).encode()).hexdigest()[:32]
