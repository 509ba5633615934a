import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dualspan_edge.errors import DecodeError
from dualspan_edge.opcua.reverse import ReverseHello, parse_reverse_hello

PRINTABLE = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=100)


def encode(server_uri: bytes, endpoint_url: bytes) -> bytes:
    body = b"".join(struct.pack("<i", len(text)) + text for text in (server_uri, endpoint_url))
    return b"RHEF" + struct.pack("<I", 8 + len(body)) + body


@given(PRINTABLE, PRINTABLE, st.data())
def test_a_reverse_hello_is_read_whole_and_not_before(uri: str, path: str, data: st.DataObject) -> None:
    url = f"opc.tcp://{path}"
    message = encode(uri.encode(), url.encode())
    cut = data.draw(st.integers(0, len(message) - 1))
    assert parse_reverse_hello(message[:cut]) is None
    assert parse_reverse_hello(message) == ReverseHello(uri, url)
    with pytest.raises(DecodeError):
        parse_reverse_hello(message + b"x")


@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda body: encode(body[:50], b"opc.tcp://" + body[50:])))
@example(b"RHEF" + struct.pack("<I", 16) + struct.pack("<ii", -1, -1))
@example(b"RHEF" + struct.pack("<I", 2**31))
@example(b"RHEC" + struct.pack("<I", 16) + bytes(8))
@example(encode(b"urn:x", b"http://plc"))
@example(encode(b"urn:\xff", b"opc.tcp://plc"))
@example(encode(b"urn:\n", b"opc.tcp://plc"))
@example(encode(b"a" * 4097, b"opc.tcp://plc"))
@example(b"GET / HTTP/1.1\r\n")
def test_anything_else_is_incomplete_or_refused(received: bytes) -> None:
    try:
        hello = parse_reverse_hello(received)
    except DecodeError:
        return
    if hello is not None:
        assert hello.endpoint_url.startswith("opc.tcp://")
        assert hello.server_uri.isprintable()


def test_bytes_that_cannot_become_one_are_refused_at_once() -> None:
    for beginning in (b"G", b"RHX", b"HELF\x20\x00\x00\x00"):
        with pytest.raises(DecodeError):
            parse_reverse_hello(beginning)
