"""Runs a module that yields to all other processes, from its first import on: ``python -m agents.yielding NAME``.

To load River and its libraries takes a second or two of a processor, in which events would wait.
"""

from __future__ import annotations

import os
import runpy
import sys
from contextlib import suppress
from pathlib import Path

#: As far back as a process can step among those of its session.
NICE = 19

#: How nice its session is: a tenth of the share of another, so that it still gets on where no processor is ever idle.
SESSION_NICE = 10


def main() -> None:
    """Step back, then be the module that is named."""
    # Linux shares the processor among sessions first ("autogroup"). In the session of its worker a trainer uses up the
    # worker's share however nice it is, and the worker then waits behind all others; and to those it is nice only if
    # its session is.
    with suppress(OSError):
        os.setsid()
        Path("/proc/self/autogroup").write_text(str(SESSION_NICE))
    os.nice(NICE)
    if hasattr(os, "SCHED_IDLE"):
        # Where there are no such groups: a nice process finishes its slice before one that wakes up, an idle one is
        # interrupted at once. A container may forbid it.
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    runpy.run_module(sys.argv[1], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
