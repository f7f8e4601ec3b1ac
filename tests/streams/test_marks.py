from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import BrokerUnavailable
from streams import marks
from streams.marks import Mark, Marks, place_of

BEGINNING = datetime(2013, 1, 1, tzinfo=UTC)


def at(minute: int) -> datetime:
    return BEGINNING + timedelta(minutes=minute)


@dataclass
class Topic:
    """Offsets of the partition's records, each with when its event is due; other records take offsets too."""

    records: list[tuple[int, datetime | None]] = field(default_factory=list)
    end: int = 0

    def write(self, due: datetime | None) -> int:
        self.records.append((self.end, due))
        return self.skip()

    def skip(self) -> int:
        """A record of another partition, or the mark that ends a transaction."""
        self.end += 1
        return self.end - 1

    def read(self, start: int, count: int) -> list[tuple[int, datetime | None]]:
        return [record for record in self.records if record[0] >= start][:count]


@dataclass
class Partition:
    """Simulates the workers that have one partition after another; the checks are those of the test."""

    features: Topic = field(default_factory=Topic)
    predictions: Topic = field(default_factory=Topic)
    log: Topic = field(default_factory=Topic)
    minute: int = 0
    forgotten: datetime | None = None
    waiting: list[datetime] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        self.last: dict[int, dict[str, int | None]] = {}
        self.take_over(0)

    def take_over(self, worker: int) -> None:
        """Another worker, or the same one once more without having ended in between, reads what was committed."""
        self.worker = worker
        self.last.setdefault(worker, {"features": None, "predictions": None, "log": None})
        mark = place_of(self.text).mark
        end = Mark(features_from=mark.features_from, predictions_from=mark.predictions_from, log_from=mark.log_from)
        for topic, name in ((self.features, "features"), (self.predictions, "predictions"), (self.log, "log")):
            count = mark.examples if name == "log" else getattr(mark, name)
            read = topic.read(getattr(end, f"{name}_from"), count)
            if read:
                setattr(end, f"{name}_from", read[-1][0] + 1)
        self.marks = Marks(mark, end)

    def batch(self, answered: int, refused: int, labelled: int, elsewhere: int) -> None:
        dues = [at(self.minute + n + 1) for n in range(answered)]
        self.minute += answered
        self.waiting += dues
        outcomes = [self.waiting.pop(0) for _ in range(min(labelled, len(self.waiting)))]
        self.marks.add(answered + refused, answered, len(outcomes), dues[-1] if dues else None)
        self.marks.forget(self.forgotten)
        self.text = self.marks.text(None, None)
        last = self.last[self.worker]
        for due in [*dues, *[None] * refused]:
            last["features"] = self.features.write(due)
        for due in dues:
            last["predictions"] = self.predictions.write(due)
        for _ in range(elsewhere):
            last["log"] = self.log.skip()
        for due in outcomes:
            last["log"] = self.log.write(due)
        for topic in (self.features, self.predictions, self.log):
            topic.skip()
        self.marks.written(last["features"], last["predictions"], last["log"])

    def forget(self, minutes_ago: int) -> None:
        time = at(self.minute - minutes_ago)
        self.forgotten = time if self.forgotten is None else max(self.forgotten, time)
        self.waiting = [due for due in self.waiting if due >= self.forgotten]

    def check(self) -> None:
        """All that is remembered is read again, and the counts fit to what lies there, to the last record."""
        mark = place_of(self.text).mark
        for topic, start, count in (
            (self.features, mark.features_from, mark.features),
            (self.predictions, mark.predictions_from, mark.predictions),
            (self.log, mark.log_from, mark.examples),
        ):
            lying = [record for record in topic.records if record[0] >= start]
            assert len(lying) == count
            remembered = [
                record
                for record in topic.records
                if record[1] is not None and (self.forgotten is None or record[1] >= self.forgotten)
            ]
            assert set(remembered) <= set(lying)


counts = st.integers(0, 3)
steps = st.one_of(
    st.tuples(st.just("batch"), counts, counts, counts, counts),
    st.tuples(st.just("forget"), st.integers(0, 6)),
    st.tuples(st.just("take_over"), st.integers(0, 2)),
)


@pytest.mark.parametrize("marks_max", [2, 5, 512])
@given(st.lists(steps, max_size=60))
def test_the_text_covers_all_that_is_remembered_and_its_counts_are_exact(
    marks_max: int, taken: list[tuple[str, int]]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(marks, "MARKS_MAX", marks_max)
        partition = Partition()
        for verb, *arguments in taken:
            getattr(partition, verb)(*arguments)
            if partition.text:
                partition.check()


def test_marks_are_bounded() -> None:
    several = Marks(Mark(), Mark())
    for minute in range(3 * marks.MARKS_MAX):
        several.add(1, 1, 0, at(minute))
    assert len(several._marks) <= marks.MARKS_MAX
    assert place_of(several.text(None, None)).mark.predictions == 3 * marks.MARKS_MAX


def test_without_a_text_nothing_is_remembered() -> None:
    assert place_of("").mark == Mark()


def test_a_text_of_somebody_else_is_told_with_a_way_out() -> None:
    with pytest.raises(BrokerUnavailable, match="Delete the group"):
        place_of("set by hand")
