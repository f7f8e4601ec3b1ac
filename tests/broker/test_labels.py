"""Labels early, twice, changed, for nobody, too late, unavailable and never: each has one outcome, restarts or not."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agents.replay import replay
from models.pipeline import Field, Label, Pipeline
from streams.broker import Broker
from streams.settings import load
from tests.broker.station import SPOILS, Picky, Station, station

#: Event time in seconds since 1970 at minute 0 of every story.
START_S = datetime(2024, 5, 1, tzinfo=UTC).timestamp()


def pipeline(name: str) -> Pipeline:
    """A label is waited for 60 minutes, an id is remembered for 180."""
    return Pipeline(
        name=name,
        problem="binary",
        fields=[Field("size")],
        id="id",
        time="at",
        label=Label(timeout="60m", remember="180m"),
        models={"picky": Picky()},
        champion="picky",
        partitions=1,
    )


@pytest.fixture
def lane(broker: Broker, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Station]:
    """One partition; a transaction holds few records, so that whatever can be torn apart is."""
    name = f"labels-{zlib.crc32(request.node.name.encode()):08x}"
    settings = load(
        bootstrap=broker.bootstrap, data=tmp_path, worker="one", batch_records_max=50, checkpoint_every_s=0.5
    )
    with station(pipeline(name), settings) as made:
        yield made


def event(id: str, minute: float, size: float = 1.0) -> dict[str, Any]:
    return {"id": id, "at": START_S + 60 * minute, "size": size}


def outcomes(lane: Station) -> Counter[tuple[str, str, object, object]]:
    """Id, status, label and what it was before, of all examples."""
    return Counter((one.id, one.status, one.label, one.previous) for one in lane.examples())


class Story:
    """Steps on one partition, with a restart of the worker between them or without."""

    def __init__(self, lane: Station, *, restarts: bool) -> None:
        self.lane = lane
        self.labels = 0
        self._restarts = restarts
        lane.start()

    def events(self, minute: float, *ids: str) -> None:
        for id in ids:
            self.lane.send("events", event(id, minute))
        self.lane.settle()

    def label(self, *labels: tuple[str, bool]) -> None:
        for id, label in labels:
            self.lane.send("feedback", {"id": id, "label": label})
            self.labels += 1
        self.lane.settle()

    def unavailable(self, *ids: str) -> None:
        for id in ids:
            self.lane.send("feedback", {"id": id, "unavailable": True, "reason": "lost"})
            self.labels += 1
        self.lane.settle()

    def expect(self, *expected: tuple[str, str, object, object]) -> None:
        """Wait for exactly these examples."""
        wanted = Counter(expected)
        self.lane.until(lambda: outcomes(self.lane) == wanted, f"{wanted} != {outcomes(self.lane)}")

    def rejected(self, *ids: str) -> None:
        """Wait for the rejects of the labels of exactly these ids."""
        wanted = [f'"id":"{id}"' for id in ids]

        def holds() -> bool:
            values = [(message.value() or b"").decode() for _, message in self.lane.rejects()]
            return len(values) == len(wanted) and all(id in value for id, value in zip(wanted, values, strict=True))

        self.lane.until(holds, f"rejects of {ids}, got {[m.value() for _, m in self.lane.rejects()]}")

    def midway(self) -> None:
        """Here the worker loses what it has in memory, in one of the two runs."""
        if self._restarts:
            self.lane.restart()


@pytest.mark.timeout(240)
@pytest.mark.parametrize("restarts", [False, True], ids=["straight", "restarts"])
def test_every_label_has_one_outcome(lane: Station, restarts: bool) -> None:
    story = Story(lane, restarts=restarts)
    story.label(("early", True), ("early-twice", True), ("early-twice", True))
    story.label(("early-changed", True), ("early-changed", False))
    story.midway()
    story.events(0, "early", "early-twice", "early-changed", "once", "twice", "changed", "edge")
    story.events(0, "expires", "late", "forgotten")
    known: list[tuple[str, str, object, object]] = [
        ("early", "known", True, None),
        ("early-twice", "known", True, None),
        ("early-changed", "known", False, None),
    ]
    story.expect(*known)
    story.midway()

    story.events(0, "expires", "once")
    story.label(("once", True), ("twice", True), ("changed", True))
    story.midway()
    story.events(0, "once", "early")
    story.label(("twice", True), ("changed", False), ("nobody", True))
    story.midway()
    known += [
        ("once", "known", True, None),
        ("twice", "known", True, None),
        ("changed", "known", True, None),
        ("changed", "corrected", False, True),
    ]
    story.expect(*known)

    story.events(60, "at-due")
    story.midway()
    story.label(("edge", True), ("at-due", False))
    story.events(61, "past-due")
    story.label(("past-due", False))
    known += [
        ("edge", "known", True, None),
        ("at-due", "known", False, None),
        ("past-due", "known", False, None),
        *((id, "expired", None, None) for id in ("expires", "late", "forgotten")),
    ]
    story.expect(*known)

    story.midway()
    story.label(("late", True))
    story.midway()
    story.label(("late", True))
    known.append(("late", "corrected", True, None))
    story.expect(*known)

    story.events(181, "past-remember")
    story.rejected("nobody")
    story.midway()
    story.label(("past-remember", True), ("forgotten", True))
    story.midway()
    story.events(181, "once")
    story.events(362, "last")
    story.label(("last", True))
    story.rejected("nobody", "forgotten")
    known += [("past-remember", "known", True, None), ("last", "known", True, None)]
    known.append(("once", "expired", None, None))
    story.expect(*known)

    lane.stop()
    answered = Counter(prediction.id for prediction in lane.predictions())
    assert answered.pop("once") == 2
    assert set(answered.values()) == {1}
    assert {reject.reason for reject, _ in lane.rejects()} == {"label_unmatched"}
    assert served_as_learnt(lane)
    report = replay(lane.pipeline, lane.settings)
    assert report.agrees, report


@pytest.mark.timeout(180)
@pytest.mark.parametrize("restarts", [False, True], ids=["straight", "restarts"])
def test_label_that_is_unavailable_has_one_outcome_too(lane: Station, restarts: bool) -> None:
    story = Story(lane, restarts=restarts)
    story.unavailable("early", "nobody")
    story.midway()
    story.events(0, "early", "lost", "withdrawn", "after-all", "expires")
    story.label(("withdrawn", True))
    story.unavailable("lost", "after-all")
    story.midway()
    story.unavailable("lost", "withdrawn")
    story.label(("after-all", False))
    story.midway()
    story.unavailable("early", "withdrawn")
    story.events(61, "time")
    known: list[tuple[str, str, object, object]] = [
        ("early", "unavailable", None, None),
        ("lost", "unavailable", None, None),
        ("withdrawn", "known", True, None),
        ("withdrawn", "unavailable", None, True),
        ("after-all", "unavailable", None, None),
        ("after-all", "corrected", False, None),
        ("expires", "expired", None, None),
    ]
    story.expect(*known)
    story.midway()
    story.unavailable("expires", "expires", "time")
    story.midway()
    story.unavailable("expires")
    known += [("expires", "unavailable", None, None), ("time", "unavailable", None, None)]
    story.expect(*known)
    story.events(181, "last")
    story.unavailable("last")
    story.rejected("nobody")
    story.expect(*known, ("last", "unavailable", None, None))

    lane.stop()
    told = [one for one in lane.examples() if one.replaces is not None]
    assert {(one.id, one.status, one.replaces) for one in told} == {
        ("withdrawn", "unavailable", "known"),
        ("after-all", "corrected", "unavailable"),
        ("expires", "unavailable", "expired"),
    }
    assert {one.reason for one in lane.examples() if one.status == "unavailable"} == {"lost"}
    assert served_as_learnt(lane)
    assert replay(lane.pipeline, lane.settings).agrees


def served_as_learnt(lane: Station) -> bool:
    """Whether each example holds the features, answers and position of a prediction."""
    served = {(one.id, one.position, one.time, repr(one.score), repr(one.shadows)) for one in lane.predictions()}
    return all(
        (one.id, one.position, one.time, repr(one.said[0].score), repr(one.said[1:])) in served
        for one in lane.examples()
    )


def pass_time(lane: Station, *minutes: float) -> None:
    """Events that nobody labels; each expires all before it, which says that time has come that far."""
    for minute in minutes:
        before = len(lane.predictions())
        lane.send("events", event(f"at-{minute}", minute))
        lane.settle()
        lane.until(lambda before=before: len(lane.examples()) == before, "all before it have an outcome")  # type: ignore[misc]


@pytest.mark.parametrize("restarts", [False, True], ids=["straight", "restarts"])
def test_label_of_nobody_is_rejected_once_however_quiet_the_stream(lane: Station, restarts: bool) -> None:
    lane.start()
    lane.send("events", event("a", 0))
    lane.settle()
    lane.send("feedback", {"id": "nobody", "label": True})
    lane.send("feedback", {"id": "a", "label": True})
    lane.settle()
    # The second follows too soon to ask in the same batch whether all labels have been read.
    for id, minute in (("b", 1), ("c", 181)):
        lane.send("events", event(id, minute))
        lane.send("feedback", {"id": id, "label": True})
        lane.settle()
    lane.until(lambda: len(lane.rejects()) == 1, "the reject")
    if restarts:
        lane.restart()
    pass_time(lane, 400, 800, 1200)
    assert len(lane.rejects()) == 1


def test_learnt_label_is_not_rejected_after_restarts_because_an_older_one_still_waits(lane: Station) -> None:
    lane.start()
    lane.send("events", event("first", 0))
    lane.settle()
    lane.send("feedback", {"id": "nobody", "label": True})
    lane.settle()
    lane.send("events", event("a", 1))
    lane.send("feedback", {"id": "a", "label": True})
    lane.settle()
    pass_time(lane, 150)
    lane.restart()
    pass_time(lane, 211, 272)
    lane.restart()
    pass_time(lane, 600, 1200, 1800)
    assert [message.value() for _, message in lane.rejects()] == [b'{"id":"nobody","label":true}']


def test_label_that_came_after_its_event_expired_is_not_rejected_because_nobodys_waits_longer(
    lane: Station,
) -> None:
    """The event is forgotten before the label of nobody is given up; a restart in between must not mix them up."""
    lane.start()
    lane.send("events", event("old", 0))
    lane.settle()
    pass_time(lane, 100)
    lane.send("feedback", {"id": "nobody", "label": True})
    lane.send("feedback", {"id": "old", "label": True})
    lane.until(lambda: "corrected" in {one.status for one in lane.examples()}, "it is learnt")
    for minute in (190, 191):
        lane.send("events", event(f"at-{minute}", minute))
        lane.settle()
    lane.until(lambda: len(lane.examples()) == 3, "at-100 expires")
    lane.send("events", event("at-192", 192))
    lane.settle()
    lane.restart()
    for number, minute in enumerate((600, 1200, 1800)):
        lane.send("events", event(f"at-{minute}", minute))
        lane.settle()
        lane.until(lambda number=number: len(lane.examples()) == 6 + number, "all before it expire")  # type: ignore[misc]
    assert [message.value() for _, message in lane.rejects()] == [b'{"id":"nobody","label":true}']


@pytest.mark.parametrize("restarts", [False, True], ids=["straight", "restarts"])
def test_event_that_no_model_could_answer_may_be_sent_again(lane: Station, restarts: bool) -> None:
    """And what is learnt is what was served, not what was refused under the same id."""
    lane.start()
    lane.send("events", event("a", 0, size=SPOILS))
    lane.settle()
    lane.send("events", event("a", 0, size=2.0))
    lane.settle()
    if restarts:
        lane.restart()
    lane.send("feedback", {"id": "a", "label": True})
    lane.until(lambda: len(lane.examples()) == 1, "the label is learnt")
    assert lane.examples()[0].features == {"size": 2.0}
    assert [reject.reason for reject, _ in lane.rejects()] == ["prediction"]
    assert replay(lane.pipeline, lane.settings).agrees


def test_nothing_expires_by_the_wall_clock(lane: Station) -> None:
    """Event time stands still at minute 60, in a year long past; the label comes to an event that waits."""
    lane.start()
    lane.send("events", event("a", 0))
    lane.send("events", event("b", 60))
    lane.settle()
    lane.restart()
    lane.send("feedback", {"id": "a", "label": True})
    lane.until(lambda: len(lane.examples()) == 1, "the label is learnt")
    assert lane.examples()[0].status == "known"


@pytest.mark.parametrize("behind", ["events", "labels"])
def test_label_sent_before_the_event_that_would_expire_it_is_learnt_after_a_backlog(lane: Station, behind: str) -> None:
    count = 20
    lane.send_many("events", [event(f"a-{number}", 0) for number in range(count)])
    if behind == "labels":
        # Repeats, so that the labels that matter are far behind.
        lane.send_many("feedback", [{"id": "a-0", "label": True}] * 2000)
    for number in range(count):
        lane.send("feedback", {"id": f"a-{number}", "label": True})
    lane.send_many("events", [event(f"b-{number}", 100 + number / 1000) for number in range(2000)])
    lane.send_many("events", [event("c", 200)])
    lane.start()
    lane.settle()
    lane.until(lambda: len(lane.examples()) == count + 2000, "all have an outcome")
    statuses = {one.id: one.status for one in lane.examples() if one.id.startswith("a-")}
    assert statuses == {f"a-{number}": "known" for number in range(count)}
