"""Keys lie where Java's client puts them, and what put them elsewhere is recognised."""

from __future__ import annotations

import zlib

import pytest
from aiokafka.partitioner import murmur2 as aiokafka_murmur2
from hypothesis import given
from hypothesis import strategies as st

from streams.partitioner import murmur2, partition_of, place

# Kafka's own test of Utils.murmur2, signed as Java prints them.
JAVA = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}

KEYS = [f"UA{number}".encode() for number in range(200)]


@pytest.mark.parametrize("key", JAVA)
def test_hash_is_that_of_java(key: bytes) -> None:
    assert murmur2(key) == JAVA[key] % 2**32


@given(st.binary(max_size=64))
def test_hash_is_that_of_aiokafka(key: bytes) -> None:
    assert murmur2(key) == aiokafka_murmur2(key) % 2**32


def test_sample_placed_by_murmur2_is_right() -> None:
    placement = place([(key, partition_of(key, 4)) for key in KEYS], 4)
    assert placement.right
    assert placement.cause == ""


def test_sample_placed_by_crc32_is_put_down_to_librdkafka() -> None:
    placement = place([(key, zlib.crc32(key) % 4) for key in KEYS], 4)
    assert not placement.right
    assert "CRC32" in placement.cause


def test_sample_without_keys_is_put_down_to_absent_keys() -> None:
    placement = place([(None, number % 4) for number in range(40)], 4)
    assert placement.keyless == 40
    assert "without a key" in placement.cause


def test_one_stray_producer_among_many_is_told_from_a_wrong_rule() -> None:
    samples = [(key, partition_of(key, 4)) for key in KEYS]
    samples[0] = (KEYS[0], (samples[0][1] + 1) % 4)
    assert "one producer of several" in place(samples, 4).cause


def test_sample_from_another_partition_count_is_not_put_down_to_a_library() -> None:
    placement = place([(key, partition_of(key, 7) % 4) for key in KEYS], 4)
    assert "rule of its own" in placement.cause


def test_nothing_is_wrong_with_no_records() -> None:
    assert place([], 4).right
