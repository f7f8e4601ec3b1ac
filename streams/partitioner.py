"""Which partition a key belongs to: Java's murmur2, and how to recognise what went in by another rule.

Events and feedback must lie in partitions of the same number, so every producer has to place keys alike.
Java's client, kafka-python and aiokafka use murmur2 by default; librdkafka, and with it kcat and
confluent-kafka, uses CRC32 unless ``partitioner=murmur2_random`` is set.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass

_MIX = 0x5BD1E995
_SEED = 0x9747B28C
_WORD = 0xFFFFFFFF

#: Of the keys looked at, the share that has to lie where a rule puts them for that rule to be called theirs.
#: One stray producer among many leaves most keys right, and with two partitions chance alone explains a half.
SAME_RULE_SHARE_MIN = 0.9


def murmur2(data: bytes) -> int:
    """The 32-bit hash of Kafka's Java client.

    Source: Austin Appleby's MurmurHash2, with the seed that Kafka uses.
    """
    length = len(data)
    state = _SEED ^ length
    whole = length & ~3
    for start in range(0, whole, 4):
        word = int.from_bytes(data[start : start + 4], "little") * _MIX & _WORD
        word = (word ^ word >> 24) * _MIX & _WORD
        state = state * _MIX & _WORD ^ word
    if length > whole:
        state = (state ^ int.from_bytes(data[whole:], "little")) * _MIX & _WORD
    state = (state ^ state >> 13) * _MIX & _WORD
    return state ^ state >> 15


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key where murmur2 decides."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def crc32_partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key where librdkafka's default decides."""
    return zlib.crc32(key) % partitions


@dataclass(frozen=True, slots=True)
class Placement:
    """How a sample of records lies in its partitions.

    Parameters
    ----------
    records, keyless
        How many were looked at, and how many of them have no key.
    murmur2, crc32
        How many of those with a key lie where each rule puts them.
    """

    records: int
    keyless: int
    murmur2: int
    crc32: int

    @property
    def right(self) -> bool:
        """Whether every record has a key and lies where murmur2 puts it."""
        return self.keyless == 0 and self.murmur2 == self.records

    @property
    def cause(self) -> str:
        """What most likely put them elsewhere, in words; empty if nothing is wrong."""
        if self.right:
            return ""
        keyed = self.records - self.keyless
        if self.keyless:
            return "a producer sends records without a key, so they are spread at random"
        if self.crc32 >= SAME_RULE_SHARE_MIN * keyed:
            return "a producer places keys by CRC32, the default of librdkafka (confluent-kafka, kcat)"
        if self.murmur2 >= SAME_RULE_SHARE_MIN * keyed:
            return "one producer of several places keys by another rule than murmur2"
        return "a producer chooses partitions by a rule of its own, or the partition count was changed"


def place(samples: Iterable[tuple[bytes | None, int]], partitions: int) -> Placement:
    """Judge where records lie.

    Parameters
    ----------
    samples
        Key and partition of each record.
    partitions
        How many partitions their topic has.
    """
    records = keyless = by_murmur2 = by_crc32 = 0
    for key, partition in samples:
        records += 1
        if key is None:
            keyless += 1
            continue
        by_murmur2 += partition_of(key, partitions) == partition
        by_crc32 += crc32_partition_of(key, partitions) == partition
    return Placement(records, keyless, by_murmur2, by_crc32)
