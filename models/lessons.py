"""Lessons: the labelled examples of a range of the learning log, decoded as far as training needs them."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from models.pipeline import Pipeline, label_of
from schemas.values import FeatureValue, LabelValue


class Lesson(msgspec.Struct, frozen=True, gc=False):
    """What training needs of a record of the learning log; everything else is skipped when it is decoded."""

    kind: str
    status: str = ""
    label: LabelValue | None = None
    features: dict[str, FeatureValue] = {}


#: A record of the learning log as far as training needs it.
lesson_of = msgspec.json.Decoder(Lesson).decode

#: One labelled example: where it lies, features, label.
Labelled = tuple[int, dict[str, FeatureValue], LabelValue]


def labelled(pipeline: Pipeline, records: Iterable[tuple[int, bytes]], position: int) -> tuple[list[Labelled], int]:
    """The labelled examples among records of the log, offset and value, from a position on; and the position behind."""
    default, found = pipeline.label.default, []
    for offset, value in records:
        if offset < position:
            continue
        position = offset + 1
        lesson = lesson_of(value)
        known = default if lesson.label is None and lesson.status == "expired" else lesson.label
        if lesson.kind == "example" and known is not None:
            found.append((offset, lesson.features, label_of(pipeline, known)))
    return found, position
