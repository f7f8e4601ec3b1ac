"""``models``: checkpoints in chunks, so that a worker starts without folding the whole log."""

from __future__ import annotations

from schemas.values import Record, Time


class Manifest(Record, frozen=True, kw_only=True):
    """What a checkpoint is, and how to know that it is whole and ours.

    The chunks lie under the keys ``<slot>/0`` ... ``<slot>/<chunks - 1>`` as raw bytes; the manifest under
    ``<slot>``.

    Parameters
    ----------
    slot
        The place it is kept in. Two slots take turns, so that the one before survives a bad one.
    position
        The state is the fold over the learning log up to and without this position.
    chunks, size_bytes, sha256
        Of the content.
    signature
        HMAC-SHA256, hexadecimal, over slot, position, chunks, size, content digest and library versions. Checked
        before the content is unpickled.
    libraries
        Name to version of what is needed to load it.
    """

    slot: str
    position: int
    chunks: int
    size_bytes: int
    sha256: str
    signature: str
    created: Time
    libraries: dict[str, str]
