"""The folds of a worker over the learning log: each begins with it, or goes on from what a checkpoint has of it."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol, TypeVar

from schemas.errors import CheckpointRefused

logger = logging.getLogger(__name__)


class Fold(Protocol):
    """What goes through the learning log, record by record, and can be written down on the way.

    Attributes
    ----------
    layout
        Of what :meth:`state` gives. The number goes up whenever an older state would no longer do, as when a class in
        it has got another attribute.
    position
        Up to where in the log it has folded.
    """

    layout: ClassVar[int]

    @property
    def position(self) -> int: ...

    def state(self) -> dict[str, Any]: ...

    def restore(self, state: dict[str, Any]) -> None: ...


F = TypeVar("F", bound=Fold)


class Folds(dict[str, Fold]):
    """Folds by the name under which checkpoints know them.

    Parameters
    ----------
    kept
        What :meth:`state` gave; empty: nothing.
    """

    def __init__(self, kept: Mapping[str, Any]) -> None:
        super().__init__()
        self._kept = kept

    def begin(self, name: str, make: Callable[[], F]) -> F:
        """A fold that goes on from what is kept of it.

        Where that is nothing, of another layout, or does not load here, it is as ``make`` gives it: it folds the log
        from its beginning.
        """
        fold = make()
        if name in self._kept:
            try:
                layout, state = pickle.loads(self._kept[name])  # the signature has been verified
                if layout != fold.layout:
                    raise CheckpointRefused(f"it has layout {layout}, here is {fold.layout}")
                fold.restore(state)
            except Exception as error:  # a class may have moved, a library may be missing
                logger.warning("%s of the checkpoint is of no use, it is folded from the log: %r", name, error)
                fold = make()
        self[name] = fold
        return fold

    @property
    def position(self) -> int:
        """Up to where in the log all of them have come."""
        return min(fold.position for fold in self.values())

    def state(self) -> dict[str, bytes]:
        """What they have come to. Each is pickled by itself, so that one that does not load spoils no other."""
        return {name: pickle.dumps((fold.layout, fold.state()), protocol=5) for name, fold in self.items()}


def opened(content: bytes) -> dict[str, Any]:
    """What a verified checkpoint keeps of each fold.

    Raises
    ------
    CheckpointRefused
        If it does not load here.
    """
    try:
        kept = pickle.loads(content)
    except Exception as error:
        raise CheckpointRefused(f"it does not load here: {error!r}") from error
    assert isinstance(kept, dict)
    return kept
