"""One process of the embedded Kafka, from its start to its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from schemas.errors import BrokerUnavailable, UserError
from streams.broker_causes import explain
from streams.broker_lock import take

WATCHER = Path(__file__).with_name("broker_watcher.py")
STOP_SECONDS_MAX = 12.0
"""Longer than the watcher's own patience, so that only a watcher that is itself stuck is killed."""

# An earlier broker on the same folder may be on its way out, so wait a little longer than it may take.
LOCK_WAIT_SECONDS_MAX = 10.0

STOP = b"q"
KILL = b"k"
"""What the watcher is told."""


class Node:
    """One node: the watcher and, through it, the Java process.

    Parameters
    ----------
    number
        From 1.
    folder
        The node's folder.
    command
        The whole command that runs the broker.
    remove
        A folder that the watcher removes if this process ends without stopping the node.
    """

    def __init__(self, number: int, folder: Path, command: list[str], remove: Path | None) -> None:
        self.number = number
        self.folder = folder
        self._command = command
        self._remove = remove
        self._watcher: subprocess.Popen[bytes] | None = None
        self._pid: int | None = None
        self._asked = False

    def start(self) -> None:
        """Start the process; returns at once.

        Raises
        ------
        UserError
            Another broker runs on the same data.
        """
        try:
            lock = take(self.folder / "lock", seconds_max=LOCK_WAIT_SECONDS_MAX)
        except TimeoutError as error:
            raise UserError(
                f"a broker already runs on the data in {self.folder.parent}: stop it, or choose another data folder"
            ) from error
        try:
            with (self.folder / "console.log").open("wb") as console:
                self._watcher = subprocess.Popen(
                    [sys.executable, "-I", "-S", WATCHER, *self._watcher_options(), "--", *self._command],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=console,
                    pass_fds=[lock],
                    start_new_session=True,
                )
        finally:
            os.close(lock)
        self._asked = False
        assert self._watcher.stdout is not None
        first = self._watcher.stdout.readline()
        if not first:
            raise BrokerUnavailable(self.why())
        self._pid = int(first)

    def _watcher_options(self) -> list[str]:
        return ["--remove", str(self._remove)] if self._remove else []

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._watcher is not None and self._watcher.poll() is None

    @property
    def failed(self) -> bool:
        """Whether the process has ended and nobody here asked for it."""
        return self._watcher is not None and self._watcher.poll() is not None and not self._asked

    @property
    def pid(self) -> int:
        """Process id of the Java process."""
        assert self._pid is not None, "the node was never started"
        return self._pid

    def ask(self, wish: bytes) -> None:
        """Tell the watcher to stop (``q``) or kill (``k``) the process; returns at once."""
        if self._watcher is None or self._watcher.stdin is None or self._watcher.stdin.closed:
            return
        # What had ended before it was asked has failed.
        self._asked = self.running
        with suppress(OSError):
            self._watcher.stdin.write(wish)
            self._watcher.stdin.close()

    def join(self) -> None:
        """Wait, within a bound, until the process has ended."""
        if self._watcher is None:
            return
        try:
            self._watcher.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(self._watcher.pid, signal.SIGKILL)
            self._watcher.wait()
        if self._watcher.stdout is not None:
            self._watcher.stdout.close()

    def why(self) -> str:
        """One sentence for a person: why the process ended, and where to read more."""
        code = self._watcher.poll() if self._watcher is not None else None
        return f"Kafka (node {self.number}) ended: {explain(self.folder, code)}"
