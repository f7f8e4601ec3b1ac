"""Why a broker ended, in half a sentence, read from what Java and Kafka left behind."""

from __future__ import annotations

import re
import signal
from pathlib import Path

PORT_TAKEN = "a port is taken by another program"

KNOWN = (
    (r"Address already in use", PORT_TAKEN),
    (
        r"Could not reserve enough space|insufficient memory|(Invalid|Too small) maximum heap",
        "the system does not give Java the memory asked for",
    ),
    (r"OutOfMemoryError|Terminating due to java.lang.OutOfMemory", "Java ran out of memory"),
    (r"No space left on device", "the disk is full"),
    (r"Permission denied|AccessDeniedException", "a file in the data folder may not be written"),
)

TAIL_BYTES_MAX = 65_536


def explain(folder: Path, code: int | None) -> str:
    """Say why, and name the file to read on.

    Parameters
    ----------
    folder
        The node's folder, with ``console.log`` and ``broker.log``.
    code
        Exit code, 128 + n after signal n; ``None`` if it is not known.
    """
    log = folder / "broker.log"
    if not (log.exists() and log.stat().st_size):
        log = folder / "console.log"
    return f"{_cause(folder, code)}. Its log: {log}"


def _cause(folder: Path, code: int | None) -> str:
    text = _tail(folder / "console.log") + _tail(folder / "broker.log")
    for pattern, cause in KNOWN:
        if re.search(pattern, text):
            return cause
    if code == 128 + signal.SIGKILL:
        return "it was killed from outside, as the system does when memory runs out"
    errors = re.findall(r"^(?:Caused by: )?[\w.$]+(?:Exception|Error): (.+)$", text, re.MULTILINE)
    if errors:
        return str(errors[-1]).rstrip(".")
    return "no cause is known" if code is None else f"exit code {code}"


def _tail(path: Path) -> str:
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL_BYTES_MAX))
        return file.read().decode(errors="replace")
