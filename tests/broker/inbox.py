"""A real HTTP server that takes the webhooks of alerts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec


class Inbox:
    """Keeps what is posted to it.

    Parameters
    ----------
    answer
        Gives the status to answer the n-th message with.
    """

    def __init__(self, answer: Callable[[int], int] = lambda _: 200) -> None:
        self.messages: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        lock = threading.Lock()
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with lock:
                    status = answer(len(inbox.messages))
                    inbox.messages.append(msgspec.json.decode(body))
                    inbox.headers.append(dict(self.headers))
                    inbox.paths.append(self.path)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *arguments: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"http://{self.address}/hook/s3cret-path"

    def alerts(self, status: str = "") -> list[dict[str, Any]]:
        """The alerts in all messages, in the order in which they came."""
        found = [alert for message in self.messages for alert in message["alerts"]]
        return [alert for alert in found if status in ("", alert["status"])]

    def close(self) -> None:
        """Take nothing more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
