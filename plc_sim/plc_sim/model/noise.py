"""Counter-based noise: a number for every (key, counter), without a sequence behind it.

SplitMix64's finaliser (Steele, Lea, Flood 2014) is a good hash of 64 bits and costs a few NumPy operations.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

_GOLDEN = np.uint64(0x9E37_79B9_7F4A_7C15)
_MIX_1 = np.uint64(0xBF58_476D_1CE4_E5B9)
_MIX_2 = np.uint64(0x94D0_49BB_1331_11EB)
_S30, _S27, _S31, _S11 = (np.uint64(n) for n in (30, 27, 31, 11))
_LOW = np.uint64(0xFFFF)


def key_of(seed: int, *names: str) -> int:
    """A 64-bit key from a seed and names."""
    text = "\x1f".join([str(seed), *names])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def hash64(key: int, counter: NDArray[np.int64]) -> NDArray[np.uint64]:
    """uint64[n]: a hash of key and counter."""
    z = counter.astype(np.uint64) * _GOLDEN + np.uint64(key)
    z = (z ^ (z >> _S30)) * _MIX_1
    z = (z ^ (z >> _S27)) * _MIX_2
    return z ^ (z >> _S31)


def uniform(key: int, counter: NDArray[np.int64]) -> NDArray[np.float64]:
    """float64[n], evenly spread over [0, 1)."""
    return (hash64(key, counter) >> _S11).astype(np.float64) * (1.0 / (1 << 53))


def normal(key: int, counter: NDArray[np.int64]) -> NDArray[np.float64]:
    """float64[n], about normal with mean 0 and deviation 1, and never beyond ±3.47: the sum of four uniforms."""
    bits = hash64(key, counter)
    total = (bits & _LOW).astype(np.float64)
    for shift in (16, 32, 48):
        total += ((bits >> np.uint64(shift)) & _LOW).astype(np.float64)
    return (total / 65536.0 - 2.0) * 1.7320508


def smooth(key: int, time_us: NDArray[np.int64], period_us: int) -> NDArray[np.float64]:
    """float64[n] in about ±3.47: noise that wanders from knot to knot, one knot per period, cosine between."""
    knot = time_us // period_us
    phase = (time_us - knot * period_us) / period_us
    weight = 0.5 - 0.5 * np.cos(np.pi * phase)
    here = normal(key, knot)
    return here + (normal(key, knot + 1) - here) * weight
