"""What can be wrong with a frame that somebody sent."""

CORRUPT_BLOCK = "CORRUPT_BLOCK"
"""The bytes are not what the message says they are."""

TOO_LARGE = "TOO_LARGE"
"""The frame would decode to more than the reader's limits allow."""


class FrameError(ValueError):
    """A frame or column cannot be decoded.

    Attributes:
        reason: A stable word, `CORRUPT_BLOCK` or `TOO_LARGE`.
        detail: What is wrong and where, for people.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
