"""An environment of their own for the peers that must not come into the project's.

Quix Streams and Bytewax ask for packages in versions of their own. They are installed once into
``<cache>/bench-peers/<fingerprint>``, with exactly the packages of ``bench/peers-requirements.txt``, which is
made from ``bench/peers-requirements.in`` by::

    python -m uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \\
        bench/peers-requirements.in -o bench/peers-requirements.txt

The fingerprint is that of this file of versions and of the Python, so a change of either makes a new
environment.
"""

from __future__ import annotations

import fcntl
import hashlib
import platform
import subprocess
import sys
import venv
from pathlib import Path

from schemas.errors import UserError
from streams import jars

REQUIREMENTS = Path(__file__).parent / "peers-requirements.txt"
INSTALL_SECONDS_MAX = 540
MARK = "complete"


class PeersError(UserError):
    """The environment of the peers cannot be made here; the text says why."""


def folder() -> Path:
    """Say where the environment is or would be."""
    fingerprint = hashlib.sha256(REQUIREMENTS.read_bytes() + platform.python_version().encode())
    return jars.cache_folder().parent / "bench-peers" / fingerprint.hexdigest()[:12]


def python() -> Path:
    """Give the Python of the peers' environment, which is made if it is not there.

    Returns
    -------
    Path
        The interpreter; run it in the project's folder, so that ``bench`` can be imported.

    Raises
    ------
    PeersError
        No network and nothing in the cache, no wheel for this Python, no room.
    """
    place = folder()
    interpreter = place / "bin" / "python"
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        # Two benches at once would install into each other's half-made folder.
        with (place.parent / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (place / MARK).exists():
                _make(place, interpreter)
    except OSError as error:
        message = f"the peers' environment cannot be kept in {place}: {error}"
        raise PeersError(message) from error
    return interpreter


def _make(place: Path, interpreter: Path) -> None:
    print(f"Installing the peers once into {place}; this takes about a minute.", file=sys.stderr)
    venv.create(place, with_pip=True, clear=True)
    command = [
        str(interpreter),
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--no-input",
        "install",
        "--quiet",
    ]
    # What is built from source could build something else tomorrow; the peers all have wheels.
    command += ["--require-hashes", "--only-binary", ":all:", "-r", str(REQUIREMENTS)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS_MAX, check=False)
    except subprocess.TimeoutExpired as error:
        message = f"the peers could not be installed within {INSTALL_SECONDS_MAX} s"
        raise PeersError(message) from error
    if done.returncode:
        reasons = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        message = f"the peers could not be installed: {reasons[-1] if reasons else done.stderr[-300:].strip()}"
        raise PeersError(message)
    (place / MARK).touch()
