"""The table of topics: the one place that knows their names, partitions, keys and settings."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta

DAY_MS = 24 * 3600 * 1000
FOREVER = -1
COMPACT_SEGMENT_BYTES = 16 * 1024 * 1024

#: Partitions of the topics that spread over workers, where a pipeline does not say otherwise.
PARTITIONS = 4

_NAME = re.compile(r"[a-z0-9]([a-z0-9_-]{0,62}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic of every pipeline.

    Parameters
    ----------
    noun
        The topic is called ``<pipeline>.<noun>``.
    spread
        Whether it has the pipeline's number of partitions; otherwise it has one, and so one total order.
    key, holds
        What its key and its records are, in words.
    written_by, read_by
        The stages at its two ends; ``outside`` is everybody else. Empty: its place is kept, no stage writes it yet.
    retention_ms
        How long records are kept; :data:`FOREVER` for what must stay.
    compact
        Whether only the newest record of each key is kept.
    broker_time
        Whether the broker stamps records, so that a producer's wrong clock does no harm.
    """

    noun: str
    spread: bool
    key: str
    holds: str
    written_by: tuple[str, ...]
    read_by: tuple[str, ...] = ("outside",)
    retention_ms: int = 30 * DAY_MS
    compact: bool = False
    broker_time: bool = False

    def partitions(self, spread_over: int) -> int:
        """How many partitions it has in a pipeline that spreads over so many."""
        return spread_over if self.spread else 1

    def settings(self) -> dict[str, str]:
        """The topic-level settings of Kafka, before it is known for how long the pipeline remembers."""
        settings = {
            "cleanup.policy": "compact" if self.compact else "delete",
            "retention.ms": str(FOREVER if self.compact else self.retention_ms),
            "message.timestamp.type": "LogAppendTime" if self.broker_time else "CreateTime",
        }
        if self.compact:
            # Only closed segments are compacted, and whoever starts reads all that is left.
            settings["segment.bytes"] = str(COMPACT_SEGMENT_BYTES)
        return settings


TOPICS: tuple[Topic, ...] = (
    Topic("events", True, "event key", "raw events, plain JSON", ("outside",), ("features",), broker_time=True),
    Topic("features", True, "event key", "prepared features of each event", ("features",), ("replay",)),
    Topic(
        "predictions",
        True,
        "event key",
        "one record per event: the served score, and what each shadow would have said",
        ("predictions",),
        ("outside", "replay"),
        broker_time=True,
    ),
    Topic(
        "feedback",
        True,
        "event key",
        "labels: id, label or unavailable, time; a second, different one is a correction",
        ("outside",),
        ("examples",),
        broker_time=True,
    ),
    Topic(
        "examples",
        False,
        "event id",
        "the learning log: examples, profiles, control records and notices in one total order",
        ("profiles", "examples", "health", "retrains", "promotions", "alerts", "checkpoints"),
        ("learning", "profiles", "health", "drift", "alerts", "promotions", "replay"),
        retention_ms=FOREVER,
    ),
    Topic("health", False, "pipeline", "accuracy of every model, label coverage and delay", ("health",)),
    Topic("drift", False, "pipeline", "episodes of drift with cause and evidence", ("drift",)),
    Topic(
        "retrains",
        False,
        "retraining",
        "the steps of each retraining: requested, started, progress, finished, failed",
        ("retrains",),
        ("outside", "retrains"),
        retention_ms=FOREVER,
    ),
    Topic(
        "promotions",
        False,
        "challenger",
        "decisions about who is in charge, with their evidence",
        ("promotions",),
        retention_ms=FOREVER,
    ),
    Topic(
        "models",
        False,
        "slot",
        "checkpoints and trained states in chunks",
        ("checkpoints", "retrains"),
        ("learning",),
        compact=True,
    ),
    Topic(
        "alerts",
        False,
        "fingerprint",
        "alerts, firing or resolved",
        ("alerts",),
        ("delivery", "outside"),
        compact=True,
    ),
    Topic(
        "commands",
        False,
        "command",
        "what people ask",
        ("outside",),
        ("alerts", "retrains", "promotions"),
        retention_ms=FOREVER,
    ),
    Topic(
        "rejects",
        True,
        "original key",
        "bad records: raw bytes untouched, the reason in headers",
        ("features", "predictions", "examples", "alerts", "delivery"),
    ),
)

_BY_NOUN = {topic.noun: topic for topic in TOPICS}


@dataclass(frozen=True)
class Topology:
    """The topics of one pipeline.

    Parameters
    ----------
    pipeline
        Its name: lower case letters, digits, ``-`` and ``_``.
    partitions
        How many partitions the spread topics have.
    remember
        For how long the pipeline remembers its events. What is remembered is read again from the topics after a
        crash, so they are kept for twice as long, if that is more than they are kept anyway.
    """

    pipeline: str
    partitions: int = PARTITIONS
    remember: timedelta = timedelta(0)
    topics: tuple[Topic, ...] = field(default=TOPICS, repr=False)

    def settings_of(self, topic: Topic) -> dict[str, str]:
        """The topic-level settings of Kafka that are kept exact."""
        settings = topic.settings()
        if not topic.compact and topic.retention_ms != FOREVER:
            remembered_ms = int(2 * self.remember.total_seconds() * 1000)
            settings["retention.ms"] = str(max(topic.retention_ms, remembered_ms))
        return settings

    def name(self, noun: str) -> str:
        """The full name of a topic.

        Raises
        ------
        KeyError
            If there is no such noun.
        """
        return f"{self.pipeline}.{_BY_NOUN[noun].noun}"

    def noun(self, name: str) -> str:
        """The noun of a full name."""
        return _BY_NOUN[name.removeprefix(f"{self.pipeline}.")].noun

    def partitions_of(self, noun: str) -> int:
        """How many partitions a topic has."""
        return _BY_NOUN[noun].partitions(self.partitions)


def is_legal_name(name: str) -> bool:
    """Whether a pipeline may be called so: its topics' names stay legal and unambiguous."""
    return _NAME.fullmatch(name) is not None
