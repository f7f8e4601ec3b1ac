"""What a leader says of what it sees: once, and the end only when it knows of it."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from agents.lookout import Lookout
from models.backlogs import Lane
from models.monitoring import Alerts
from streams.settings import load
from streams.topology import Topology
from tests.models.stories import pipeline_for

EVENTS = ("events", 0)


class Leader:
    """A leader, what the log knows, and its clock."""

    def __init__(self, folder: Path, open: set[str]) -> None:
        pipeline = pipeline_for("binary", alerts=Alerts(lag="60s", stalled="30s"))
        self._lookout = Lookout(pipeline, load(data=folder), Topology(pipeline.name, pipeline.partitions))
        self.open = open

    def sees(self, now_s: float, end: int, done: int) -> list[tuple[str, str | None]]:
        places: dict[Lane, tuple[int, int]] = {EVENTS: (end, done)}
        self._lookout._answer.append((now_s, places))
        notices = list(self._lookout.look(self.open))
        for notice in notices:
            assert notice.target is not None
            (self.open.add if notice.action == "troubled" else self.open.discard)(notice.target)
        return [(notice.action, notice.target) for notice in notices]


@pytest.fixture
def leader(tmp_path: Path) -> Leader:
    return Leader(tmp_path, set())


def test_trouble_is_said_once_and_its_end_once(leader: Leader) -> None:
    said = [leader.sees(5.0 * step, 100 + step, 100) for step in range(20)]
    assert [one for one in said if one] == [[("troubled", "Stalled")], [("troubled", "Lag")]]
    assert said[7] == [("troubled", "Stalled")]
    assert leader.sees(100.0, 120, 119) == [("recovered", "Lag"), ("recovered", "Stalled")]
    assert leader.sees(105.0, 120, 120) == []


def test_next_leader_says_no_end_of_what_it_has_not_seen_the_end_of(tmp_path: Path) -> None:
    leader = Leader(tmp_path, {"Lag", "Stalled"})
    assert leader.sees(1000.0, 120, 100) == []
    assert leader.sees(1005.0, 121, 100) == []
    # Somebody works again, but the backlog is still there.
    assert leader.sees(1010.0, 122, 105) == [("recovered", "Stalled")]
    assert leader.sees(1015.0, 123, 110) == []
    assert leader.sees(1020.0, 124, 124) == [("recovered", "Lag")]


def test_next_leader_tells_the_end_of_what_is_over(tmp_path: Path) -> None:
    leader = Leader(tmp_path, {"Lag", "Stalled"})
    assert leader.sees(1000.0, 120, 120) == [("recovered", "Lag"), ("recovered", "Stalled")]


def test_no_answer_says_nothing_and_refused_checkpoints_are_said_once(leader: Leader) -> None:
    leader._lookout.refused = ["checkpoint at 7 is refused: it is altered", "checkpoint slot-1 is refused: it is none"]
    leader._lookout.begin()
    leader._lookout._asked_s = math.inf
    (notice,) = leader._lookout.look(())
    assert (notice.action, notice.target) == ("troubled", "CheckpointRefused")
    assert notice.reason == "checkpoint at 7 is refused: it is altered; checkpoint slot-1 is refused: it is none"
    assert list(leader._lookout.look(())) == []
