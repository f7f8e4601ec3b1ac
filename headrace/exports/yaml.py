"""YAML, as far as the exported files need it: mappings, lists, texts, numbers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

#: Texts that no reader of YAML takes for anything but texts.
_PLAIN = re.compile(r"[A-Za-z_/][\w./-]*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def written(value: Any, comment: str = "") -> str:
    """A document.

    Parameters
    ----------
    value
        What it holds.
    comment
        Its first lines, for people.
    """
    told = "".join(f"# {line}\n" for line in comment.splitlines())
    return told + "\n".join(_lines(value)) + "\n"


def _lines(value: Any) -> list[str]:
    if isinstance(value, Mapping) and value:
        return [line for name, part in value.items() for line in _entry(f"{_scalar(name)}:", part)]
    if isinstance(value, Sequence) and not isinstance(value, str) and value:
        lines = []
        for part in value:
            first, *rest = _lines(part)
            lines += [f"- {first}", *(f"  {line}" for line in rest)]
        return lines
    return [_scalar(value)]


def _entry(name: str, value: Any) -> list[str]:
    if isinstance(value, str) or not isinstance(value, (Mapping, Sequence)) or not value:
        return [f"{name} {_scalar(value)}"]
    return [name, *(f"  {line}" for line in _lines(value))]


def _scalar(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    if isinstance(value, str) and '"' in value and "'" not in value and value.isprintable():
        return f"'{value}'"
    # What JSON writes, YAML reads.
    return json.dumps(value, ensure_ascii=False)
