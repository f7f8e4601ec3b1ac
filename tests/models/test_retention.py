"""A version that has left may come back as it was, as long as it is kept; what something needs is kept."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from river import linear_model

from models.changes import definitions
from models.health import Monitor
from models.learning import Learning, fresh_from
from models.mistakes import mistakes
from models.orders import accept
from models.policies import Retention
from models.promotions import Verdicts
from models.retention import deleted, returning
from schemas.commands import Command
from schemas.errors import BadRecord
from schemas.examples import Control, Trained
from tests.models.stories import START, Story, begin, data, pipeline_for

QUESTIONS = data("binary", 90)


def story_with(versions: int = 5) -> Story:
    """A log of some examples, with the models of the pipeline file."""
    story = begin(pipeline_for("binary", retention=Retention(versions=versions)))
    return lived(story)


def lived(story: Story, count: int = 30) -> Story:
    for features, label in QUESTIONS[:count]:
        story.live(features, label)
    return story


def control(story: Story, action: Any, model: str, version: int, **more: Any) -> Control:
    definition = definitions(story.pipeline)[model]
    return Control(action=action, model=model, version=version, definition=definition, reason="so", **more)


def added_and_removed(story: Story, *versions: int, model: str = "tree") -> None:
    for version in versions:
        story.write(control(story, "added", model, version))
        lived(story, 3)
        story.write(control(story, "removed", model, version))


def asked(action: Any = "roll_back", model: str | None = None, version: int | None = None) -> Command:
    return Command(id="c", action=action, model=model, version=version, by="ada", reason="so", time=START)


def back(story: Story, model: str | None = None, version: int | None = None) -> Control | None:
    return returning(story.pipeline, story.learning, asked(model=model, version=version))


def answers(learning: Learning, state: str) -> list[Any]:
    member = (learning.members | learning.left)[state]
    return [member.answer(features) for features, _ in QUESTIONS]


def test_a_version_comes_back_as_it_was_when_it_left() -> None:
    story = story_with()
    story.write(control(story, "added", "tree", 2))
    lived(story)
    before = answers(story.learning, "tree@2")
    story.write(control(story, "removed", "tree", 2))
    lived(story)
    assert "tree@2" not in story.learning.members
    record = back(story, "tree", 2)
    assert record is not None
    story.write(record)
    assert answers(story.learning, "tree@2") == before
    assert answers(story.learning, "tree@1") != before
    lived(story)
    again = Learning(story.pipeline, fresh_from(story.pipeline))
    for offset, each in story.log:
        again.fold(offset, each)
    assert answers(again, "tree@2") == answers(story.learning, "tree@2") != before


def test_it_comes_back_from_a_checkpoint_too() -> None:
    story = story_with()
    added_and_removed(story, 2)
    before = answers(story.learning, "tree@2")
    restored = Learning(story.pipeline, fresh_from(story.pipeline))
    restored.restore(pickle.loads(pickle.dumps(story.learning.state())))
    restored.fold(restored.position, control(story, "added", "tree", 2))
    assert answers(restored, "tree@2") == before


def test_only_the_newest_that_have_left_are_kept() -> None:
    story = story_with(versions=2)
    added_and_removed(story, 2, 3)
    assert deleted(story.pipeline, story.learning) == []
    added_and_removed(story, 4, 5)
    records = deleted(story.pipeline, story.learning)
    assert [(one.action, one.model, one.version) for one in records] == [("deleted", "tree", 2), ("deleted", "tree", 3)]
    story.write(*records)
    assert list(story.learning.left) == ["tree@4", "tree@5"]
    assert deleted(story.pipeline, story.learning) == []


def test_baselines_that_leave_are_not_kept() -> None:
    story = story_with()
    story.write(control(story, "removed", "prior", 1))
    assert not story.learning.left


def test_the_champion_before_is_kept_and_a_rollback_that_names_nobody_goes_to_it() -> None:
    story = story_with(versions=0)
    story.write(control(story, "promoted", "tree", 1), control(story, "removed", "logistic", 1))
    assert deleted(story.pipeline, story.learning) == []
    record = back(story)
    assert record is not None
    assert (record.action, record.model, record.version) == ("added", "logistic", 1)
    story.write(record, control(story, "rolled_back", "logistic", 1))
    assert story.learning.champion is story.learning.members["logistic@1"]
    assert story.learning.former == "tree@1"


def test_what_an_active_version_is_a_copy_of_is_kept() -> None:
    story = story_with(versions=0)
    story.write(control(story, "added", "tree", 2))
    trained = Trained(retrain="r", method="warm", first=0, end=0, examples=0, parent="tree@2")
    story.write(control(story, "added", "tree", 3, trained=trained), control(story, "removed", "tree", 2))
    assert deleted(story.pipeline, story.learning) == []
    story.write(control(story, "removed", "tree", 3))
    assert [one.version for one in deleted(story.pipeline, story.learning)] == [2, 3]


def test_nothing_active_is_ever_deleted() -> None:
    story = story_with(versions=0)
    story.write(control(story, "added", "tree", 2), control(story, "added", "tree", 3))
    assert deleted(story.pipeline, story.learning) == []


def test_an_active_version_goes_before_one_that_has_left_unless_that_is_named() -> None:
    story = story_with()
    added_and_removed(story, 2, 3)
    assert back(story, "tree") is None
    assert back(story, "tree", 1) is None
    named = [back(story, "tree", version) for version in (2, 3)]
    assert [one.version for one in named if one is not None] == [2, 3]
    assert returning(story.pipeline, story.learning, asked("promote", "tree", 2)) is None


def test_what_is_no_longer_kept_or_declared_otherwise_does_not_come_back() -> None:
    story = story_with(versions=1)
    added_and_removed(story, 2, 3)
    with pytest.raises(BadRecord, match=r"tree@2 has left, and is no longer kept"):
        back(story, "tree", 2)
    story.write(*deleted(story.pipeline, story.learning))
    assert back(story, "tree", 2) is None
    other = pipeline_for("binary", models={"tree": linear_model.LogisticRegression()})
    with pytest.raises(BadRecord, match=r"tree@3 has left, and can come back once the pipeline file declares 'tree'"):
        returning(other, story.learning, asked(model="tree", version=3))


def test_a_rollback_to_one_that_has_left_is_one_step() -> None:
    story = story_with()
    added_and_removed(story, 2)
    verdicts = Verdicts(story.pipeline)
    for offset, record in story.log:
        verdicts.fold(offset, record)
    command = asked(model="tree", version=2)
    promotion, comes, leads = accept(verdicts, command, returning(story.pipeline, story.learning, command))
    assert (promotion.verdict, promotion.challenger, promotion.by) == ("roll_back", "tree@2", "ada")  # type: ignore[union-attr]
    assert isinstance(comes, Control) and isinstance(leads, Control)
    assert [one.action for one in (comes, leads)] == ["added", "rolled_back"]
    story.write(comes, leads)
    for offset, record in story.log[-2:]:
        verdicts.fold(offset, record)
    assert story.learning.champion is story.learning.members["tree@2"]
    assert verdicts.reigns.champion == ("tree", 2)


@pytest.mark.parametrize(
    ("retention", "says"),
    [
        (Retention(versions=-1), "versions -1"),
        (Retention(versions=True), "versions True"),
        (Retention(checkpoints=1), "checkpoints 1 is no whole number of 2 to 26"),
        (Retention(checkpoints=27), "checkpoints 27"),
        ("10", "is no Retention; write Retention"),
    ],
)
def test_every_mistake_in_the_declaration_is_told(retention: Any, says: str) -> None:
    (found,) = mistakes(pipeline_for("binary", retention=retention))
    assert says in found
    assert mistakes(pipeline_for("binary", retention=Retention(versions=0, checkpoints=26))) == []


def test_that_a_version_is_deleted_says_nothing_to_the_other_folds() -> None:
    story = story_with(versions=0)
    added_and_removed(story, 2)
    folds = (Verdicts(story.pipeline), Monitor(story.pipeline))
    for fold in folds:
        for offset, record in story.log:
            fold.fold(offset, record)
    verdicts, monitor = folds
    before = [(one.model, one.version, one.champion) for one in monitor.report().models]
    story.write(*deleted(story.pipeline, story.learning))
    for fold in folds:
        fold.fold(*story.log[-1])
    assert verdicts.reigns.champion == ("logistic", 1)
    assert [(one.model, one.version, one.champion) for one in monitor.report().models] == before
