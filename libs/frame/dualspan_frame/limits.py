"""How much a frame may decode to, and the account that is kept of it."""

from dataclasses import dataclass

from dualspan_frame.errors import TOO_LARGE, FrameError


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """The most that one call may decode.

    Compressed columns can claim far more than they carry, so every allocation is paid for from these
    limits before it is made.

    Attributes:
        max_samples: Samples over all blocks of a frame, or values of a column.
        max_bytes: Decoded bytes over all columns, text and bytes included.
    """

    max_samples: int = 2_097_152
    max_bytes: int = 268_435_456


class Budget:
    """What is left of the limits while one frame is decoded."""

    def __init__(self, limits: DecodeLimits) -> None:
        self._samples = limits.max_samples
        self._bytes = limits.max_bytes

    @property
    def bytes_left(self) -> int:
        """How many more bytes may be decoded."""
        return self._bytes

    def spend_samples(self, count: int) -> None:
        """Take `count` samples; raises `FrameError` (`TOO_LARGE`) when there are not so many left."""
        if count > self._samples:
            raise FrameError(TOO_LARGE, f"{count} samples where at most {self._samples} more are allowed")
        self._samples -= count

    def spend_bytes(self, size: int) -> None:
        """Take `size` bytes; raises `FrameError` (`TOO_LARGE`) when there are not so many left."""
        if size > self._bytes:
            raise FrameError(TOO_LARGE, f"{size} decoded bytes where at most {self._bytes} more are allowed")
        self._bytes -= size
