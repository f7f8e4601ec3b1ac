"""Events that are remembered until their label has come, and for a while longer: small, and in order of arrival."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from schemas.predictions import Prediction, Said
from schemas.values import FeatureValue

#: Distinct lists of feature names, and of models, whose names are kept once; beyond it each event keeps its own.
SHAPES_MAX = 1000

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(tuple[int, int, datetime, datetime, int, int, list[Any], list[Any]]).decode


class Served(NamedTuple):
    """What was served for one event.

    Parameters
    ----------
    time
        Event time.
    due
        Until when, in event time, its label is waited for.
    features, said, position, served
        As in :class:`~schemas.examples.Example`.
    """

    time: datetime
    due: datetime
    features: dict[str, FeatureValue]
    said: list[Said]
    position: int
    served: int = 0


def served_by(prediction: Prediction, features: dict[str, FeatureValue]) -> Served:
    """What a prediction record tells about what was served."""
    return Served(
        time=prediction.time,
        due=prediction.due,
        features=features,
        said=prediction.said,
        position=prediction.position,
        served=prediction.served,
    )


class Shapes:
    """Numbers for tuples of names that recur, so that each is kept once."""

    def __init__(self) -> None:
        self._number: dict[tuple[Any, ...], int] = {}
        self._shapes: list[tuple[Any, ...]] = []

    def number(self, shape: tuple[Any, ...]) -> int:
        """The number of a shape; -1 if there are too many to keep."""
        found = self._number.get(shape)
        if found is None:
            if len(self._shapes) >= SHAPES_MAX:
                return -1
            found = self._number[shape] = len(self._shapes)
            self._shapes.append(shape)
        return found

    def shape(self, number: int) -> tuple[Any, ...]:
        """The shape of a number."""
        return self._shapes[number]


class Packing:
    """Turns what was served into few bytes and back, exactly.

    A million events with eight features wait in about 250 MB so; as Python objects they take ten times that.
    """

    def __init__(self) -> None:
        self._names = Shapes()
        self._casts = Shapes()

    def pack(self, served: Served) -> bytes:
        """Few bytes."""
        names = self._names.number(tuple(served.features))
        cast = self._casts.number(tuple([(said.model, said.version) for said in served.said]))
        values = list(served.features.values()) if names >= 0 else list(served.features.items())
        scores = (
            [said.score for said in served.said]
            if cast >= 0
            else [(said.model, said.version, said.score) for said in served.said]
        )
        return _pack((names, cast, served.time, served.due, served.position, served.served, scores, values))

    def unpack(self, packed: bytes) -> Served:
        """What was packed."""
        names, cast, time, due, position, place, scores, values = _unpack(packed)
        features = dict(zip(self._names.shape(names), values, strict=True) if names >= 0 else values)
        said = (
            [
                Said(model=model, version=version, score=score)
                for (model, version), score in zip(self._casts.shape(cast), scores, strict=True)
            ]
            if cast >= 0
            else [Said(model=model, version=version, score=score) for model, version, score in scores]
        )
        return Served(time=time, due=due, features=features, said=said, position=position, served=place)


class Waiting:
    """Packed events by id, in order of arrival, which is also the order of ``due``."""

    def __init__(self, packing: Packing) -> None:
        self._packing = packing
        self._packed: dict[str, bytes] = {}

    def __len__(self) -> int:
        return len(self._packed)

    def __contains__(self, id: str) -> bool:
        return id in self._packed

    def add(self, id: str, served: Served) -> None:
        """Remember an event."""
        self._packed[id] = self._packing.pack(served)

    def move(self, id: str, to: Waiting) -> Served:
        """What was served for an id; from now on it is remembered there."""
        packed = to._packed[id] = self._packed.pop(id)
        return self._packing.unpack(packed)

    def get(self, id: str) -> Served:
        """What was served for an id."""
        return self._packing.unpack(self._packed[id])

    def pop(self, id: str) -> Served:
        """The same, and forget it."""
        return self._packing.unpack(self._packed.pop(id))

    def until(self, time: datetime) -> Iterator[tuple[str, Served]]:
        """Those with ``due`` before ``time``, oldest first."""
        for id, packed in self._packed.items():
            served = self._packing.unpack(packed)
            if served.due >= time:
                return
            yield id, served

    def pop_oldest(self) -> tuple[str, Served]:
        """The one that came first, and forget it."""
        id = next(iter(self._packed))
        return id, self.pop(id)

    def oldest(self) -> tuple[str, Served] | None:
        """The one that came first."""
        for id, packed in self._packed.items():
            return id, self._packing.unpack(packed)
        return None
