"""Shares of the traffic: whom each challenger serves, the same on every worker and for as long as its share stays."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from models.outcomes import Key
from schemas.examples import Control
from schemas.predictions import Said

#: Slots that entities fall into; a share is a number of them.
SLOTS = 10_000

#: Bytes of the hash: of 64 bits, no slot is larger than another by more than a part in 10 ** 15.
_BYTES = 8


def slots_of(share: float) -> int:
    """How many slots a share is."""
    return round(share * SLOTS)


def entity_of(key: bytes | None, id: str) -> bytes:
    """Who an event is about: its key; without one it stands for itself."""
    return key or id.encode()


class Shares:
    """The slots of each challenger; all others are the champion's.

    An entity falls into a slot by a hash of its key. A share that grows takes free slots, one that shrinks gives back
    those that it took last, and none takes another's. So an entity changes sides only by a control record about the
    challenger that it comes from or goes to, and not to and fro while a share grows. The hash is salted with
    the position at which the first of the shares began: once all have ended, the next experiment draws anew.

    Attributes
    ----------
    salt
        Position of the control record that the present experiment began with.
    """

    def __init__(self) -> None:
        self.salt = 0
        self._slots: dict[Key, list[int]] = {}
        self._served: dict[int, Key] = {}
        self._hash: Any = None

    def __bool__(self) -> bool:
        return bool(self._slots)

    @property
    def free(self) -> float:
        """The champion's share."""
        return (SLOTS - len(self._served)) / SLOTS

    def share(self, key: Key) -> float:
        """The share of a challenger; 0 if it has none."""
        return len(self._slots.get(key, ())) / SLOTS

    def follow(self, offset: int, control: Control, *, able: bool = True) -> None:
        """A control record takes effect.

        Parameters
        ----------
        able
            Whether it is about a challenger that is active; nobody else is given a share.
        """
        key = control.model, control.version
        if control.action == "shared" and able:
            self._give(key, slots_of(control.share), offset)
        elif control.action != "added":
            # The champion needs none, and who has left serves nobody.
            self._give(key, 0, offset)

    def _give(self, key: Key, wanted: int, offset: int) -> None:
        if wanted and not self._slots:
            self.salt, self._hash = offset, None
        own = self._slots.setdefault(key, [])
        while len(own) > wanted:
            del self._served[own.pop()]
        if len(own) < wanted:
            free = [slot for slot in range(SLOTS) if slot not in self._served]
            taken = free[: wanted - len(own)]
            own += taken
            self._served |= dict.fromkeys(taken, key)
        if not own:
            del self._slots[key]

    def slot(self, entity: bytes) -> int:
        """The slot of an entity."""
        if self._hash is None:
            self._hash = blake2b(b"%d/" % self.salt, digest_size=_BYTES)
        # To copy what the salt has brought about is faster than to begin anew.
        own = self._hash.copy()
        own.update(entity)
        return int.from_bytes(own.digest(), "big") * SLOTS >> 8 * _BYTES

    def side(self, entity: bytes) -> Key | None:
        """The challenger that serves an entity; ``None``: the champion."""
        return self._served.get(self.slot(entity))

    def place(self, said: Sequence[Said], entity: bytes) -> int:
        """Which of what was said is served; the champion's, which is first, where the challenger has no answer."""
        key = self._served.get(self.slot(entity))
        if key is not None:
            for place, one in enumerate(said):
                if (one.model, one.version) == key:
                    return place
        return 0

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_hash": None}
