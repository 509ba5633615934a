"""Walking over OPC UA binary (Part 6, 5.2) without making objects of it.

Every function takes the message, a position in it and the position that it must not pass, checks before it
reads, and returns the position behind what it walked over. Nothing is allocated from a length that the message
claims, so a lying length costs an error and nothing else.
"""

import struct

from dualspan_edge.errors import DecodeError

# Sizes of the built-in types that have one (Part 6, 5.1.2): Boolean … Double, DateTime, Guid, StatusCode.
FIXED_SIZES = {1: 1, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 4, 8: 8, 9: 8, 10: 4, 11: 8, 13: 8, 14: 16, 19: 4}
# Nested Variants, DataValues and DiagnosticInfos: Part 6, 5.1.5 asks decoders for 100 at the least. Python's own
# limit allows that with room to spare.
MAX_DEPTH = 100

_ARRAY_BIT, _DIMENSIONS_BIT, _TYPE_BITS = 0x80, 0x40, 0x3F

_int32 = struct.Struct("<i").unpack_from
_uint16 = struct.Struct("<H").unpack_from
_uint32 = struct.Struct("<I").unpack_from


def advance(position: int, size: int, end: int) -> int:
    """The position `size` bytes on; raises DecodeError if that is behind `end`."""
    after = position + size
    if size < 0 or after > end:
        raise DecodeError(f"{size} bytes are claimed at offset {position}, {end - position} are there")
    return after


def read_int32(body: bytes, position: int, end: int) -> tuple[int, int]:
    """An Int32 and the position behind it."""
    after = advance(position, 4, end)
    return _int32(body, position)[0], after


def read_uint32(body: bytes, position: int, end: int) -> tuple[int, int]:
    """A UInt32 and the position behind it."""
    after = advance(position, 4, end)
    return _uint32(body, position)[0], after


def read_count(body: bytes, position: int, end: int, smallest: int) -> tuple[int, int]:
    """An array's length and the position behind it; a null array has length 0.

    Args:
        body: The message.
        position: Where the length stands.
        end: Where the enclosing structure ends.
        smallest: The least that one element takes, in bytes: a length that cannot fit is refused at once.
    """
    count, after = read_int32(body, position, end)
    count = max(count, 0)
    if count * smallest > end - after:
        raise DecodeError(f"an array at offset {position} claims {count} elements, {end - after} bytes are there")
    return count, after


def skip_bytes(body: bytes, position: int, end: int) -> int:
    """Over a String, ByteString or XmlElement (5.2.2.4); length -1 is null."""
    length, after = read_int32(body, position, end)
    return after if length < 0 else advance(after, length, end)


def read_node_id(body: bytes, position: int, end: int) -> tuple[tuple[int, int] | None, int]:
    """A NodeId or ExpandedNodeId (5.2.2.9, 5.2.2.10).

    Returns:
        (namespace index, numeric identifier), or None if the identifier is not numeric; and the position behind.
    """
    after = advance(position, 1, end)
    encoding = body[position]
    form = encoding & 0x3F
    identifier: tuple[int, int] | None = None
    if form == 0:
        after = advance(after, 1, end)
        identifier = (0, body[after - 1])
    elif form == 1:
        after = advance(after, 3, end)
        identifier = (body[after - 3], _uint16(body, after - 2)[0])
    elif form == 2:
        after = advance(after, 6, end)
        identifier = (_uint16(body, after - 6)[0], _uint32(body, after - 4)[0])
    elif form in {3, 5}:
        after = skip_bytes(body, advance(after, 2, end), end)
    elif form == 4:
        after = advance(after, 18, end)
    else:
        raise DecodeError(f"NodeId encoding {encoding:#04x} at offset {position} does not exist")
    if encoding & 0x80:
        after = skip_bytes(body, after, end)
    if encoding & 0x40:
        after = advance(after, 4, end)
    return identifier, after


def skip_localized_text(body: bytes, position: int, end: int) -> int:
    """Over a LocalizedText (5.2.2.14)."""
    after = advance(position, 1, end)
    for bit in (1, 2):
        if body[position] & bit:
            after = skip_bytes(body, after, end)
    return after


def skip_extension_object(body: bytes, position: int, end: int) -> int:
    """Over an ExtensionObject (5.2.2.15)."""
    _, after = read_node_id(body, position, end)
    encoding_at = after
    after = advance(after, 1, end)
    return skip_bytes(body, after, end) if body[encoding_at] else after


def skip_data_value(body: bytes, position: int, end: int, depth: int = 0) -> int:
    """Over a DataValue (5.2.2.17)."""
    after = advance(position, 1, end)
    mask = body[position]
    if mask & ~0x3F:
        raise DecodeError(f"DataValue mask {mask:#04x} at offset {position} does not exist")
    if mask & 1:
        after = skip_variant(body, after, end, depth + 1)
    sizes = ((2, 4), (4, 8), (8, 8), (16, 2), (32, 2))
    return advance(after, sum(size for bit, size in sizes if mask & bit), end)


def skip_diagnostic_info(body: bytes, position: int, end: int, depth: int = 0) -> int:
    """Over a DiagnosticInfo (5.2.2.12)."""
    _check_depth(depth)
    after = advance(position, 1, end)
    mask = body[position]
    after = advance(after, 4 * (mask & 0x0F).bit_count(), end)
    if mask & 0x10:
        after = skip_bytes(body, after, end)
    if mask & 0x20:
        after = advance(after, 4, end)
    if mask & 0x40:
        after = skip_diagnostic_info(body, after, end, depth + 1)
    return after


def skip_diagnostic_infos(body: bytes, position: int, end: int) -> int:
    """Over an array of DiagnosticInfo."""
    count, after = read_count(body, position, end, 1)
    for _ in range(count):
        after = skip_diagnostic_info(body, after, end)
    return after


def skip_variant(body: bytes, position: int, end: int, depth: int = 0) -> int:
    """Over a Variant (5.2.2.16): scalar, array or matrix of any built-in type."""
    _check_depth(depth)
    after = advance(position, 1, end)
    encoding = body[position]
    built_in = encoding & _TYPE_BITS
    if encoding & _ARRAY_BIT:
        after = _skip_array(body, after, end, built_in, depth)
    else:
        after = skip_built_in(body, after, end, built_in, depth)
    if encoding & _DIMENSIONS_BIT:
        if not encoding & _ARRAY_BIT:
            raise DecodeError(f"the Variant at offset {position} has dimensions but is no array")
        count, after = read_count(body, after, end, 4)
        after = advance(after, 4 * count, end)
    return after


def _skip_array(body: bytes, position: int, end: int, built_in: int, depth: int) -> int:
    size = FIXED_SIZES.get(built_in)
    count, after = read_count(body, position, end, size or 1)
    if size:
        return advance(after, count * size, end)
    if built_in == 0:
        raise DecodeError(f"an array of null at offset {position}")
    for _ in range(count):
        after = skip_built_in(body, after, end, built_in, depth)
    return after


def skip_built_in(body: bytes, position: int, end: int, built_in: int, depth: int) -> int:
    """Over one value of a built-in type (5.1.2); types 26 to 31 are read as ByteString (5.2.2.16)."""
    size = FIXED_SIZES.get(built_in)
    if size:
        return advance(position, size, end)
    match built_in:
        case 0:
            after = position
        case 17 | 18:
            _, after = read_node_id(body, position, end)
        case 20:
            after = skip_bytes(body, advance(position, 2, end), end)
        case 21:
            after = skip_localized_text(body, position, end)
        case 22:
            after = skip_extension_object(body, position, end)
        case 23:
            after = skip_data_value(body, position, end, depth + 1)
        case 24:
            after = skip_variant(body, position, end, depth + 1)
        case 25:
            after = skip_diagnostic_info(body, position, end, depth + 1)
        case _:
            if built_in > 31:
                raise DecodeError(f"built-in type {built_in} at offset {position} does not exist")
            after = skip_bytes(body, position, end)
    return after


def _check_depth(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise DecodeError(f"values are nested more than {MAX_DEPTH} deep")
