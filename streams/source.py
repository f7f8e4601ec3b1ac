"""The batch source: a thread that makes batches, session after session, until it is told to stop."""

from __future__ import annotations

import logging
import threading
import time

from schemas.errors import Fenced, Unavailable
from streams.session import Faulty, Line, Session
from streams.settings import Settings
from streams.suspects import Suspects
from streams.topology import Topology

logger = logging.getLogger(__name__)

#: Fresh starts in a row, none of which committed anything, until the worker gives up.
STARTS_MAX = 8


class Source:
    """Feeds a line from a thread of its own.

    Parameters
    ----------
    settings, topology, name
        Of the worker.
    line
        The agents.
    """

    def __init__(self, settings: Settings, topology: Topology, name: str, line: Line) -> None:
        #: Why the thread ended, if it was not told to.
        self.failure: BaseException | None = None
        self.ended = threading.Event()
        #: When a step went through last, by the monotonic clock; the watchdog looks at it.
        self.progress_s = time.monotonic()
        self._arguments = (settings, topology, name, line)
        self._suspects = Suspects()
        self._stopping = threading.Event()
        self._starts = 0

    def start(self) -> None:
        """Begin, in a new thread."""
        threading.Thread(target=self._run, name="batch-source", daemon=True).start()

    def stop(self) -> None:
        """End after the batch that is under way; :attr:`ended` tells when."""
        self._stopping.set()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._session()
        except BaseException as error:  # told to whoever waits for the thread
            self.failure = error
        finally:
            self.ended.set()

    def _session(self) -> None:
        session = None
        try:
            session = Session(*self._arguments, self._suspects)
            while not self._stopping.is_set():
                if session.step():
                    self._starts = 0
                self.progress_s = time.monotonic()
        except Fenced:
            raise
        except (Faulty, Unavailable) as error:
            self._starts += 1
            if self._starts > STARTS_MAX:
                raise
            logger.warning("starting afresh from what is committed: %s", error)
            self._stopping.wait(min(0.05 * 2**self._starts, 5.0))
        finally:
            if session is not None:
                session.close()
