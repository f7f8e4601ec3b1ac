"""The parent of one broker process: it ends the broker when whoever started it is gone.

Run as a program of its own, ``python broker_watcher.py [--remove FOLDER] -- command``; it imports nothing of
ours, so that it starts at once. It reads its standard input, a pipe from whoever started the broker:

- ``q``: the broker is asked to stop and, after a while, killed;
- ``k``: the broker is killed at once;
- the end of the pipe, also after ``kill -9`` of the starter: as ``q``; with a folder to remove, the broker is
  killed at once and the folder removed.

The pipe may have been inherited by another child, so a change of the parent process counts as its end.
The first line of standard output is the broker's process id; the exit code is the broker's, 128 + n after
signal n.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

LOOK_SECONDS = 0.2
STOP_SECONDS_MAX = 8.0

PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    """In the broker's process, before it becomes Java: if even the watcher is killed, so is the broker."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _wish(parent: int) -> str | None:
    """What the starter asks for within the next moment; ``end`` if it is gone, None for nothing."""
    if os.getppid() != parent:
        return "end"
    readable, _, _ = select.select([0], [], [], LOOK_SECONDS)
    return (os.read(0, 1).decode() or "end") if readable else None


def _watch(broker: subprocess.Popen[bytes], parent: int, *, in_a_hurry: bool) -> str | None:
    """Return, once the broker has ended, what was asked for last."""
    wish = None
    while broker.poll() is None:
        wish = _wish(parent)
        if wish is None:
            continue
        if wish == "q" or (wish == "end" and not in_a_hurry):
            broker.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                broker.wait(STOP_SECONDS_MAX)
        broker.kill()
        broker.wait()
    return wish


def main(arguments: list[str]) -> int:
    """Start the broker, watch it, and tidy up."""
    parent = os.getppid()
    split = arguments.index("--")
    remove = Path(arguments[1]) if split else None
    # The signals of a terminal go to the whole group; only the starter decides what they mean.
    for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    broker = subprocess.Popen(
        arguments[split + 1 :],
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        preexec_fn=_in_the_child,
        # The lock on the data folder is passed on, so that it is held for as long as the broker lives.
        close_fds=False,
    )
    print(broker.pid, flush=True)
    wish = _watch(broker, parent, in_a_hurry=remove is not None)
    if remove is not None and wish == "end":
        shutil.rmtree(remove, ignore_errors=True)
    code = broker.returncode
    return code if code >= 0 else 128 - code


def _in_the_child() -> None:
    for restored in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(restored, signal.SIG_DFL)
    _die_with_parent()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
