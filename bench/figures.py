"""The figures of a run of the bench: medians over the rounds, and the ratios between contenders."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from bench.contenders import Contender

# Key of each ratio: the contender above the line, the one below. A ratio whose sides were not both measured
# is null.
RATIOS: dict[str, tuple[str, str]] = {
    "ratio_one_worker": ("loop_one_worker", "river_watched"),
    "ratio_unwatched": ("loop_unwatched", "river"),
    "ratio_watched": ("loop_one_worker", "loop_unwatched"),
    "ratio_two_workers": ("loop_two_workers", "river_watched"),
    "ratio_faust": ("loop_one_worker", "faust"),
    "ratio_confluent": ("loop_one_worker", "confluent"),
    "ratio_confluent_transactional": ("loop_one_worker", "confluent_transactional"),
    "ratio_quix": ("loop_one_worker", "quix"),
    "ratio_bytewax": ("loop_one_worker", "bytewax"),
    "ratio_river_bytewax": ("river", "bytewax"),
    "ratio_river_confluent": ("river", "confluent"),
}

# Figures of one contender alone: whose they are, and what it calls them.
DETAILS: dict[str, tuple[str, str]] = {
    "river_log_loss": ("river", "log_loss"),
    "served_log_loss": ("loop_one_worker", "served_log_loss"),
    "served_two_workers_log_loss": ("loop_two_workers", "served_log_loss"),
    "staleness_p50_labels": ("loop_one_worker", "staleness_p50_labels"),
    "staleness_p99_labels": ("loop_one_worker", "staleness_p99_labels"),
}


class Figures:
    """Results of every round by contender, and the reasons of those that have none."""

    def __init__(self, contenders: Sequence[Contender]) -> None:
        self.contenders = contenders
        self.reasons: dict[str, str] = {}
        self._rounds: dict[str, list[dict[str, Any]]] = {each.name: [] for each in contenders}

    def add(self, contender: Contender, result: dict[str, Any]) -> None:
        """Keep the result of one round."""
        self._rounds[contender.name].append(result)

    @property
    def measured(self) -> bool:
        """Whether any contender has a result."""
        return any(self._rounds.values())

    def of(self, name: str, key: str) -> list[float]:
        """Give one figure of one contender, in every round that has it."""
        return [float(result[key]) for result in self._rounds.get(name, []) if result.get(key) is not None]

    def median(self, name: str, key: str) -> float | None:
        """Give the median of one figure of one contender, or ``None`` if it was not measured."""
        values = self.of(name, key)
        return round(median(values), 3) if values else None

    def medians(self) -> dict[str, float | None]:
        """Give every figure under its key, the unit last; ``None`` for what could not be measured."""
        result: dict[str, float | None] = {}
        for each in self.contenders:
            rates = self.of(each.name, "per_s")
            result[f"{each.name}_per_s"] = self.median(each.name, "per_s")
            result[f"{each.name}_slowest_per_s"] = min(rates, default=None)
            result[f"{each.name}_fastest_per_s"] = max(rates, default=None)
            result[f"{each.name}_cpu_us"] = self.median(each.name, "cpu_us")
            result[f"{each.name}_events"] = self.median(each.name, "events")
        return result | self.ratios() | self.details()

    def ratios(self) -> dict[str, float | None]:
        """Give every ratio whose two sides are contenders of this run."""
        names = {each.name for each in self.contenders}
        result: dict[str, float | None] = {}
        for key, (above, below) in RATIOS.items():
            if above in names and below in names:
                over, under = self.median(above, "per_s"), self.median(below, "per_s")
                result[key] = round(over / under, 3) if over and under else None
        return result

    def details(self) -> dict[str, float | None]:
        """Give the figures of :data:`DETAILS` whose contender is of this run."""
        names = {each.name for each in self.contenders}
        result: dict[str, float | None] = {}
        for key, (name, figure) in DETAILS.items():
            if name in names:
                values = self.of(name, figure)
                result[key] = round(median(values), 6) if values else None
        return result


def table(figures: Figures) -> str:
    """Write the figures as a table in plain text."""
    lines = [f"{'contender':<26}{'events/s':>12}{'slowest':>12}{'fastest':>12}{'CPU µs/event':>14}{'events':>12}"]
    for each in figures.contenders:
        if each.name in figures.reasons:
            lines.append(f"{each.name:<26}{'-':>12}  {figures.reasons[each.name]}")
            continue
        rates = figures.of(each.name, "per_s")
        middle, cpu = figures.median(each.name, "per_s"), figures.median(each.name, "cpu_us")
        events = figures.median(each.name, "events")
        lines.append(
            f"{each.name:<26}{middle or 0:>12,.0f}{min(rates):>12,.0f}{max(rates):>12,.0f}"
            f"{cpu or 0:>14.1f}{events or 0:>12,.0f}"
        )
    lines += [f"{key:<34}{value:>12.2f}" for key, value in figures.ratios().items() if value is not None]
    lines += [f"{key:<34}{value:>12.4g}" for key, value in figures.details().items() if value is not None]
    return "\n".join(lines)
