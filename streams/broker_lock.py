"""A lock on a file, held across processes and given back by the system when its holders are gone."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOOK_AGAIN_SECONDS = 0.05


def take(path: Path, *, seconds_max: float) -> int:
    """Take the lock and return its file descriptor; a child that inherits it holds the lock as well.

    Parameters
    ----------
    path
        The lock's file, made if it is not there.
    seconds_max
        How long to wait for another holder.

    Raises
    ------
    TimeoutError
        Another process held it all that time.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    deadline = time.monotonic() + seconds_max
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(descriptor)
                raise TimeoutError(path) from None
            time.sleep(LOOK_AGAIN_SECONDS)
        else:
            return descriptor


@contextmanager
def hold(path: Path, *, seconds_max: float) -> Iterator[None]:
    """Hold the lock inside the block; see :func:`take`."""
    descriptor = take(path, seconds_max=seconds_max)
    try:
        yield
    finally:
        os.close(descriptor)
