"""Reading OPC UA binary (Part 6, 5.2) piece by piece, for answers that are too many for a decoder of objects.

Every piece is checked against what is there before it is read, no claimed length allocates anything, and texts and
arrays have an end that is ours: what is behind it is passed over. Texts that are no UTF-8 are repaired and counted.
"""

import struct
from typing import NamedTuple

from dualspan_edge.decoder.wire import FIXED_SIZES, advance, read_count, skip_built_in, skip_bytes
from dualspan_edge.errors import DecodeError

MAX_NAME_BYTES = 1000
MAX_TEXT_BYTES = 4000
MAX_ELEMENTS = 500
# Of a text in an array: names of states, as a rule.
MAX_ELEMENT_BYTES = 200
_ARRAY_BIT, _DIMENSIONS_BIT, _TYPE_BITS = 0x80, 0x40, 0x3F

_numeric_key = struct.Struct("<BHI").pack
_int32 = struct.Struct("<i").unpack_from
_uint16 = struct.Struct("<H").unpack_from
_uint32 = struct.Struct("<I").unpack_from
# Boolean … Double and DateTime, StatusCode.
_SCALARS = {
    1: struct.Struct("<?"),
    2: struct.Struct("<b"),
    3: struct.Struct("<B"),
    4: struct.Struct("<h"),
    5: struct.Struct("<H"),
    6: struct.Struct("<i"),
    7: struct.Struct("<I"),
    8: struct.Struct("<q"),
    9: struct.Struct("<Q"),
    10: struct.Struct("<f"),
    11: struct.Struct("<d"),
    13: struct.Struct("<q"),
    19: struct.Struct("<I"),
}


class NodeKey(bytes):
    """A NodeId as it is sent, numeric ones always in their longest form: equal keys are equal nodes."""

    __slots__ = ()


class Name(NamedTuple):
    """A QualifiedName."""

    namespace: int
    text: str


class Extension(NamedTuple):
    """An ExtensionObject with a binary body: the NodeId of its encoding, and the body."""

    encoding: NodeKey
    body: bytes


class ForeignNode(NamedTuple):
    """Where an ExpandedNodeId leads beyond a namespace index of this server."""

    namespace_uri: str
    server_index: int


def numeric_key(namespace: int, identifier: int) -> NodeKey:
    """The key of a numeric NodeId."""
    return NodeKey(_numeric_key(2, namespace, identifier))


class Cursor:
    """A position in a message.

    Attributes:
        position: Where the next piece begins.
        repaired: Texts that were no UTF-8 so far.
    """

    __slots__ = ("_body", "_end", "position", "repaired")

    def __init__(self, body: bytes, position: int, end: int) -> None:
        self._body = body
        self._end = end
        self.position = position
        self.repaired = 0

    def byte(self) -> int:
        """A Byte."""
        position = self.position
        if position >= self._end:
            raise DecodeError(f"the message ends at offset {position}, and more was announced")
        self.position = position + 1
        return self._body[position]

    def skip(self, size: int) -> None:
        """Over bytes that do not matter."""
        self.position = advance(self.position, size, self._end)

    def int32(self) -> int:
        """An Int32."""
        position = self.position
        self.position = advance(position, 4, self._end)
        return _int32(self._body, position)[0]

    def uint32(self) -> int:
        """A UInt32."""
        position = self.position
        self.position = advance(position, 4, self._end)
        return _uint32(self._body, position)[0]

    def scalar(self, built_in: int) -> int | float | bool:
        """A value of a built-in type with a fixed size; a DateTime as ticks."""
        position, form = self.position, _SCALARS[built_in]
        self.position = advance(position, form.size, self._end)
        return form.unpack_from(self._body, position)[0]

    def count(self, smallest: int) -> int:
        """The length of an array whose elements take `smallest` bytes at the least."""
        count, self.position = read_count(self._body, self.position, self._end, smallest)
        return count

    def byte_string(self, most: int) -> bytes:
        """A ByteString; raises DecodeError if it is longer than `most`."""
        length = max(self.int32(), 0)
        if length > most:
            raise DecodeError(f"a ByteString of {length} bytes; at most {most} are taken")
        start = self.position
        self.position = advance(start, length, self._end)
        return self._body[start : self.position]

    def text(self, most: int = MAX_NAME_BYTES) -> str:
        """A String, cut after `most` bytes; null is empty."""
        start = self.position
        after = start + 4
        if after > self._end:
            raise DecodeError(f"a String is announced at offset {start}, where the message ends")
        length = _int32(self._body, start)[0]
        if length <= 0:
            self.position = after
            return ""
        if after + length > self._end:
            raise DecodeError(f"a String at offset {start} claims {length} bytes, {self._end - after} are there")
        self.position = after + length
        if length > most:
            return self._body[after : after + most].decode("utf-8", "ignore")
        try:
            return self._body[after : after + length].decode()
        except UnicodeDecodeError:
            self.repaired += 1
            return self._body[after : after + length].decode("utf-8", "replace")

    def node_key(self) -> NodeKey:
        """A NodeId."""
        key, _ = self.expanded_node_key()
        return key

    def expanded_node_key(self) -> tuple[NodeKey, ForeignNode | None]:
        """An ExpandedNodeId: its key by namespace index, and what it says beside it."""
        body, position = self._body, self.position
        encoding = self.byte()
        form = encoding & 0x3F
        if form == 0:
            key = numeric_key(0, self.byte())
        elif form == 1:
            self.position = after = advance(self.position, 3, self._end)
            key = numeric_key(body[after - 3], _uint16(body, after - 2)[0])
        elif form == 2:
            self.position = after = advance(self.position, 6, self._end)
            key = NodeKey(b"\x02" + body[after - 6 : after])
        elif form in {3, 4, 5}:
            after = advance(self.position, 2, self._end)
            after = advance(after, 16, self._end) if form == 4 else skip_bytes(body, after, self._end)
            key = NodeKey(bytes((form,)) + body[position + 1 : after])
            self.position = after
        else:
            raise DecodeError(f"NodeId encoding {encoding:#04x} at offset {position} does not exist")
        if encoding < 0x40:
            return key, None
        uri = self.text() if encoding & 0x80 else ""
        server = self.uint32() if encoding & 0x40 else 0
        return key, ForeignNode(uri, server)

    def name(self) -> Name:
        """A QualifiedName."""
        start = self.position
        self.position = advance(start, 2, self._end)
        return Name(_uint16(self._body, start)[0], self.text())

    def localized_text(self, most: int = MAX_NAME_BYTES) -> str:
        """The text of a LocalizedText."""
        mask = self.byte()
        if mask & 1:
            self.text(0)
        return self.text(most) if mask & 2 else ""

    def variant(self) -> object:
        """A Variant: a scalar, the first elements of an array, or None for what is not read here."""
        encoding = self.byte()
        built_in = encoding & _TYPE_BITS
        if not encoding & _ARRAY_BIT:
            return self._built_in(built_in, MAX_TEXT_BYTES)
        count = self.count(FIXED_SIZES.get(built_in, 1))
        values = [self._built_in(built_in, MAX_ELEMENT_BYTES) for _ in range(min(count, MAX_ELEMENTS))]
        for _ in range(count - len(values)):
            self._skip(built_in)
        if encoding & _DIMENSIONS_BIT:
            self.skip(4 * self.count(4))
        return values

    def _skip(self, built_in: int) -> None:
        if built_in == 0:
            raise DecodeError(f"an array of null at offset {self.position}")
        self.position = skip_built_in(self._body, self.position, self._end, built_in, 0)

    def _built_in(self, built_in: int, most: int) -> object:
        if built_in in _SCALARS:
            return self.scalar(built_in)
        match built_in:
            case 12:
                return self.text(most)
            case 17:
                return self.node_key()
            case 20:
                return self.name()
            case 21:
                return self.localized_text(most)
            case 22:
                return self.extension()
            case _:
                self.position = skip_built_in(self._body, self.position, self._end, built_in, 0)
                return None

    def extension(self) -> Extension | None:
        """An ExtensionObject; None without a binary body."""
        encoding = self.node_key()
        form = self.byte()
        if not form:
            return None
        length = max(self.int32(), 0)
        start = self.position
        self.position = advance(start, length, self._end)
        return Extension(encoding, self._body[start : self.position]) if form == 1 else None
