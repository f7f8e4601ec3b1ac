"""The year as a picture: what each contender has lost less than the prior, added up, and when who took over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from bench.year_hindsight import Hindsight
from bench.year_scores import DAY_S, Column

_COLOURS = ("#1b6ca8", "#c0392b", "#2e8b57", "#d9822b", "#7d4aa3", "#8a8a8a", "#555555")
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 920, 420, 60, 200, 40, 40
_YEAR = datetime(2013, 1, 1, tzinfo=UTC).timestamp()


def picture(saved: dict[str, Column], days: Column, changes: Sequence[Hindsight]) -> str:
    """The lines as SVG.

    Parameters
    ----------
    saved
        By contender, what it has saved up to the end of each day, in units of the loss.
    days
        Days since the beginning of the year.
    changes
        Marked by vertical lines.
    """
    low = min(0.0, *(float(line.min()) for line in saved.values()))
    high = max(float(line.max()) for line in saved.values())
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        f'<text x="{_LEFT}" y="18" fill="#333">log loss saved against the prior, added up over all flights</text>',
        *_grid(low, high),
        *_marks(changes),
    ]
    labels: list[float] = []
    order = sorted(saved.items(), key=lambda item: -item[1][-1])
    for (name, line), colour in zip(order, _COLOURS, strict=False):
        places = " ".join(f"{_x(day):.1f},{_y(value, low, high):.1f}" for day, value in zip(days, line, strict=True))
        parts.append(f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
        # Ends that lie close together have their names one below the other.
        y = max(_y(float(line[-1]), low, high) + 4, labels[-1] + 14 if labels else 0.0)
        labels.append(y)
        parts.append(f'<text x="{_WIDTH - _RIGHT + 6}" y="{y:.1f}" fill="{colour}">{name}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _grid(low: float, high: float) -> list[str]:
    parts = []
    for month in range(1, 13):
        x = _x((datetime(2013, month, 1, tzinfo=UTC).timestamp() - _YEAR) / DAY_S)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}" stroke="#eee"/>')
        parts.append(f'<text x="{x + 3:.1f}" y="{_HEIGHT - 22}" fill="#555">{datetime(2013, month, 1):%b}</text>')
    step = 10 ** np.floor(np.log10(max(high - low, 1.0)))
    for value in np.arange(np.ceil(low / step) * step, high, step / 2):
        y = _y(float(value), low, high)
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#eee"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" fill="#555" text-anchor="end">{value:,.0f}</text>')
    return parts


def _marks(changes: Sequence[Hindsight]) -> list[str]:
    parts = []
    for change in changes:
        moment = datetime.fromisoformat(change.time).replace(tzinfo=UTC)
        x = _x((moment.timestamp() - _YEAR) / DAY_S)
        back = change.verdict == "roll_back"
        what = f"{change.time} {'back to ' if back else ''}{change.state}"
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}" '
            f'stroke="{"#b03060" if back else "#333"}" stroke-dasharray="4 3"><title>{what}</title></line>'
        )
        parts.append(f'<text x="{x + 3:.1f}" y="{_TOP - 6}" fill="#333" font-size="11">{change.state}</text>')
    return parts


def _x(day: float) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * day / 365


def _y(value: float, low: float, high: float) -> float:
    return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (high - value) / max(high - low, 1e-9)
