"""When the demo's sender waits: for answers, and while a challenger is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from headrace.demo.flights import Happening
from headrace.demo.sender import UNANSWERED_MAX, Sender
from headrace.demo.tally import Tally
from schemas.retrains import Retrain
from streams.settings import load
from streams.topology import Topology

MOMENT = datetime(2013, 2, 1, tzinfo=UTC)

#: Nobody listens there: what is sent stays with the producer.
NOBODY = "127.0.0.1:9"

WAITS_MAX = 200
WAIT_S = 0.05


def endless() -> Iterator[Happening]:
    for number in count():
        body = {"flight_id": str(number)}
        yield Happening(MOMENT + timedelta(seconds=number), "event", str(number), body)


@pytest.fixture
def tally() -> Tally:
    tally = Tally(challengers_max=1)
    tally.serving = True
    tally.decisions.retrain(step("requested"))
    return tally


def step(name: str) -> Retrain:
    fields = {"id": "r", "step": name, "model": "tree", "time": MOMENT, "reason": "due", "first": 0, "end": 9}
    return Retrain(**fields)  # type: ignore[arg-type]


def sender(tally: Tally, speed: float | None) -> Sender:
    return Sender(load(bootstrap=NOBODY), Topology("flights", 1), endless(), tally, speed)


def becomes(tally: Tally, true: Callable[[], bool], waits: int = WAITS_MAX) -> bool:
    with tally.changed:
        for _ in range(waits):
            if true():
                return True
            tally.changed.wait(WAIT_S)
        return true()


def test_time_stands_still_while_a_challenger_is_trained(tally: Tally) -> None:
    with sender(tally, None):
        assert not becomes(tally, lambda: tally.events > 0, waits=10)
        with tally.changed:
            tally.decisions.retrain(step("finished"))
            tally.changed.notify_all()
        assert becomes(tally, lambda: tally.events == UNANSWERED_MAX)


def test_time_with_a_speed_of_its_own_goes_on(tally: Tally) -> None:
    with sender(tally, 1e6):
        assert becomes(tally, lambda: tally.events == UNANSWERED_MAX)
