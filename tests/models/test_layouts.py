"""What a profile holds is read as streams: counts, values in their order, and parts where it was cut short."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
from msgspec import structs

from models.layouts import FEED, Layout
from models.letters import read
from models.watches import Stretches
from schemas.examples import FieldSummary, Profile
from tests.models.windows import START

EVENTS = 256
ORDER = {"x": "AB-B" * 24, "colour": "CCAB" * 24}


def summary(order: str, bins: int) -> FieldSummary:
    ranks = read(order)
    counts = np.bincount(ranks[ranks > 0] - 1, minlength=bins).tolist()
    return FieldSummary(count=sum(counts), missing=order.count("-"), bins=counts, order=order)


def profile(order: dict[str, str] = ORDER, **changed: Any) -> Profile:
    made = Profile(
        partition=0, first=0, end=96, start=START, until=START + timedelta(seconds=90), received=START, events=96,
        reference=1, fields={name: summary(one, 3) for name, one in order.items()},
    )  # fmt: skip
    return structs.replace(made, **changed)


def layout() -> Layout:
    return Layout(profile(), EVENTS)


def parts(of: Layout, one: Profile, *, alarms: bool) -> Stretches:
    window = of.window(one, 7)
    assert window.cut is not None
    return window.cut(alarms)


def test_the_values_in_their_order_add_up_to_the_counts() -> None:
    one = profile(duplicates=3, rejected={"$.x type": 2})
    ordered = layout().ordered(one, 7)
    assert ordered is not None
    found = ordered.counts().reshape(-1, layout().width)
    assert found.tolist() == layout().counts(one).tolist()
    assert found[-len(FEED) :, 1].tolist() == [3, 2]


def test_values_stand_in_the_order_in_which_they_came() -> None:
    ordered = layout().ordered(profile(), 7)
    assert ordered is not None
    places = ordered.codes[:2, :4] - ordered.places.streams[:2, None]
    assert places.tolist() == [[1, 2, 0, 2], [3, 3, 1, 2]]


def test_bad_events_come_among_the_others_the_same_way_each_time() -> None:
    one, other = (layout().ordered(profile(duplicates=5), seed) for seed in (7, 7))
    assert one is not None and other is not None
    assert (one.codes == other.codes).all()
    # As many as all events and those, and the last may be any of them.
    duplicates = one.codes[-2]
    assert (duplicates < one.places.size).sum() == 96 + 5


def test_a_profile_that_holds_no_order_has_counts_alone() -> None:
    plain = {name: structs.replace(field, order="") for name, field in profile().fields.items()}
    older = profile(fields=plain)
    assert layout().ordered(older, 7) is None
    assert parts(layout(), older, alarms=True)[0][1].tolist() == layout().counts(older).tolist()


def test_a_field_on_other_bins_is_no_value() -> None:
    other = profile(fields=profile().fields | {"x": summary(ORDER["x"], 5)})
    ordered = layout().ordered(other, 7)
    assert ordered is not None
    assert (ordered.codes[0] == ordered.places.size).all()
    assert not layout().counts(other)[0].any()


def test_a_window_that_ended_early_or_alarms_is_cut_up_and_others_are_not() -> None:
    one = profile(duplicates=5)
    full = Layout(profile(), 96)
    assert len(parts(full, one, alarms=False)) == 1
    for cut in (parts(layout(), one, alarms=False), parts(full, one, alarms=True)):
        assert [time_s - START.timestamp() for time_s, _ in cut] == [0.0, 30.0, 60.0]
        assert np.sum([counts for _, counts in cut], axis=0).tolist() == layout().counts(one).tolist()
