"""The figures of the bench: medians, ratios, and null with a reason for what could not be measured."""

from __future__ import annotations

from typing import Any

from bench.contenders import Contender, Round
from bench.figures import Figures, table


def _nothing(_: Round) -> dict[str, Any]:
    return {}


def _row(name: str) -> Contender:
    return Contender(name, _nothing, None, 1.0)


def _result(per_s: float) -> dict[str, Any]:
    return {"events": 100, "seconds": 100 / per_s, "per_s": per_s, "cpu_us": 7.0}


def test_figure_is_the_median_of_the_rounds_and_ratio_that_of_medians() -> None:
    river, loop = _row("river_watched"), _row("loop_one_worker")
    figures = Figures([river, loop])
    for per_s in (10.0, 40.0, 20.0):
        figures.add(river, _result(per_s))
    for per_s in (15.0, 5.0, 100.0):
        figures.add(loop, _result(per_s))
    medians = figures.medians()
    assert (medians["river_watched_per_s"], medians["loop_one_worker_per_s"]) == (20.0, 15.0)
    assert (medians["river_watched_slowest_per_s"], medians["river_watched_fastest_per_s"]) == (10.0, 40.0)
    assert medians["ratio_one_worker"] == 0.75
    assert "ratio_quix" not in medians


def test_contender_that_could_not_run_is_null_and_says_why() -> None:
    quix, loop = _row("quix"), _row("loop_one_worker")
    figures = Figures([quix, loop])
    figures.add(loop, _result(10.0))
    figures.reasons["quix"] = "no wheel for this Python"
    assert figures.medians()["quix_per_s"] is None
    assert figures.medians()["ratio_quix"] is None
    assert "no wheel for this Python" in table(figures)
