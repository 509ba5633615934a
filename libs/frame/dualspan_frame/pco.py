"""pcodec, typed, with our errors: numbers to its standalone format and back."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pcodec import ChunkConfig, DeltaSpec, ModeSpec, standalone  # pyright: ignore  # compiled, without types

from dualspan_frame.errors import CORRUPT_BLOCK, FrameError


def compress(numbers: NDArray[Any], level: int, delta: int | None) -> bytes:
    """Compress a contiguous array of shape (n,); `delta` is the order of differences, None to search for it."""
    if delta is None:
        config = ChunkConfig(compression_level=level, enable_8_bit=True)
    else:
        # Whoever knows the differences has integers that are no multiple of anything: no search for that either.
        config = ChunkConfig(
            compression_level=level,
            enable_8_bit=True,
            mode_spec=ModeSpec.classic(),
            delta_spec=DeltaSpec.try_consecutive(delta) if delta else DeltaSpec.no_op(),
        )
    return standalone.simple_compress(numbers, config)


def decompress(data: bytes, dtype: np.dtype[Any], count: int) -> NDArray[Any]:
    """Decompress exactly `count` numbers; raises `FrameError` (`CORRUPT_BLOCK`) for anything else."""
    numbers = np.empty(count, dtype)
    try:
        progress = standalone.simple_decompress_into(data, numbers)
    except (RuntimeError, TypeError) as err:
        raise FrameError(CORRUPT_BLOCK, str(err)) from err
    if progress.n_processed != count or not progress.finished:
        raise FrameError(CORRUPT_BLOCK, f"pcodec: not the {count} numbers that were announced")
    return numbers
