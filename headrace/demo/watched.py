"""What monitoring has told in a run: episodes of drift, and alerts."""

from __future__ import annotations

from collections import Counter

import msgspec

from schemas.alerts import Alert
from schemas.codec import decode
from schemas.drift import Drift
from streams.settings import Settings
from streams.tail import Tail
from streams.topology import Topology


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """What was told.

    Parameters
    ----------
    episodes
        Cause to number of episodes of drift.
    alerts
        Name to number of alerts that have fired.
    """

    episodes: dict[str, int]
    alerts: dict[str, int]

    def sentence(self) -> str:
        """The same in words."""
        episodes = _counted(self.episodes, "episode of drift", "episodes of drift")
        return f"Monitoring told of {episodes} and {_counted(self.alerts, 'alert', 'alerts')}."


def watched(settings: Settings, topology: Topology) -> Watched:
    """Read what was told.

    Raises
    ------
    BrokerUnavailable
        If no broker answers.
    """
    # The cause of an episode may become clearer while it lasts: the last word counts.
    causes: dict[int, str] = {}
    with Tail(settings, topology.name("drift"), "earliest") as tail:
        for record in tail.to_end():
            drift = decode(Drift, record.value() or b"")
            if drift.episode is not None:
                causes[drift.episode] = drift.cause
    names: dict[str, str] = {}
    with Tail(settings, topology.name("alerts"), "earliest") as tail:
        for record in tail.to_end():
            alert = decode(Alert, record.value() or b"")
            names[alert.fingerprint] = alert.name
    return Watched(episodes=dict(Counter(causes.values())), alerts=dict(Counter(names.values())))


def _counted(counts: dict[str, int], one: str, many: str) -> str:
    total = sum(counts.values())
    if not total:
        return f"no {one}"
    each = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in sorted(counts.items()))
    return f"{total} {one if total == 1 else many} ({each})"
