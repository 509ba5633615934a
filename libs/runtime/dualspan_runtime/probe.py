"""`python -m dualspan_runtime.probe HOST:PORT` exits with 0 when a gRPC server there says that it serves.

For container health checks; Kubernetes asks by itself. An engine starts one every few seconds for each container, so
this is the one question in plain sockets: with a gRPC library imported it takes four times as much of a core.
"""

import socket
import struct
import sys

_TIMEOUT_S = 3.0
# HTTP/2 (RFC 9113): the preface, a frame's header as length (3 bytes), type, flags and stream.
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _SETTINGS, _PING, _GOAWAY = 0x0, 0x1, 0x4, 0x6, 0x7
_END_STREAM, _ACK, _END_HEADERS = 0x1, 0x1, 0x4
_HEADER_BYTES = 9
_STREAM = 1
# What grpc.health.v1.HealthCheckResponse with the status SERVING is, after the five bytes before each message of gRPC.
_SERVING = b"\x08\x01"
_EMPTY_MESSAGE = b"\x00\x00\x00\x00\x00"
_REQUEST = {
    ":method": "POST",
    ":scheme": "http",
    ":path": "/grpc.health.v1.Health/Check",
    ":authority": "localhost",
    "content-type": "application/grpc",
    "te": "trailers",
}


def is_serving(address: str) -> bool:
    """Asks the standard health service, in plaintext, for the server as a whole."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), _TIMEOUT_S) as connection:
            connection.sendall(
                _PREFACE
                + _frame(_SETTINGS, 0, 0, b"")
                + _frame(_HEADERS, _END_HEADERS, _STREAM, b"".join(_field(*each) for each in _REQUEST.items()))
                + _frame(_DATA, _END_STREAM, _STREAM, _EMPTY_MESSAGE)
            )
            return _answer(connection)[len(_EMPTY_MESSAGE) :] == _SERVING
    except OSError:
        return False


def _answer(connection: socket.socket) -> bytes:
    """The one message of the answer, with what comes before it; empty if there is none."""
    found = b""
    while True:
        high, low, kind, flags, stream = struct.unpack(">BHBBI", _read(connection, _HEADER_BYTES))
        payload = _read(connection, (high << 16) + low)
        if kind == _SETTINGS and not flags & _ACK:
            connection.sendall(_frame(_SETTINGS, _ACK, 0, b""))
        elif kind == _PING and not flags & _ACK:
            connection.sendall(_frame(_PING, _ACK, 0, payload))
        elif kind == _DATA:
            found += payload
        if kind == _GOAWAY or (stream == _STREAM and kind in {_DATA, _HEADERS} and flags & _END_STREAM):
            return found


def _read(connection: socket.socket, size: int) -> bytes:
    """So many bytes.

    Raises:
        ConnectionError: It ended before.
    """
    found = b""
    while len(found) < size:
        piece = connection.recv(size - len(found))
        if not piece:
            raise ConnectionError("the server closed the connection")
        found += piece
    return found


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">BHBBI", len(payload) >> 16, len(payload) & 0xFFFF, kind, flags, stream) + payload


def _field(name: str, value: str) -> bytes:
    """A header as a literal that nobody keeps (RFC 7541, 6.2.2), name and value shorter than 127 bytes."""
    return b"\x00" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


if __name__ == "__main__":
    sys.exit(0 if is_serving(sys.argv[1]) else 1)
