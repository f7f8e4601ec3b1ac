"""What is stored of a version is deleted once it is deleted itself, and no checkpoint that may be loaded knows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest

from agents.retention import Deletions
from agents.states import slot_of
from models.changes import definitions
from models.learning import Learning
from models.policies import Retention
from schemas.codec import decode
from schemas.examples import Control
from streams.batches import Outgoing
from streams.checkpoints import Checkpoints, slots
from tests.models.stories import Story, begin, pipeline_for


class Shelf:
    """What lies on ``models``, by slot."""

    def __init__(self, *stored: str) -> None:
        self.stored = set(stored)
        self.asked = 0

    def erased(self, unwanted: Callable[[str], bool]) -> list[Outgoing]:
        self.asked += 1
        return [Outgoing("models", 0, slot.encode(), None, None) for slot in sorted(self.stored) if unwanted(slot)]


TRAINED = [slot_of("tree", version) for version in (1, 2, 3)]


@pytest.fixture
def story() -> Story:
    """Three versions of one model, two of which have left."""
    story = begin(pipeline_for("binary", retention=Retention(versions=1, checkpoints=2)))
    definition = definitions(story.pipeline)["tree"]
    for action, version in (("added", 2), ("added", 3), ("removed", 2), ("removed", 3)):
        story.write(Control(action=action, model="tree", version=version, definition=definition, reason="so"))  # type: ignore[arg-type]
    return story


def written(deletions: Deletions, learning: Learning) -> tuple[list[Control], list[str]]:
    """The control records and the slots that are deleted with a checkpoint."""
    records = deletions.after(learning)
    controls = [decode(Control, record.value or b"") for record in records if record.noun == "examples"]
    return controls, [(record.key or b"").decode() for record in records if record.noun == "models"]


def of(story: Story, shelf: Shelf) -> Deletions:
    return Deletions(story.pipeline, cast(Checkpoints, shelf))


def test_a_version_is_deleted_in_the_log_first_and_its_state_two_checkpoints_later(story: Story) -> None:
    deletions = of(story, Shelf(*TRAINED))
    controls, erased = written(deletions, story.learning)
    assert ([(one.action, one.version) for one in controls], erased) == ([("deleted", 2)], [])
    assert written(deletions, story.learning)[1] == []
    story.write(*controls)
    assert written(deletions, story.learning) == ([], [])
    # Of the active version and of the one that is kept nothing is deleted.
    assert written(deletions, story.learning) == ([], [slot_of("tree", 2)])


def test_what_is_stored_is_read_only_when_there_is_something_to_delete(story: Story) -> None:
    shelf = Shelf(*TRAINED)
    deletions = of(story, shelf)
    for _ in range(5):
        written(deletions, story.learning)
    assert shelf.asked == 1
    story.write(*written(deletions, story.learning)[0])
    for _ in range(5):
        written(deletions, story.learning)
    assert shelf.asked == 2


def test_checkpoints_beyond_the_declared_number_are_deleted_once_that_many_are_newer(story: Story) -> None:
    deletions = of(story, Shelf(*slots(4)))
    assert written(deletions, story.learning)[1] == []
    assert written(deletions, story.learning)[1] == list(slots(4)[2:])
