"""The fingerprint of a set of labels: what makes two alerts one."""

from __future__ import annotations

_OFFSET, _PRIME, _MASK = 0xCBF29CE484222325, 0x100000001B3, 0xFFFFFFFFFFFFFFFF
_SEPARATOR = b"\xff"


def fingerprint(labels: dict[str, str]) -> str:
    """Sixteen hexadecimal digits, the same that Alertmanager gives to these labels.

    It is FNV-1a of 64 bits over the sorted names and values, each followed by the byte 255.

    >>> fingerprint({})
    'cbf29ce484222325'
    >>> fingerprint({"b": "2", "a": "1"}) == fingerprint({"a": "1", "b": "2"})
    True

    Source
    ------
    ``LabelSet.Fingerprint`` of ``github.com/prometheus/common/model``; Fowler, Noll, Vo (1991).
    """
    digest = _OFFSET
    for name in sorted(labels):
        for byte in name.encode() + _SEPARATOR + labels[name].encode() + _SEPARATOR:
            digest = (digest ^ byte) * _PRIME & _MASK
    return f"{digest:016x}"
