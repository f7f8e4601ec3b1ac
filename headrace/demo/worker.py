"""The demo's worker, a program of its own: ``python -m headrace.demo.worker``.

It works until its standard input ends, so that it ends too when the demo itself is killed.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from contextlib import suppress

from agents import worker
from headrace.demo.pipeline import flights
from schemas.errors import HeadraceError
from streams.settings import load


def _end_with_input() -> None:
    with suppress(OSError):
        while os.read(0, 4096):
            pass
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> int:
    """Work until told to stop; gives the exit code."""
    logging.basicConfig(format="%(asctime)s %(levelname)-7s %(message)s", stream=sys.stderr)
    threading.Thread(target=_end_with_input, name="end-with-input", daemon=True).start()
    try:
        settings = load()
        logging.getLogger().setLevel(settings.log_level)
        worker.run(flights, settings)
    except HeadraceError as error:
        logging.getLogger(__name__).critical("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
