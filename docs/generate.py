"""Write the parts of the documents that say what the code says: ``make docs``; with ``--check``, compare.

A part stands in its document between two lines, and what is around them is written by hand::

    <!-- generated: settings -->
    ...
    <!-- end of settings -->

To add a part, write a function here that returns its text, name it in :data:`PARTS`, and put the two lines
where it belongs.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from streams.settings import Settings

ROOT = Path(__file__).resolve().parent.parent


class Part(NamedTuple):
    """One generated part: its document, its name there, and what writes it."""

    document: str
    name: str
    write: Callable[[], str]


# A default that is computed depends on the surroundings, so it is said here; a test compares.
COMPUTED = {"data": "`$XDG_DATA_HOME/headrace`, else `~/.local/share/headrace`"}


def settings() -> str:
    """The table of the settings, in the order in which the class has them."""
    prefix = Settings.model_config["env_prefix"]
    rows = [
        f"| `{prefix}{name.upper()}` | {_default(name, field)} | {field.description}{_choices(field)} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(["| variable | default | what it says |", "| --- | --- | --- |", *rows])


def _default(name: str, field: FieldInfo) -> str:
    if field.default_factory is not None:
        return COMPUTED[name]
    value = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
    return "–" if value in ("", None) else f"`{value}`"


def _choices(field: FieldInfo) -> str:
    choices = [choice for choice in get_args(field.annotation) if isinstance(choice, str)]
    return f" ({', '.join(f'`{choice}`' for choice in choices)})" if choices else ""


PARTS = (Part("docs/settings.md", "settings", settings),)


def renew(text: str, part: Part) -> str:
    """Give a document's text with one part written anew.

    Raises
    ------
    ValueError
        The document has no place for it, or more than one.
    """
    first, last = f"<!-- generated: {part.name} -->\n", f"<!-- end of {part.name} -->\n"
    if text.count(first) != 1 or text.count(last) != 1 or text.index(first) > text.index(last):
        raise ValueError(
            f"{part.document}: needs the lines {first.strip()} and {last.strip()} once, in this order"
        )
    before, _, rest = text.partition(first)
    after = rest.partition(last)[2]
    return f"{before}{first}\n{part.write().strip()}\n\n{last}{after}"


def main(arguments: list[str]) -> int:
    """Write all parts, or with ``--check`` show what differs.

    Returns
    -------
    int
        The exit code: 1 if something differs.
    """
    if arguments not in ([], ["--check"]):
        print("usage: python docs/generate.py [--check]", file=sys.stderr)
        return 2
    outdated = 0
    for document in dict.fromkeys(part.document for part in PARTS):
        path = ROOT / document
        old = new = path.read_text(encoding="utf-8")
        for part in PARTS:
            if part.document == document:
                new = renew(new, part)
        if new == old:
            continue
        outdated += 1
        if arguments:
            lines = difflib.unified_diff(
                old.splitlines(), new.splitlines(), document, "what the code says", lineterm=""
            )
            print("\n".join(lines))
            continue
        path.write_text(new, encoding="utf-8")
        print(f"{document}: written")
    if arguments and outdated:
        print(f"{outdated} of the documents are not current; `make docs` writes them", file=sys.stderr)
    return 1 if arguments and outdated else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
