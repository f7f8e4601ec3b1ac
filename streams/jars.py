"""Kafka's jars: fetched once, kept in the user's cache with their checksums, used offline afterwards.

The cache is ``$HEADRACE_CACHE``, else ``headrace`` in ``$XDG_CACHE_HOME`` or ``~/.cache``; in it::

    kafka-4.1.1/
    ├── libs/           the jars; a file is here whole and checked, or not at all
    ├── fetching/       where they arrive; emptied at each fetch
    ├── checked.json    size and time of each jar when its SHA-256 was last right
    └── lock            held while jars are checked or fetched

A jar whose size and time are unchanged is not hashed again. One that has changed is fetched anew.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from schemas.errors import BrokerUnavailable, UserError
from streams.broker_jars import JARS, KAFKA_VERSION, Progress
from streams.broker_lock import hold

LOCK_WAIT_SECONDS_MAX = 900.0


def cache_folder() -> Path:
    """The folder in which everything about this version of Kafka is kept.

    Raises
    ------
    UserError
        There is no home folder and no setting says where else.
    """
    try:
        base = (
            Path(os.environ["HEADRACE_CACHE"]).expanduser()
            if os.environ.get("HEADRACE_CACHE")
            else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "headrace"
        )
    except RuntimeError as error:
        raise UserError("there is no home folder to keep Kafka's jars in: set HEADRACE_CACHE to a folder") from error
    return base.absolute() / f"kafka-{KAFKA_VERSION}"


def kafka_jars(on_progress: Progress | None = None) -> Path:
    """Make sure that Kafka's jars are in the cache and unaltered.

    Parameters
    ----------
    on_progress
        Told about a fetch, from several threads but never at the same time.

    Returns
    -------
    Path
        The folder with the jars and nothing else.

    Raises
    ------
    BrokerUnavailable
        A jar is missing and cannot be fetched, or what was fetched is not what is pinned.
    UserError
        The cache cannot be written.
    """
    folder = cache_folder()
    if _unchanged(folder):
        return folder / "libs"
    try:
        (folder / "libs").mkdir(parents=True, exist_ok=True)
        with hold(folder / "lock", seconds_max=LOCK_WAIT_SECONDS_MAX):
            if not _unchanged(folder):
                _make_right(folder, on_progress or _silent)
    except TimeoutError as error:
        raise BrokerUnavailable(
            f"another process has been fetching Kafka into {folder} for {LOCK_WAIT_SECONDS_MAX:.0f} s"
        ) from error
    except OSError as error:
        raise UserError(
            f"Kafka's jars cannot be kept in {folder}: {error.strerror or error}. "
            "Set HEADRACE_CACHE to a folder that can be written"
        ) from error
    return folder / "libs"


def _silent(what: str, done: int, total: int) -> None: ...


def _make_right(folder: Path, on_progress: Progress) -> None:
    libs = folder / "libs"
    wanted = {jar.name for jar in JARS}
    for stranger in (path for path in libs.iterdir() if path.name not in wanted):
        # The class path is the whole folder, so anything else in it would run inside the broker.
        stranger.unlink()
    missing = [jar for jar in JARS if not jar.matches(libs / jar.name)]
    if missing:
        # Here and not above: it takes a third of a second to import, and is needed once in a machine's life.
        from streams.broker_fetch import fetch

        fetch(missing, folder, on_progress)
    stamp = folder / "checked.json.new"
    stamp.write_text(json.dumps(_stamps(libs), indent=1))
    stamp.replace(folder / "checked.json")


def _stamps(libs: Path) -> dict[str, list[int]]:
    return {path.name: [path.stat().st_size, path.stat().st_mtime_ns] for path in libs.iterdir()}


def _unchanged(folder: Path) -> bool:
    try:
        checked = json.loads((folder / "checked.json").read_text())
        present = _stamps(folder / "libs")
    except (OSError, ValueError):
        return False
    return bool(checked == present) and {jar.name for jar in JARS} == present.keys()
