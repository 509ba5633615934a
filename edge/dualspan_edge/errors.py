"""What can go wrong in the gateway, each with words for the person who has to act."""


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
    """The server shows a certificate that nobody approved.

    Attributes:
        certificate: The certificate, DER.
    """

    def __init__(self, message: str, certificate: bytes) -> None:
        super().__init__(message)
        self.certificate = certificate


class ServerRefusedError(GatewayError):
    """The server cannot be used as it is configured."""
