"""What waits takes few bytes and comes back as it was, to the last bit and type."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.waiting import SHAPES_MAX, Packing, Served, Shapes, Waiting, served_by
from schemas.predictions import Prediction, Said
from schemas.values import Address, FeatureValue

START = datetime(2026, 5, 1, tzinfo=UTC)

#: On a busy machine one example may take long, which says nothing about the code.
patiently = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

SAID = [Said(model="logistic", version=1, score=0.5), Said(model="prior", version=2, score=None)]

numbers = st.floats(allow_nan=False, allow_infinity=False)
integers = st.integers(-(2**63), 2**63 - 1)
values = st.one_of(st.none(), st.booleans(), integers, numbers, st.text(max_size=20))
scores = st.one_of(st.none(), numbers, st.dictionaries(st.text(max_size=5), numbers, min_size=1, max_size=4))
said = st.builds(Said, model=st.text(min_size=1, max_size=8), version=st.integers(1, 2**31), score=scores)
times = st.datetimes(
    datetime(1900, 1, 1),
    datetime(2200, 1, 1),
    timezones=st.just(UTC),
)
served = st.builds(
    Served,
    time=times,
    due=times,
    features=st.dictionaries(st.text(max_size=12), values, max_size=12),
    said=st.lists(said, min_size=1, max_size=6),
    position=st.integers(0, 2**63 - 1),
    served=st.integers(0, 100),
)


def exactly(one: Served) -> str:
    """Everything about it, types, order and signs of zero included."""
    times = one.time.isoformat(), one.due.isoformat()
    return repr((times, list(one.features.items()), one.said, one.position, one.served))


def serve(number: int, features: dict[str, FeatureValue] | None = None) -> Served:
    time = START + timedelta(seconds=number)
    return Served(time, time + timedelta(hours=1), features or {"size": float(number)}, SAID, number)


@patiently
@given(st.lists(served, max_size=8))
def test_what_was_packed_comes_back_with_the_same_types(several: list[Served]) -> None:
    packing = Packing()
    packed = [packing.pack(one) for one in several]
    assert [exactly(packing.unpack(one)) for one in packed] == [exactly(one) for one in several]


@patiently
@given(served)
def test_what_was_packed_comes_back_when_there_are_too_many_shapes_to_keep(one: Served) -> None:
    packing = FULL
    assert exactly(packing.unpack(packing.pack(one))) == exactly(one)


def _full() -> Packing:
    packing = Packing()
    for number in range(SHAPES_MAX):
        one = serve(number, {f"only-in-{number}": 1.0})
        packing.pack(one._replace(said=[Said(model=f"model-{number}", version=1, score=0.5)]))
    return packing


FULL = _full()


def test_number_of_shapes_is_bounded_and_those_kept_stay_known() -> None:
    shapes = Shapes()
    numbers = [shapes.number((str(number),)) for number in range(SHAPES_MAX + 5)]
    assert numbers == [*range(SHAPES_MAX), -1, -1, -1, -1, -1]
    assert shapes.number(("3",)) == 3
    assert shapes.shape(3) == ("3",)


def test_names_that_recur_are_not_packed_again() -> None:
    packing = Packing()
    one = serve(1, {f"a-feature-with-a-long-name-{number}": 1.0 for number in range(8)})
    packing.pack(one)
    assert len(packing.pack(one)) < 200


def test_served_is_what_the_prediction_record_tells_champion_first() -> None:
    prediction = Prediction(
        id="a",
        time=START,
        score=0.5,
        label=False,
        model="logistic",
        version=1,
        position=9,
        shadows=[SAID[1]],
        due=START + timedelta(hours=1),
        event=Address(topic="lives.events", partition=0, offset=4),
        received=START,
        predicted=START,
    )
    assert served_by(prediction, {"size": 1.0}) == Served(START, START + timedelta(hours=1), {"size": 1.0}, SAID, 9)


def test_waiting_events_are_found_by_id_and_oldest_first() -> None:
    waiting = Waiting(Packing())
    for number in range(5):
        waiting.add(f"id-{number}", serve(number))
    assert len(waiting) == 5
    assert "id-3" in waiting
    assert waiting.get("id-3") == serve(3)
    assert waiting.pop("id-0") == serve(0)
    assert "id-0" not in waiting
    assert waiting.oldest() == ("id-1", serve(1))
    due = serve(3).due
    assert [id for id, _ in waiting.until(due)] == ["id-1", "id-2"]
    assert waiting.pop_oldest() == ("id-1", serve(1))
    assert len(waiting) == 3


def test_what_moves_is_remembered_in_one_place() -> None:
    packing = Packing()
    waiting, settled = Waiting(packing), Waiting(packing)
    waiting.add("a", serve(1))
    assert waiting.move("a", settled) == serve(1)
    assert "a" not in waiting
    assert settled.get("a") == serve(1)


def test_nothing_waits_in_the_beginning() -> None:
    waiting = Waiting(Packing())
    assert waiting.oldest() is None
    assert list(waiting.until(START)) == []
