"""What is wrong with the data is told by kind and field, as long as it lasts."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import CollectorRegistry

from agents.line import Line
from agents.metrics import registry
from streams.settings import load
from streams.source import Source
from streams.topology import Topology
from tests.models.windows import Fault, Stream, pipeline


def told(registered: CollectorRegistry) -> dict[tuple[str, str], float]:
    return {
        (sample.labels["kind"], sample.labels["field"]): sample.value
        for metric in registered.collect()
        if metric.name == "headrace_data_findings"
        for sample in metric.samples
    }


def test_open_findings_are_counted_by_kind_and_field(tmp_path: Path) -> None:
    declared = pipeline()
    settings = load(data=tmp_path, bootstrap="127.0.0.1:1")
    line = Line(declared, settings, Topology(declared.name, declared.partitions))
    line.leads = True
    registered = registry(line, Source(settings, line.topology, "one", line), "one")
    stream = Stream(lambda chance: {"speed": chance.gauss(50, 8)})
    stream.reference()

    def live(rounds: int, fault: Fault | None = None) -> None:
        for offset, record in stream.rounds(rounds, fault):
            line.alerting.fold(offset, record)

    live(30)
    assert told(registered) == {}
    live(6, Fault(change=lambda partition, row: row if partition else {"speed": 51.5}))
    assert told(registered) == {("stuck", "speed"): 1}
    live(12, Fault(silent=frozenset({0, 3})))
    assert told(registered)["silent", ""] == 2
    live(6)
    assert told(registered) == {}
