"""The metrics endpoint: Prometheus asks a worker how it is, over HTTP."""

from __future__ import annotations

import threading
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server

from agents.exposition import Exposition
from agents.line import Line
from schemas.errors import UserError
from streams.source import Source

#: Seconds that the endpoint's thread may take to end.
STOP_S = 5.0


class Endpoint:
    """``/metrics`` of one worker, in a thread of its own.

    Parameters
    ----------
    host, port
        Where it listens.
    line, source, worker
        Whose state it tells, and the worker's name.
    """

    def __init__(self, host: str, port: int, line: Line, source: Source, worker: str) -> None:
        self.registry = registry(line, source, worker)
        self._place = (host, port)
        self._serving: tuple[WSGIServer, threading.Thread] | None = None

    def start(self) -> None:
        """Begin to answer.

        Raises
        ------
        UserError
            If the place is taken, or none of this machine.
        """
        host, port = self._place
        try:
            self._serving = start_http_server(port, host, self.registry)
        except OSError as error:
            raise UserError(
                f"the metrics endpoint can't listen on {host}:{port}: {error.strerror or error}; give each worker on "
                "this machine a port of its own with --metrics-port or HEADRACE_METRICS_PORT, 0 for none"
            ) from None

    def stop(self) -> None:
        """Give back the port."""
        if self._serving is not None:
            server, thread = self._serving
            self._serving = None
            server.shutdown()
            server.server_close()
            thread.join(STOP_S)


def registry(line: Line, source: Source, worker: str) -> CollectorRegistry:
    """Everything that a worker tells: the table of metrics, and the process' own by their usual names."""
    made = CollectorRegistry()
    made.register(Exposition(line, source, worker))
    ProcessCollector(registry=made)
    return made
