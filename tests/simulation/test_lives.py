"""Whatever is delayed, repeated, reordered, changed or lost, and whenever the worker crashes, the counts add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from schemas.examples import Example
from tests.simulation.lives import REMEMBER, TIMEOUT, Shape, World

SEEDS = range(40)

SHAPES = {
    "calm": Shape(crashes=0.0, lost=0.0, repeated=0.0, changed=0.0, unavailable=0.0, unknown=0.0, refused=0.0),
    "usual": Shape(),
    "no-crash": Shape(crashes=0.0),
    "crashes": Shape(crashes=0.8),
    "repeats": Shape(repeated=0.5, changed=0.4),
    "silence": Shape(lost=0.9),
    "unavailable": Shape(unavailable=0.6, changed=0.3, crashes=0.3),
    "strangers": Shape(unknown=1.0, crashes=0.3),
    "tight": Shape(events_max=30, early_max=5, unknown=0.5, crashes=0.0),
}


def labels_have_one_outcome(world: World) -> None:
    """Every label is learnt, a duplicate, given up, or still waits; none is two of these, none is nothing."""
    written = world.written
    outcomes = Counter[int]()
    offsets = {(one.id, one.received): number for number, one in enumerate(world.labels)}
    for example in written.log:
        if example.labelled is not None:
            outcomes[offsets[example.id, example.labelled]] += 1
    outcomes.update(written.label_duplicates)
    outcomes.update(offset for offset, _ in written.rejects)
    outcomes.update(early.address.offset for early in world.examples.early.values())
    assert outcomes == Counter(range(len(world.labels)))


def predictions_have_one_outcome(world: World) -> None:
    """predictions = known + expired + unavailable + waiting, by id and the position at which each was served."""
    first = Counter((one.id, one.position) for one in world.written.log if one.replaces is None)
    waiting = Counter((id, world.examples.waiting.get(id).position) for id in waiting_ids(world))
    served = Counter((one.id, one.served.position) for one in world.written.predictions)
    assert first + waiting == served
    assert set(served.values()) == {1}


def events_add_up(world: World) -> None:
    """events = predictions + refused + duplicates."""
    written = world.written
    assert len(world.events) == len(written.predictions) + written.refused + written.event_duplicates


def learnt_as_served(world: World) -> None:
    """Every example holds the very features that were served, never those of another event of the same id."""
    served = {(one.id, one.served.position): one.served for one in world.written.predictions}
    for example in world.written.log:
        found = served[example.id, example.position]
        assert (example.features, example.time, example.said) == (found.features, found.time, found.said)


def nothing_expires_before_its_time(world: World) -> None:
    """An event expires only when event time has safely come past its due, unless it fell out at the bound."""
    if world.shape.events_max < len(world.events):
        return
    due = {(one.id, one.served.position): one.served.due for one in world.written.predictions}
    for example, safe in zip(world.written.log, world.written.written_at, strict=True):
        if example.status == "expired":
            assert safe is not None
            assert due[example.id, example.position] < safe


def no_label_in_time_is_missed(world: World) -> None:
    """A label that Kafka took before the first event that would expire its event is joined in time: what becomes of the
    event first is not that it has expired.
    """
    if world.shape.events_max < len(world.events) or world.shape.early_max < len(world.labels):
        return
    status = {(one.id, one.position): one.status for one in world.written.log if one.replaces is None}
    labelled = {one.id: one.received for one in reversed(world.labels)}
    for prediction in world.written.predictions:
        due, received = prediction.served.due, labelled.get(prediction.id)
        ends = [event.received for event in world.events if event.time is not None and event.time > due]
        if received is not None and prediction.received <= received < min(ends):
            assert status[prediction.id, prediction.served.position] in ("known", "unavailable"), prediction


def corrections_name_what_they_replace(world: World) -> None:
    """The corrections of one event form a chain: each replaces what stood before it."""
    chains: dict[tuple[str, int], Example] = {}
    for example in world.written.log:
        before = chains.get((example.id, example.position))
        if example.replaces is not None:
            assert before is not None
            assert example.replaces == ("known" if before.label is not None else before.status)
            assert example.previous == before.label
            assert (example.label, example.status) != (before.label, before.status)
            assert example.status == ("unavailable" if example.label is None else "corrected")
        else:
            assert before is None
            assert example.status != "corrected"
        chains[example.id, example.position] = example


def memory_is_bounded(world: World) -> None:
    """Nothing is remembered beyond the bounds of count and time."""
    assert world.most_remembered <= world.shape.events_max
    assert world.most_early <= world.shape.early_max
    safe = world.examples.watermark.safe
    assert safe is not None
    for id in waiting_ids(world):
        assert world.examples.waiting.get(id).due >= safe
    for id in {one.id for one in world.events}:
        if id not in waiting_ids(world) and world.examples.knows(id):
            assert world.examples.settled.get(id).due >= safe - (REMEMBER - TIMEOUT)
    assert not world.examples.early


def waiting_ids(world: World) -> list[str]:
    return [id for id in dict.fromkeys(one.id for one in world.events) if id in world.examples.waiting]


CHECKERS: tuple[Callable[[World], None], ...] = (
    labels_have_one_outcome,
    predictions_have_one_outcome,
    events_add_up,
    learnt_as_served,
    nothing_expires_before_its_time,
    no_label_in_time_is_missed,
    corrections_name_what_they_replace,
    memory_is_bounded,
)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_life_of_every_label_ends_well(shape: str) -> None:
    restarts = 0
    for seed in SEEDS:
        world = World(seed, SHAPES[shape])
        world.run()
        restarts += world.restarts
        for check in CHECKERS:
            try:
                check(world)
            except AssertionError as error:
                raise AssertionError(f"{check.__name__}, seed {seed}, shape {shape}: {error}") from error
    assert (restarts > 0) == (SHAPES[shape].crashes > 0)


@pytest.mark.parametrize("shape", SHAPES)
def test_seed_tells_everything(shape: str) -> None:
    first, second = World(7, SHAPES[shape]), World(7, SHAPES[shape])
    first.run()
    second.run()
    assert first.written == second.written
    assert len(first.written.log) > 100
