"""What the dashboards ask Prometheus for, put together from names of metrics."""

from __future__ import annotations

from headrace.exports.panels import PIPELINE, Query

#: The model that serves.
CHAMPION = f"headrace_model_champion{{{PIPELINE}}} == 1"


def summed(metric: str, by: str = "pipeline") -> str:
    """A gauge added up."""
    return f"sum by ({by}) ({metric}{{{PIPELINE}}})"


def rate(counter: str, by: str = "pipeline") -> str:
    """How fast a counter rises, per second."""
    return f"sum by ({by}) (rate({counter}{{{PIPELINE}}}[$__rate_interval]))"


def quantile(share: float, histogram: str, by: str = "") -> str:
    """A quantile of a histogram."""
    labels = ", ".join(filter(None, ("pipeline", by, "le")))
    return f"histogram_quantile({share}, sum by ({labels}) (rate({histogram}_bucket{{{PIPELINE}}}[$__rate_interval])))"


def quantiles(histogram: str) -> tuple[Query, ...]:
    """Median, 90th and 99th percentile of a histogram, each with its name."""
    return tuple(
        Query(quantile(share, histogram), f"{{{{pipeline}}}} {name}")
        for share, name in ((0.5, "p50"), (0.9, "p90"), (0.99, "p99"))
    )


def plain(metric: str) -> str:
    """A metric as it is."""
    return f"{metric}{{{PIPELINE}}}"
