"""Whom a challenger serves: shares within bounds, and no entity changes sides but by a declared step."""

from __future__ import annotations

import copy
import math
import pickle
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.outcomes import Key
from models.shares import SLOTS, Shares, entity_of, slots_of
from schemas.examples import Control
from schemas.predictions import Said

ENTITIES = [f"customer-{number}".encode() for number in range(20_000)]
NEW: Key = ("new", 1)


def control(share: float, key: Key = NEW, action: Any = "shared") -> Control:
    return Control(action=action, model=key[0], version=key[1], reason="for the test", share=share)


def shares_of(*steps: tuple[Key, float], start: int = 10) -> Shares:
    shares = Shares()
    for offset, (key, share) in enumerate(steps, start):
        shares.follow(offset, control(share, key))
    return shares


def sides(shares: Shares, entities: list[bytes] = ENTITIES) -> list[Key | None]:
    return [shares.side(entity) for entity in entities]


@pytest.mark.parametrize("share", [0.0001, 0.01, 0.1, 0.25, 0.5, 0.9])
def test_so_many_entities_are_served_as_the_share_says(share: float) -> None:
    shares = shares_of((NEW, share))
    served = sides(shares).count(NEW)
    # Five standard deviations of a binomial: a fair hash is further off once in two million cases.
    bound = 5 * math.sqrt(len(ENTITIES) * share * (1 - share)) + 1
    assert abs(served - len(ENTITIES) * share) <= bound
    assert shares.share(NEW) == pytest.approx(share)
    assert shares.free == pytest.approx(1 - share)


def test_each_slot_has_its_part_of_the_entities() -> None:
    shares = shares_of((NEW, 0.5))
    counts = Counter(shares.slot(entity) * 20 // SLOTS for entity in ENTITIES)
    mean = len(ENTITIES) / 20
    # 20 bins: chi-squared with 19 degrees of freedom is above 60 in one of a million cases.
    assert sum((counts[place] - mean) ** 2 / mean for place in range(20)) < 60


def test_while_a_share_grows_entities_change_to_the_challenger_only_and_back_in_the_other_order() -> None:
    shares, before = Shares(), sides(Shares())
    for offset, share in enumerate((0.05, 0.25, 0.5)):
        shares.follow(offset, control(share))
        now = sides(shares)
        assert {(one, other) for one, other in zip(before, now, strict=True) if one != other} == {(None, NEW)}
        before = now
    for offset, share in enumerate((0.25, 0.05), 3):
        shares.follow(offset, control(share))
        assert sides(shares) == sides(shares_of((NEW, share), start=0))


actions = st.lists(
    st.tuples(
        st.sampled_from([("a", 1), ("b", 1), ("b", 2), ("c", 1)]),
        st.one_of(st.floats(0, 1), st.sampled_from(["promoted", "removed", "quarantined", "added"])),
    ),
    max_size=25,
)


@settings(deadline=None, max_examples=60)
@given(actions)
def test_an_entity_changes_sides_only_by_a_record_about_the_challenger_it_comes_from_or_goes_to(steps: Any) -> None:
    shares, entities = Shares(), ENTITIES[:300]
    for offset, (key, what) in enumerate(steps):
        before = sides(shares, entities)
        slots, free = shares.share(key), shares.free
        shares.follow(offset, control(what, key) if isinstance(what, float) else control(0.0, key, what))
        now = sides(shares, entities)
        moved = {(one, other) for one, other in zip(before, now, strict=True) if one != other}
        grows = shares.share(key) > slots
        assert moved <= ({(None, key)} if grows else {(key, None)})
        if isinstance(what, float):
            # As much as was asked for, but never what is another's.
            assert shares.share(key) == pytest.approx(min(slots_of(what) / SLOTS, slots + free))
        elif what != "added":
            assert not shares.share(key)
        assert shares.free + sum(shares.share(one) for one in {key for key, _ in steps}) == pytest.approx(1)


def test_one_experiment_after_another_draws_anew_and_two_at_a_time_are_disjoint() -> None:
    first, second = shares_of((NEW, 0.5), start=10), shares_of((NEW, 0.5), start=999)
    both = sum(one == other == NEW for one, other in zip(sides(first), sides(second), strict=True))
    # Independent halves share a quarter.
    assert abs(both / len(ENTITIES) - 0.25) < 5 * math.sqrt(0.25 * 0.75 / len(ENTITIES))
    shares = shares_of((NEW, 0.5), (("other", 1), 0.5))
    counts = Counter(sides(shares))
    assert not shares.free
    assert counts[None] == 0
    assert abs(counts[NEW] - len(ENTITIES) / 2) < 5 * math.sqrt(len(ENTITIES) / 4)


def test_a_copy_and_a_restored_state_have_the_same_sides() -> None:
    shares = shares_of((NEW, 0.3), (("other", 2), 0.2))
    expected = sides(shares)
    assert sides(pickle.loads(pickle.dumps(shares))) == expected
    assert sides(copy.deepcopy(shares)) == expected


def test_the_sides_are_the_same_on_every_machine_for_ever() -> None:
    # What was served once must be found again by a replay years later.
    shares = shares_of((NEW, 0.3), start=4711)
    assert [shares.slot(entity) for entity in (b"customer-1", b"", b"\x00", "Zürich".encode())] == [
        6590,
        3582,
        8746,
        3807,
    ]


def test_nobody_is_given_a_share_who_is_no_active_challenger() -> None:
    shares = Shares()
    shares.follow(3, control(0.5), able=False)
    assert not shares
    assert shares.side(b"customer-1") is None


def test_a_challenger_without_an_answer_does_not_serve() -> None:
    shares = shares_of((NEW, 0.9999))
    said = [Said(model="old", version=1, score=0.1), Said(model="prior", version=1, score=0.2)]
    entity = next(one for one in ENTITIES if shares.side(one) == NEW)
    assert shares.place(said, entity) == 0
    assert shares.place([*said, Said(model="new", version=1, score=0.3)], entity) == 2
    assert shares.place([*said, Said(model="new", version=2, score=0.3)], entity) == 0


def test_an_event_without_a_key_stands_for_itself() -> None:
    assert entity_of(b"customer-1", "event-7") == b"customer-1"
    assert entity_of(None, "event-7") == entity_of(b"", "event-7") == b"event-7"
