"""Bad input gets an address: rejected once, with the right reason, untouched, while its neighbours go through."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from models.pipeline import Field, Label, Pipeline
from schemas.rejects import REASONS
from streams.broker import Broker
from streams.settings import load
from tests.broker.station import SPOILS, Picky, Place, Station, station

START = datetime(2024, 5, 1, tzinfo=UTC)
PARTITIONS = 2
BYTES_MAX = 1000
EARLY_MAX = 5

#: What no input from outside can cause: it stands for faults nobody has thought of.
UNEXPECTED = {"unexpected"}

#: What concerns other topics: a command that can't be done, an alert that can't be delivered.
ELSEWHERE = {"command", "delivery"}


def halved(event: dict[str, Any]) -> dict[str, Any]:
    """A preparation with a fault: it fails where there are no legs, and returns no feature where there are nine."""
    legs = {9: [9], 8: math.inf}.get(event["legs"], event["size"] / event["legs"])
    return {"size": event["size"], "per-leg": legs, "tame": event["tame"]}


def pipeline(name: str) -> Pipeline:
    return Pipeline(
        name=name,
        problem="binary",
        fields=[
            Field("size", minimum=0, maximum=1000),
            Field("legs", int, minimum=0),
            Field("kind", str, category=True, categories_max=2, length_max=20),
            Field("tame", bool),
        ],
        id="id",
        time="at",
        label=Label(timeout="60m", remember="180m"),
        prepare=[halved],
        models={"picky": Picky()},
        champion="picky",
        unknown_fields="reject",
        partitions=PARTITIONS,
        event_bytes_max=BYTES_MAX,
        early_labels_max=EARLY_MAX,
    )


def good(id: Any, **changes: Any) -> dict[str, Any]:
    """An event that goes through, changed."""
    event = {"id": id, "at": START.timestamp(), "size": 1.0, "legs": 4, "kind": "cat", "tame": True} | changes
    return {name: value for name, value in event.items() if value is not ...}


def label(id: str, value: Any = True, **more: Any) -> dict[str, Any]:
    return {"id": id, "label": value} | more


@dataclass(frozen=True)
class Bad:
    """One bad input, and what must be said about it."""

    name: str
    body: dict[str, Any] | bytes | None
    reason: str
    field: str = "$"
    noun: str = "events"
    stage: str = "features"
    headers: tuple[tuple[str, str | bytes | None], ...] = ()


def text(event: dict[str, Any], old: str, new: str) -> bytes:
    """An event with something in it that no JSON writer would write."""
    found = msgspec.json.encode(event).decode()
    assert old in found
    return found.replace(old, new).encode()


def cloud_event(**attributes: str) -> tuple[tuple[str, str | bytes | None], ...]:
    return tuple((f"ce_{name}", value) for name, value in attributes.items())


BAD_EVENTS = [
    Bad("nothing", None, "not_json"),
    Bad("empty", b"", "not_json"),
    Bad("no-json", b"size=1.0", "not_json"),
    Bad("half", msgspec.json.encode(good("half"))[:-5], "not_json"),
    Bad("list", b"[1, 2]", "not_json"),
    Bad("latin-1", text(good("latin-1"), "cat", "m\u00fce").decode().encode("latin-1"), "not_utf8"),
    Bad("surrogate", text(good("surrogate"), "cat", "\\ud800"), "not_utf8", "$.kind"),
    Bad("avro", b"\x00\x00\x00\x00\x07\x02\x04binary", "schema_registry"),
    Bad("too-many-bytes", text(good("x"), '"cat"', '"cat"' + " " * BYTES_MAX), "too_large"),
    Bad("long-text", good("long-text", kind="c" * 21), "too_large", "$.kind"),
    Bad("absent", good("absent", size=...), "absent", "$.size"),
    Bad("null", good("null", legs=None), "absent", "$.legs"),
    Bad("text-for-float", good("text-for-float", size="1.0"), "type", "$.size"),
    Bad("float-for-int", good("float-for-int", legs=4.5), "type", "$.legs"),
    Bad("number-for-bool", good("number-for-bool", tame=1), "type", "$.tame"),
    Bad("too-small", good("too-small", size=-0.5), "range", "$.size"),
    Bad("too-big", good("too-big", size=1000.5), "range", "$.size"),
    Bad("long-integer", good("x", legs=2**63), "range", "$.legs"),
    Bad("third-kind", good("third-kind", kind="dog"), "categories", "$.kind"),
    Bad("unknown-field", good("unknown-field", colour="red"), "unknown_field", "$.colour"),
    Bad("nan", text(good("nan", size=777.5), "777.5", "NaN"), "not_finite", "$.size"),
    Bad("infinity", text(good("infinity", size=777.5), "777.5", "-Infinity"), "not_finite", "$.size"),
    Bad("beyond-floats", text(good("beyond", size=777.5), "777.5", "1e999"), "not_finite", "$.size"),
    Bad("no-id", good(...), "id", "$.id"),
    Bad("empty-id", good(""), "id", "$.id"),
    Bad("long-id", good("i" * 257), "id", "$.id"),
    Bad("no-time", good("no-time", at=...), "time", "$.at"),
    Bad("no-such-time", good("no-such-time", at="yesterday"), "time", "$.at"),
    Bad("time-without-zone", good("zone", at="2024-05-01T00:00:00"), "time", "$.at"),
    Bad("future", good("future", at="2999-05-01T00:00:00Z"), "time", "$.at"),
    Bad("no-legs", good("no-legs", legs=0), "prepare"),
    Bad("list-prepared", good("list-prepared", legs=9), "prepare", "$.'per-leg'"),
    Bad("infinity-prepared", good("infinity-prepared", legs=8), "prepare", "$.'per-leg'"),
    Bad("envelope-without-id", good("x"), "id", "header ce_id", headers=cloud_event(specversion="1.0")),
    Bad(
        "envelope-of-the-future",
        good("x"),
        "type",
        "header ce_specversion",
        headers=cloud_event(specversion="7.0", id="x"),
    ),
    Bad("unanswered", good("unanswered", size=SPOILS), "prediction", stage="predictions"),
    Bad("unanswered-too", good("unanswered-too", size=SPOILS), "prediction", stage="predictions"),
]

BAD_LABELS = [
    Bad(name, body, reason, field, "feedback", "examples")
    for name, body, reason, field in (
        ("nothing", None, "not_json", "$"),
        ("no-json", b"True", "not_json", "$"),
        ("latin-1", b'{"id": "m\xfce", "label": true}', "not_utf8", "$"),
        ("too-many-bytes", label("good-0", "x" * BYTES_MAX), "too_large", "$"),
        ("no-id", {"label": True}, "id", "$.id"),
        ("empty-id", label(""), "id", "$.id"),
        ("no-label", {"id": "good-0"}, "label", "$.label"),
        ("null", label("good-0", None), "label", "$.label"),
        ("text", label("good-0", "true"), "label", "$.label"),
        ("two", label("good-0", 2), "label", "$.label"),
        ("nan", b'{"id": "good-0", "label": NaN}', "not_finite", "$"),
        ("no-such-time", label("good-0", time="yesterday"), "time", "$.time"),
        ("future", label("good-0", time="2999-05-01T00:00:00Z"), "time", "$.time"),
        # More than may wait for their events: the first of them fall out ...
        *((f"bound-{number}", label(f"nobody-{number}"), "label_bound", "$.id") for number in range(3)),
        # ... and the others in time.
        *(
            (f"nobody-{number}", label(f"nobody-{number}"), "label_unmatched", "$.id")
            for number in range(3, 3 + EARLY_MAX)
        ),
    )
]


def test_table_has_every_reason_that_input_can_cause() -> None:
    assert {bad.reason for bad in (*BAD_EVENTS, *BAD_LABELS)} == REASONS.keys() - UNEXPECTED - ELSEWHERE


class Sent:
    """What was sent, and where it lies."""

    def __init__(self, lane: Station) -> None:
        self.lane = lane
        self.bad: dict[Place, tuple[Bad, bytes, bytes | None]] = {}
        self.good: list[str] = []
        self.events = 0
        self.labels = 0

    def neighbour(self, partition: int) -> None:
        """A good event, with a category that is known, or the other that may be."""
        id = f"good-{len(self.good)}"
        self.good.append(id)
        kind = "cat" if len(self.good) % 3 else "cow"
        self.lane.send("events", good(id, kind=kind), key=id.encode(), partition=partition)
        self.events += 1

    def wrong(self, bad: Bad, partition: int) -> None:
        """A bad input, with a key that is no text."""
        key = b"\xff" + bad.name.encode()
        place = self.lane.send(bad.noun, bad.body, key=key, partition=partition, headers=list(bad.headers) or None)
        value = msgspec.json.encode(bad.body) if isinstance(bad.body, dict) else bad.body
        self.bad[place] = (bad, key, value)
        self.events += bad.noun == "events"
        self.labels += bad.noun == "feedback"


@pytest.fixture(scope="module")
def sent(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Everything above sent in one go, good and bad in turn, and a worker through with it."""
    settings = load(bootstrap=broker.bootstrap, data=tmp_path_factory.mktemp("data"), worker="one")
    with station(pipeline("rejects"), settings) as lane:
        all_sent = Sent(lane)
        for partition in range(PARTITIONS):
            for _ in range(3):
                all_sent.neighbour(partition)
        for number, bad in enumerate(BAD_EVENTS):
            all_sent.wrong(bad, number % PARTITIONS)
            all_sent.neighbour(number % PARTITIONS)
        # The partition of the first good events, so that what is wrong is the label alone.
        for bad in BAD_LABELS:
            all_sent.wrong(bad, 0)
        lane.send("events", good("repeat"), partition=0)
        lane.send("events", good("repeat"), partition=0)
        all_sent.events += 2
        lane.send("feedback", label("good-0"), partition=0)
        lane.send("feedback", label("good-0"), partition=0)
        all_sent.labels += 2
        lane.start()
        lane.settle()
        # Time passes: nobody's labels are no longer waited with.
        later = (START + timedelta(minutes=181)).timestamp()
        lane.send("events", good("later", at=later), partition=0)
        all_sent.events += 1
        all_sent.good += ["repeat", "later"]
        lane.settle()
        lane.until(lambda: len(lane.rejects()) >= len(all_sent.bad), "all rejects")
        lane.stop()
        yield all_sent


def test_each_bad_input_is_rejected_once_with_its_reason_and_address(sent: Sent) -> None:
    found = {
        (reject.source.topic, reject.source.partition, reject.source.offset): (
            reject.reason,
            reject.field,
            reject.stage,
        )
        for reject, _ in sent.lane.rejects()
    }
    assert found == {place: (bad.reason, bad.field, bad.stage) for place, (bad, *_) in sent.bad.items()}
    assert len(sent.lane.rejects()) == len(sent.bad)


def test_rejected_record_is_untouched_and_lies_in_its_partition(sent: Sent) -> None:
    for reject, message in sent.lane.rejects():
        _, key, value = sent.bad[reject.source.topic, reject.source.partition, reject.source.offset]
        assert (message.key(), message.value()) == (key, value)
        assert message.partition() == reject.source.partition
        assert reject.detail


def test_neighbours_go_through(sent: Sent) -> None:
    served = [prediction.id for prediction in sent.lane.predictions()]
    assert sorted(served) == sorted(sent.good)
    assert [one.id for one in sent.lane.examples() if one.status == "known"] == ["good-0"]


def test_model_that_gave_no_finite_answer_is_named(sent: Sent) -> None:
    details = {reject.detail for reject, _ in sent.lane.rejects() if reject.reason == "prediction"}
    assert details == {"model 'picky@1' answered nan, which is no probability"}


def test_counts_add_up(sent: Sent) -> None:
    lane = sent.lane
    stages = [reject.stage for reject, _ in lane.rejects()]
    features, predictions = len(lane.features()), len(lane.predictions())
    repeated_events, repeated_labels = 1, 1
    assert lane.duplicates == repeated_events + repeated_labels
    assert sent.events == features + stages.count("features") + repeated_events
    assert features == predictions + stages.count("predictions")
    learnt = sum(one.label is not None for one in lane.examples())
    assert sent.labels == learnt + stages.count("examples") + repeated_labels
