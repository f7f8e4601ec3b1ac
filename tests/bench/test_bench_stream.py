"""The bench's stream is the same for all contenders, and labels come after their events."""

from __future__ import annotations

import orjson
import pytest

from bench import stream


def test_equal_seeds_give_equal_streams_and_other_seeds_others() -> None:
    assert stream.events(50, seed=3) == stream.events(50, seed=3)
    assert stream.events(50, seed=3) != stream.events(50, seed=4)


def test_longer_stream_begins_with_the_shorter_one() -> None:
    assert stream.events(500)[:100] == stream.events(100)


@pytest.mark.parametrize(("count", "delay"), [(10, 3), (3, 10), (5, 0), (0, 3)])
def test_label_comes_once_right_after_the_event_that_is_delay_later(count: int, delay: int) -> None:
    made = stream.events(count)
    steps = list(stream.in_time_order(made, delay))
    assert [step.event for step in steps if not step.is_label] == made
    assert [step.event for step in steps if step.is_label] == made
    for number, event in enumerate(made[: max(count - delay, 0)]):
        place = steps.index(stream.Step(True, event))
        assert steps[place - 1] == stream.Step(False, made[number + delay])


def test_record_holds_exactly_what_the_event_holds() -> None:
    (event,) = stream.events(1)
    assert orjson.loads(stream.event_message(event)) == {"id": event.id, "key": event.key, **event.features}
    assert orjson.loads(stream.label_message(event)) == {"id": event.id, "label": event.label}
    joined = orjson.loads(stream.event_message(event)) | orjson.loads(stream.label_message(event))
    assert orjson.loads(stream.labelled_message(event)) == joined
