"""The demo's side of its worker: a process of its own, that may be killed and is started again."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Self

from schemas.errors import Unavailable
from streams.settings import Settings

#: Seconds to finish the batch that is under way.
STOP_S = 20.0

#: Starts within :data:`STARTS_S` seconds until it is given up.
STARTS_MAX = 5
STARTS_S = 60.0

#: Lines of the log that a failure shows.
LINES_SHOWN = 6


class WorkerProcess:
    """A worker that is started again when it is killed.

    Parameters
    ----------
    settings
        Where it works.
    log
        The file it writes to; it is appended to.
    """

    def __init__(self, settings: Settings, log: Path) -> None:
        self.log = log
        self.killed = 0
        self._environment = os.environ | {
            "HEADRACE_BOOTSTRAP": settings.bootstrap,
            "HEADRACE_SECURITY_PROTOCOL": settings.security_protocol,
            "HEADRACE_DATA": str(settings.data),
        }
        self._starts: deque[float] = deque(maxlen=STARTS_MAX)
        self._process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        """Its process id, another one after a kill."""
        return self._process.pid

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start(self) -> None:
        self._starts.append(time.monotonic())
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                # -P: the working directory may hold a `models.py` of the user's own.
                [sys.executable, "-P", "-m", "headrace.demo.worker"],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._environment,
                # Ctrl-C is for the demo, which then stops the worker in its turn.
                start_new_session=True,
            )

    def look(self) -> None:
        """Start it again if it was killed.

        Raises
        ------
        Unavailable
            If it ended by itself, or was killed too often; with the end of its log.
        """
        code = self._process.poll()
        if code is None:
            return
        often = len(self._starts) == STARTS_MAX and time.monotonic() - self._starts[0] < STARTS_S
        if code >= 0 or often:
            why = f"it was started {STARTS_MAX} times" if often else f"exit code {code}"
            raise Unavailable(f"the worker has ended ({why}).\n{self.told()}")
        self._close_input()
        self.killed += 1
        self._start()

    def stop(self) -> None:
        """Ask it to stop, wait, and kill it if it does not."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._close_input()

    def _close_input(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()

    def told(self) -> str:
        """The end of its log, and where the log is."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        shown = "\n".join(f"  | {line}" for line in lines[-LINES_SHOWN:])
        return f"{shown}\nAll it said is in {self.log}" if shown else f"It said nothing ({self.log} is empty)"
