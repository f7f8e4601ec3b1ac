"""A fold goes on from what a checkpoint has of it, and folds the log from its beginning where that is of no use."""

from __future__ import annotations

import pickle
from typing import Any, ClassVar

import pytest

from agents.folds import Folds, opened
from schemas.errors import CheckpointRefused


class Counts:
    """Counts records."""

    layout: ClassVar[int] = 1

    def __init__(self, position: int = 0) -> None:
        self.position = position
        self.half = False

    def state(self) -> dict[str, Any]:
        return {"position": self.position}

    def restore(self, state: dict[str, Any]) -> None:
        self.half = True
        self.position = state["position"]
        self.half = False


class Newer(Counts):
    """The same, with another attribute in its state."""

    layout: ClassVar[int] = 2


class Gone:
    """A class that does not load any more."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (_lost, ())


def _lost() -> None:
    raise ImportError("no module of this name")


def written(**folds: Counts) -> bytes:
    """The content of a checkpoint."""
    live = Folds({})
    for name, fold in folds.items():
        live.begin(name, lambda fold=fold: fold)  # type: ignore[misc]
    return pickle.dumps(live.state())


def test_each_fold_goes_on_from_its_own_place() -> None:
    folds = Folds(opened(written(one=Counts(3), two=Counts(5))))
    assert [folds.begin(name, Counts).position for name in ("one", "two")] == [3, 5]
    assert folds.position == 3


def test_a_fold_that_a_checkpoint_lacks_begins_as_it_is_made(caplog: pytest.LogCaptureFixture) -> None:
    folds = Folds(opened(written(one=Counts(3))))
    assert folds.begin("two", Counts).position == 0
    assert folds.begin("late", lambda: Counts(7)).position == 7
    assert not caplog.records


def test_a_fold_of_another_layout_begins_anew_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    folds = Folds(opened(written(one=Counts(3), two=Counts(5))))
    assert folds.begin("one", Newer).position == 0
    assert folds.begin("two", Counts).position == 5
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "one" in caplog.text and "layout 1, here is 2" in caplog.text


def test_a_state_that_does_not_load_spoils_no_other(caplog: pytest.LogCaptureFixture) -> None:
    kept = opened(written(one=Counts(3), two=Counts(5)))
    folds = Folds(kept | {"one": pickle.dumps((1, {"position": Gone()}))})
    assert (folds.begin("one", Counts).position, folds.begin("two", Counts).position) == (0, 5)
    assert "no module of this name" in caplog.text


def test_nothing_of_a_state_that_lacks_something_is_left_behind(caplog: pytest.LogCaptureFixture) -> None:
    fold = Folds({"one": pickle.dumps((1, {}))}).begin("one", Counts)
    assert (fold.position, fold.half) == (0, False)
    assert "position" in caplog.text


def test_what_is_no_checkpoint_is_refused() -> None:
    with pytest.raises(CheckpointRefused):
        opened(b"not a pickle")
