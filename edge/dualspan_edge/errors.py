"""What can go wrong in the gateway, each with words for the person who has to act."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dualspan_edge.trust import Judgement


class GatewayError(Exception):
    """Anything that the gateway itself raises. The text says what is wrong and what to do."""


class DecodeError(GatewayError):
    """A message of the OPC UA server that breaks the binary encoding (Part 6) or its own lengths."""


class BufferFullError(GatewayError):
    """The buffer has reached its limit, or its disk is full."""


class BufferCorruptError(GatewayError):
    """The buffer's file is not what the gateway wrote."""


class EnrolmentError(GatewayError):
    """The gateway could not enrol."""


class NotEnrolledError(GatewayError):
    """The data folder holds no identity."""


class UntrustedServerError(GatewayError):
    """The server's certificate is not trusted.

    Attributes:
        judgement: What is thought of it, and why.
        presented: The chain that the server showed, DER, cut where it is too long.
    """

    def __init__(self, judgement: "Judgement", presented: bytes) -> None:
        super().__init__(judgement.words)
        self.judgement = judgement
        self.presented = presented


class ServerRefusedError(GatewayError):
    """The server cannot be used as it is configured."""


class ServiceRefusedError(GatewayError):
    """The server refused a whole call.

    Attributes:
        code: The OPC UA status code that it gave.
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"the server refused the call with the status code 0x{code:08X}")
        self.code = code
