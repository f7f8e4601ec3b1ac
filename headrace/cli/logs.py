"""What a worker logs: lines for people, or one JSON object per line."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import msgspec

from streams.settings import Settings

TEXT = "%(asctime)s %(levelname)-7s %(message)s"

#: What every log record has; what else it has was given along with the message.
_ALWAYS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

#: The frame tells of each of its services at each start, which hides what the worker says.
CHATTY = ("faust", "mode")


class JsonLines(logging.Formatter):
    """One JSON object per message.

    ``time`` (RFC 3339, UTC), ``level``, ``logger``, ``pipeline`` and ``message`` are always there, and ``error`` with
    a traceback. Messages about a record have its address: ``topic``, ``partition``, ``offset``. What the record holds
    is never logged.

    Parameters
    ----------
    pipeline
        Its name.
    """

    def __init__(self, pipeline: str) -> None:
        super().__init__()
        self._pipeline = pipeline

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname,
            "logger": record.name,
            "pipeline": self._pipeline,
            "message": record.getMessage(),
        }
        told |= {name: value for name, value in vars(record).items() if name not in _ALWAYS and name not in told}
        if record.exc_info:
            told["error"] = self.formatException(record.exc_info)
        return msgspec.json.encode(told, enc_hook=str).decode()


def begin(settings: Settings, pipeline: str) -> None:
    """Log from now on as the settings say, to stderr: Faust redirects stdout."""
    handler = logging.StreamHandler()
    handler.setFormatter(
        JsonLines(pipeline) if settings.log_format == "json" else logging.Formatter(TEXT, "%Y-%m-%dT%H:%M:%S%z")
    )
    logging.basicConfig(level=settings.log_level, handlers=[handler])
    for chatty in CHATTY:
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.getLogger().level))
