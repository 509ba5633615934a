"""Mutated notifications: whatever comes, the decoder returns or raises its one error, quickly and in little memory."""

import random
import time
import tracemalloc

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from unit.edge.notifications import data_change, encode_response, item_lists

from dualspan_edge.decoder import DecodeError, decode_publish_response

SECONDS = 8.0
_LARGEST_GROWTH = 64


def _corpus(size: int) -> list[bytes]:
    """Valid messages of many shapes."""
    bodies: list[bytes] = []

    @settings(
        max_examples=size,
        database=None,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.nested_given],
    )
    @given(item_lists())
    def collect(items: list[object]) -> None:
        bodies.append(encode_response([data_change(items)]))  # pyright: ignore[reportArgumentType]

    collect()
    return bodies


def _mutated(body: bytes, chance: random.Random) -> bytes:
    octets = bytearray(body)
    for _ in range(chance.choice([1, 1, 2, 5])):
        position = chance.randrange(len(octets))
        match chance.randrange(6):
            case 0:
                octets[position] ^= 1 << chance.randrange(8)
            case 1:
                octets[position] = chance.randrange(256)
            case 2:
                lie = chance.choice([0, 1, 2**31 - 1, 2**32 - 1, 2**16, len(octets)])
                octets[position : position + 4] = lie.to_bytes(4, "little")
            case 3:
                del octets[position : position + chance.randrange(1, 9)]
            case 4:
                octets[position:position] = chance.randbytes(chance.randrange(1, 9))
            case _:
                del octets[position:]
        if not octets:
            break
    return bytes(octets)


@pytest.mark.timeout(60)
def test_mutated_messages_do_no_harm() -> None:
    chance = random.Random(20261122)
    corpus = _corpus(60)
    rounds = refused = 0
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        body = _mutated(chance.choice(corpus), chance)
        rounds += 1
        try:
            response = decode_publish_response(body)
        except DecodeError:
            refused += 1
            continue
        for change in response.data_changes:
            assert sum(len(run) for run in change.runs) == change.count
    assert refused > rounds / 10
    assert rounds > 200


def test_memory_is_bounded_by_the_message() -> None:
    chance = random.Random(7)
    corpus = _corpus(30)
    for _ in range(300):
        body = _mutated(chance.choice(corpus), chance)
        tracemalloc.start()
        try:
            decode_publish_response(body)
        except DecodeError:
            pass
        finally:
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert peak < 200_000 + _LARGEST_GROWTH * len(body)
