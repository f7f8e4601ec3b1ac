"""What becomes of an event's label: it comes early, once, twice, changed, too late, or never."""

from __future__ import annotations

import functools
from datetime import UTC, datetime, timedelta

from river import linear_model

from models.examples import Early, Examples, Unmatched
from models.pipeline import Field, Label, Pipeline
from models.waiting import Packing, Served
from schemas.examples import Example
from schemas.feedback import Feedback
from schemas.predictions import Said
from schemas.values import Address, LabelValue

START = datetime(2026, 5, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

#: A label is waited for 60 minutes, and an id is remembered for 180.
declared = functools.partial(
    Pipeline,
    name="lives",
    problem="binary",
    fields=[Field("size")],
    id="id",
    label=Label(timeout="60m", remember="180m"),
    models={"logistic": linear_model.LogisticRegression()},
    champion="logistic",
)


class Partition:
    """One partition, driven by hand; times are minutes of event time."""

    def __init__(self, pipeline: Pipeline | None = None) -> None:
        self.examples = Examples(pipeline or declared(), 3, Packing())
        self._feedback = 0

    def event(self, id: str, minute: int, size: float = 1.0) -> Example | None:
        """An event that is served; it must be new."""
        assert self.examples.arrive(id)
        due = self.examples.due(START + minute * MINUTE)
        answers = [Said(model="logistic", version=1, score=0.25)]
        served = Served(START + minute * MINUTE, due, {"size": size}, answers, 7)
        return self.examples.remember(id, served)

    def label(self, id: str, label: LabelValue) -> Example | Unmatched | None:
        return self.feedback(Feedback(id=id, label=label, time=START))

    def unavailable(self, id: str, reason: str | None = None) -> Example | Unmatched | None:
        """There will never be a label."""
        return self.feedback(Feedback(id=id, unavailable=True, reason=reason, time=START))

    def feedback(self, feedback: Feedback) -> Example | Unmatched | None:
        if self.examples.knows(feedback.id):
            return self.examples.label(feedback)
        address = Address(topic="lives.feedback", partition=3, offset=self._feedback)
        self._feedback += 1
        early = Early(feedback, address, b"key", b"value", self.examples.watermark.high)
        return self.examples.wait_for_event(early)

    def drain(self) -> list[Example]:
        """All labels have been read: time has come as far as the events."""
        self.examples.watermark.labels_drained()
        expired = list(self.examples.expire())
        self.examples.forget()
        return expired

    def given_up(self) -> list[tuple[str, str]]:
        """Ids and reasons of the early labels that are given up now."""
        return [(one.early.feedback.id, one.error.reason) for one in self.examples.unmatched()]


def example(outcome: Example | Unmatched | None) -> Example:
    assert isinstance(outcome, Example)
    return outcome


def test_label_makes_an_example_of_what_was_served() -> None:
    partition = Partition()
    partition.event("a", 0, size=2.5)
    assert partition.label("a", True) == Example(
        id="a",
        partition=3,
        time=START,
        status="known",
        label=True,
        labelled=START,
        features={"size": 2.5},
        said=[Said(model="logistic", version=1, score=0.25)],
        position=7,
    )


def test_label_that_comes_twice_is_learnt_once() -> None:
    partition = Partition()
    partition.event("a", 0)
    partition.label("a", True)
    assert partition.label("a", True) is None


def test_changed_label_corrects_the_one_before() -> None:
    partition = Partition()
    partition.event("a", 0, size=2.5)
    partition.label("a", True)
    corrected = example(partition.label("a", False))
    assert (corrected.status, corrected.label, corrected.previous) == ("corrected", False, True)
    assert corrected.features == {"size": 2.5}
    again = example(partition.label("a", True))
    assert said(again) == ("corrected", True, False, "known")


def said(outcome: Example | Unmatched | None) -> tuple[object, ...]:
    """What an example says of a label."""
    one = example(outcome)
    return one.status, one.label, one.previous, one.replaces


def test_label_that_is_unavailable_is_not_waited_for() -> None:
    partition = Partition()
    partition.event("a", 0, size=2.5)
    found = example(partition.unavailable("a", reason="cancelled"))
    assert said(found) == ("unavailable", None, None, None)
    assert (found.features, found.labelled, found.reason) == ({"size": 2.5}, START, "cancelled")
    partition.event("b", 61)
    assert partition.drain() == []


def test_label_that_is_unavailable_twice_is_so_once() -> None:
    partition = Partition()
    partition.event("a", 0)
    partition.unavailable("a", reason="lost")
    assert partition.unavailable("a", reason="lost for good") is None


def test_label_may_come_after_all() -> None:
    partition = Partition()
    partition.event("a", 0)
    partition.unavailable("a")
    assert said(partition.label("a", True)) == ("corrected", True, None, "unavailable")
    assert partition.label("a", True) is None


def test_known_label_may_be_withdrawn_and_come_again() -> None:
    partition = Partition()
    partition.event("a", 0)
    partition.label("a", True)
    assert said(partition.unavailable("a")) == ("unavailable", None, True, "known")
    assert partition.unavailable("a") is None
    assert said(partition.label("a", True)) == ("corrected", True, None, "unavailable")


def test_event_that_has_expired_may_be_told_to_be_without_a_label_for_ever() -> None:
    partition = Partition()
    partition.event("a", 0)
    partition.event("b", 61)
    partition.drain()
    assert said(partition.unavailable("a")) == ("unavailable", None, None, "expired")
    assert said(partition.label("a", False)) == ("corrected", False, None, "unavailable")


def test_what_is_unavailable_before_its_event_came_is_so_when_it_comes() -> None:
    partition = Partition()
    partition.label("a", True)
    assert partition.unavailable("a", reason="lost") is None
    found = example(partition.event("a", 0))
    assert (said(found), found.reason) == (("unavailable", None, None, None), "lost")
    assert not partition.examples.early


def test_unavailable_label_of_an_unknown_id_is_given_up_like_any_other() -> None:
    partition = Partition()
    partition.event("a", 0)
    partition.unavailable("nobody")
    partition.event("b", 181)
    partition.drain()
    assert partition.given_up() == [("nobody", "label_unmatched")]


def test_what_is_unavailable_is_remembered_as_long_as_what_is_labelled() -> None:
    partition = Partition()
    partition.event("a", 0)
    partition.unavailable("a")
    partition.event("b", 180)
    partition.drain()
    assert not partition.examples.arrive("a")
    partition.event("c", 181)
    partition.drain()
    assert partition.examples.arrive("a")


def test_early_label_is_learnt_when_its_event_comes() -> None:
    partition = Partition()
    assert partition.label("a", True) is None
    assert example(partition.event("a", 0)).status == "known"
    assert partition.label("a", True) is None
    assert not partition.examples.early


def test_of_two_early_labels_the_newer_counts() -> None:
    partition = Partition()
    partition.label("a", True)
    partition.label("a", False)
    assert example(partition.event("a", 0)).label is False
    assert not partition.examples.early


def test_repeated_event_is_no_new_one_before_and_after_its_label() -> None:
    partition = Partition()
    partition.event("a", 0)
    assert not partition.examples.arrive("a")
    partition.label("a", True)
    assert not partition.examples.arrive("a")


def test_event_that_comes_twice_in_one_batch_is_new_once() -> None:
    examples = Partition().examples
    assert [examples.arrive("a"), examples.arrive("a")] == [True, False]


def test_event_that_no_model_could_answer_is_as_if_it_had_not_come() -> None:
    partition = Partition()
    assert partition.examples.arrive("a")
    partition.examples.dismiss("a")
    assert partition.event("a", 0) is None
    assert partition.examples.knows("a")


def test_event_expires_once_it_is_past_due_and_not_before() -> None:
    partition = Partition()
    partition.event("a", 0)
    partition.event("b", 60)
    assert partition.drain() == []
    partition.event("c", 61)
    assert [(one.id, one.status, one.label) for one in partition.drain()] == [("a", "expired", None)]


def test_event_does_not_expire_while_labels_are_behind() -> None:
    partition = Partition()
    partition.event("a", 0)
    partition.event("b", 500)
    assert list(partition.examples.expire()) == []
    assert example(partition.label("a", True)).status == "known"


def test_label_after_expiry_is_a_correction_of_nothing() -> None:
    partition = Partition()
    partition.event("a", 0)
    partition.event("b", 61)
    partition.drain()
    late = example(partition.label("a", True))
    assert said(late) == ("corrected", True, None, "expired")
    assert partition.label("a", True) is None


def test_event_that_comes_late_is_waited_for_as_long_as_any_other() -> None:
    partition = Partition()
    partition.event("a", 100)
    partition.label("a", True)
    partition.event("late", 5)
    partition.event("b", 160)
    assert partition.drain() == []
    partition.event("c", 161)
    assert [one.id for one in partition.drain()] == ["late"]


def test_id_is_remembered_as_declared_and_not_longer() -> None:
    partition = Partition()
    partition.event("a", 0)
    partition.label("a", True)
    partition.event("b", 180)
    partition.drain()
    assert partition.examples.knows("a")
    partition.event("c", 181)
    partition.drain()
    assert not partition.examples.knows("a")
    assert partition.examples.arrive("a")


def test_expired_id_is_not_remembered_longer_than_one_that_was_labelled_before_it_expired() -> None:
    partition = Partition()
    partition.event("expires", 0)
    partition.event("young", 60)
    partition.label("young", True)
    partition.event("c", 61)
    assert [one.id for one in partition.drain()] == ["expires"]
    partition.event("d", 181)
    partition.drain()
    assert partition.examples.knows("young")
    assert not partition.examples.knows("expires")


def test_label_of_an_unknown_id_is_given_up_after_as_long_as_an_id_is_remembered() -> None:
    partition = Partition()
    partition.event("a", 0)
    partition.label("nobody", True)
    partition.event("b", 180)
    partition.drain()
    assert partition.given_up() == []
    partition.event("c", 181)
    partition.drain()
    assert partition.given_up() == [("nobody", "label_unmatched")]
    assert partition.given_up() == []


def test_label_before_the_first_event_of_all_waits_from_the_first_event_on() -> None:
    partition = Partition()
    partition.label("nobody", True)
    partition.event("a", 1000)
    partition.drain()
    assert partition.given_up() == []
    partition.event("b", 1181)
    partition.drain()
    assert partition.given_up() == [("nobody", "label_unmatched")]


def test_label_past_remember_finds_no_event() -> None:
    partition = Partition()
    partition.event("a", 0)
    partition.event("b", 181)
    partition.drain()
    assert partition.label("a", True) is None
    assert list(partition.examples.early) == ["a"]
    partition.event("c", 362)
    partition.drain()
    assert partition.given_up() == [("a", "label_unmatched")]


def test_oldest_early_label_falls_out_at_the_bound() -> None:
    partition = Partition(declared(early_labels_max=2))
    partition.label("a", True)
    partition.label("b", True)
    out = partition.label("c", True)
    assert isinstance(out, Unmatched)
    assert (out.early.feedback.id, out.error.reason, out.early.value) == ("a", "label_bound", b"value")
    assert list(partition.examples.early) == ["b", "c"]


def test_repeated_early_label_takes_no_place_of_another() -> None:
    partition = Partition(declared(early_labels_max=2))
    for id in ("a", "b", "b", "b"):
        assert partition.label(id, True) is None
    assert list(partition.examples.early) == ["a", "b"]


def test_at_the_bound_what_is_settled_falls_out_first_and_then_the_oldest_counts_as_expired() -> None:
    partition = Partition(declared(waiting_events_max=2))
    for minute, id in enumerate("abc"):
        partition.event(id, minute)
    partition.label("c", True)
    assert list(partition.examples.expire()) == []
    assert not partition.examples.knows("c")
    partition.event("d", 4)
    assert [(one.id, one.status) for one in partition.examples.expire()] == [("a", "expired")]
    assert not partition.examples.knows("a")
    assert partition.examples.knows("b")


def test_restored_events_go_on_as_if_nothing_had_happened() -> None:
    answers = [Said(model="logistic", version=1, score=0.25)]
    partition = Partition()
    for minute, (id, status, label) in enumerate(
        [
            ("known", "known", True),
            ("expired", "expired", None),
            ("unavailable", "unavailable", None),
            ("waiting", None, None),
        ]
    ):
        time = START + minute * MINUTE
        served = Served(time, time + 60 * MINUTE, {"size": 1.0}, answers, 7)
        partition.examples.restore(id, served, status, label)  # type: ignore[arg-type]
    assert partition.examples.watermark.high == START + 3 * MINUTE
    assert not any(partition.examples.arrive(id) for id in ("known", "expired", "unavailable", "waiting"))
    assert partition.label("known", True) is None
    assert example(partition.label("known", False)).previous is True
    assert example(partition.label("expired", True)).replaces == "expired"
    assert partition.unavailable("unavailable") is None
    assert example(partition.label("unavailable", True)).replaces == "unavailable"
    assert example(partition.label("waiting", True)).status == "known"
