"""Checkpoints on the topic ``models``: in chunks, hashed, signed, and verified before anyone unpickles them.

The steps of a checkpoint, all in the transaction of one batch:

1. The chunks, under ``<slot>/0`` ... ``<slot>/<n - 1>``.
2. The manifest, under ``<slot>``: position, digest of the content, signature.

Slots take turns, two at least, so a checkpoint that can't be used leaves the one before.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from string import ascii_lowercase
from tempfile import NamedTemporaryFile
from typing import TypeVar

from schemas.codec import decode, encode
from schemas.errors import BadRecord, CheckpointRefused
from schemas.models import Manifest
from streams.batches import Outgoing
from streams.log import LogReader
from streams.settings import Settings
from streams.topology import Topology

logger = logging.getLogger(__name__)

Content = TypeVar("Content")

#: What the names of the slots begin with that take turns; trained states have slots of their own.
TURNS = "checkpoint-"


def slots(count: int) -> tuple[str, ...]:
    """The slots that so many checkpoints take turns in, 26 at most."""
    return tuple(TURNS + letter for letter in ascii_lowercase[:count])


SLOTS = slots(2)

#: Kafka's default bound on a record is 1 MiB, headers included.
CHUNK_BYTES = 768 * 1024


def signing_key(settings: Settings) -> bytes:
    """The key that signs checkpoints: the setting, else a random one kept in the data folder.

    Workers on several machines need the same one in ``HEADRACE_CHECKPOINT_KEY``.
    """
    given = settings.checkpoint_key.get_secret_value()
    if given:
        return given.encode()
    path = settings.data / "checkpoint.key"
    if not path.exists():
        settings.data.mkdir(parents=True, exist_ok=True)
        # Two workers may start at once: whoever links first has made the key, and nobody reads half of one.
        with NamedTemporaryFile("w", dir=settings.data, prefix=".key-") as draft:
            draft.write(secrets.token_hex(32))
            draft.flush()
            with suppress(FileExistsError):
                path.hardlink_to(draft.name)
    return path.read_text().strip().encode()


class Checkpoints:
    """Writes and reads the checkpoints of one pipeline.

    Parameters
    ----------
    settings, topology
        Where the topic is.
    libraries
        Name to version of what is needed to load a checkpoint; another minor version refuses it.
    """

    def __init__(self, settings: Settings, topology: Topology, libraries: Mapping[str, str]) -> None:
        self._settings = settings
        self._topology = topology
        self._libraries = dict(libraries)
        self._key = signing_key(settings)
        #: Why some were refused when the newest was asked for.
        self.refused: list[str] = []

    def write(self, slot: str, position: int, content: bytes, created: datetime) -> list[Outgoing]:
        """The records of a checkpoint."""
        chunks = [content[start : start + CHUNK_BYTES] for start in range(0, len(content), CHUNK_BYTES)]
        manifest = Manifest(
            slot=slot,
            position=position,
            chunks=len(chunks),
            size_bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            signature="",
            created=created,
            libraries=self._libraries,
        )
        signed = Manifest(
            **{name: getattr(manifest, name) for name in manifest.__struct_fields__ if name != "signature"},
            signature=self._sign(manifest),
        )
        records = [
            Outgoing("models", 0, f"{slot}/{number}".encode(), chunk, None) for number, chunk in enumerate(chunks)
        ]
        return [*records, Outgoing("models", 0, slot.encode(), encode(signed), None)]

    def newest(self, load: Callable[[bytes], Content]) -> tuple[Manifest, Content] | None:
        """The newest checkpoint that is whole, ours, and loads; ``None`` if there is none.

        Parameters
        ----------
        load
            Makes something of the verified content. What it raises refuses the checkpoint.
        """
        records = self._records()
        self.refused = []
        manifests = []
        for slot, value in records.items():
            if slot.startswith(TURNS) and slot == _slot(slot):
                try:
                    manifests.append(decode(Manifest, value))
                except BadRecord as error:
                    self._refuse(f"checkpoint {slot} is refused: {error}")
        for manifest in sorted(manifests, key=lambda manifest: manifest.position, reverse=True):
            try:
                return manifest, load(self.verified(manifest, records))
            except CheckpointRefused as error:
                self._refuse(f"checkpoint at {manifest.position} is refused: {error}")
        return None

    def _refuse(self, reason: str) -> None:
        logger.warning("%s", reason)
        self.refused.append(reason)

    def kept(self, slot: str, position: int) -> bytes:
        """What lies under a slot of its own.

        Raises
        ------
        CheckpointRefused
            If there is nothing of this position, or it is not whole and ours.
        """
        records = self._records()
        if slot not in records:
            raise CheckpointRefused("there is none")
        try:
            manifest = decode(Manifest, records[slot])
        except BadRecord as error:
            raise CheckpointRefused(str(error)) from error
        if (manifest.slot, manifest.position) != (slot, position):
            raise CheckpointRefused(f"it is {manifest.slot} of position {manifest.position}")
        return self.verified(manifest, records)

    def erased(self, unwanted: Callable[[str], bool]) -> list[Outgoing]:
        """The records that delete what lies under slots.

        Parameters
        ----------
        unwanted
            Tells of a slot whether nobody needs it any more.
        """
        keys = [key for key in self._records() if unwanted(_slot(key))]
        return [Outgoing("models", 0, key.encode(), None, None) for key in keys]

    def verified(self, manifest: Manifest, records: Mapping[str, bytes]) -> bytes:
        """The content of a checkpoint.

        Raises
        ------
        CheckpointRefused
            If it is signed with another key, incomplete or altered, or was written with other libraries. Nothing
            of it has been unpickled then.
        """
        # As bytes: a text that is not ASCII would raise an error instead of being refused.
        if not hmac.compare_digest(manifest.signature.encode(), self._sign(manifest).encode()):
            raise CheckpointRefused("it is signed with another key; give all workers the same HEADRACE_CHECKPOINT_KEY")
        if _minor(manifest.libraries) != _minor(self._libraries):
            raise CheckpointRefused(f"it was written with {manifest.libraries}, here are {self._libraries}")
        chunks = [records.get(f"{manifest.slot}/{number}") for number in range(manifest.chunks)]
        content = b"".join(chunk for chunk in chunks if chunk is not None)
        if hashlib.sha256(content).hexdigest() != manifest.sha256:
            raise CheckpointRefused("its content is incomplete or altered")
        return content

    def _sign(self, manifest: Manifest) -> str:
        libraries = ",".join(f"{name}={version}" for name, version in sorted(manifest.libraries.items()))
        size = f"{manifest.chunks}|{manifest.size_bytes}"
        message = f"{self._topology.pipeline}|{manifest.slot}|{manifest.position}|{size}|{manifest.sha256}|{libraries}"
        return hmac.new(self._key, message.encode(), hashlib.sha256).hexdigest()

    def _records(self) -> dict[str, bytes]:
        """The newest value under each key. Chunks of an older checkpoint may be among them; digests tell."""
        values: dict[str, bytes] = {}
        with LogReader(self._settings, self._topology.name("models"), 0, 0) as reader:
            for record in reader.to_end():
                key = (record.key or b"").decode("utf-8", "replace")
                if record.value is None:
                    values.pop(key, None)
                else:
                    values[key] = record.value
        return values


def _slot(key: str) -> str:
    """The slot of a record: chunks have a number behind it."""
    slot, _, number = key.rpartition("/")
    return slot if slot and number.isdecimal() else key


def _minor(versions: Mapping[str, str]) -> dict[str, str]:
    return {name: ".".join(version.split(".")[:2]) for name, version in versions.items()}
