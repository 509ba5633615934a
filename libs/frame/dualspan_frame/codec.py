"""A frame to its message and back."""

import struct
import zlib

import numpy as np

from dualspan.frame.v1 import frame_pb2
from dualspan_frame.column_codec import decode_column, encode_column
from dualspan_frame.errors import CORRUPT_BLOCK, FrameError
from dualspan_frame.frame import Block, Frame, ValueKind
from dualspan_frame.limits import Budget, DecodeLimits


def encode_frame(frame: Frame, *, raw: bool = False, level: int = 4) -> frame_pb2.Frame:
    """Encode a frame; blocks without samples are left out.

    Args:
        frame: The samples.
        raw: Write every column fixed-width little-endian, for a reader that knows nothing else.
        level: pcodec's compression level, 0 to 12.
    """
    return frame_pb2.Frame(blocks=[_encode_block(block, raw=raw, level=level) for block in frame.blocks if len(block)])


def decode_frame(message: frame_pb2.Frame, limits: DecodeLimits = DecodeLimits()) -> Frame:  # noqa: B008  # frozen
    """Decode a frame from anybody.

    Args:
        message: The encoded frame.
        limits: The most that it may decode to, over all its blocks.

    Returns:
        The frame; its arrays may be read-only.

    Raises:
        FrameError: A block is corrupt, or the frame is larger than the limits.
    """
    budget = Budget(limits)
    kinds = [block.kind for block in message.blocks]
    if len(set(kinds)) != len(kinds):
        raise FrameError(CORRUPT_BLOCK, "two blocks of the same kind")
    return Frame(tuple(_decode_block(block, budget) for block in message.blocks))


def _encode_block(block: Block, *, raw: bool, level: int) -> frame_pb2.Block:
    message = frame_pb2.Block(
        kind=frame_pb2.ValueKind.ValueType(block.kind),
        count=len(block),
        tag=encode_column(block.tag, raw=raw, level=level, delta=1),
        timestamp=encode_column(block.timestamp, raw=raw, level=level, delta=1),
        status=encode_column(block.status, raw=raw, level=level),
        value=encode_column(block.value, raw=raw, level=level),
    )
    message.checksum = _checksum(message)
    return message


def _decode_block(message: frame_pb2.Block, budget: Budget) -> Block:
    try:
        kind = ValueKind(message.kind)
    except ValueError as err:
        raise FrameError(CORRUPT_BLOCK, f"kind {message.kind} is not known") from err
    budget.spend_samples(message.count)
    if message.HasField("checksum") and message.checksum != _checksum(message):
        raise FrameError(CORRUPT_BLOCK, f"the checksum of the {kind.name} block is wrong")
    try:
        return Block(
            kind,
            decode_column(message.tag, np.int64, message.count, budget),
            decode_column(message.timestamp, np.int64, message.count, budget),
            decode_column(message.status, np.uint32, message.count, budget),
            decode_column(message.value, kind, message.count, budget),
        )
    except FrameError as err:
        raise FrameError(err.reason, f"{kind.name} block: {err.detail}") from err


def _checksum(message: frame_pb2.Block) -> int:
    """The CRC-32 that the contract describes at `Block.checksum`."""
    checksum = zlib.crc32(struct.pack("<II", message.kind, message.count))
    for column in (message.tag, message.timestamp, message.status, message.value):
        checksum = zlib.crc32(struct.pack("<II", column.encoding, column.dictionary_count), checksum)
        checksum = zlib.crc32(column.dictionary, zlib.crc32(column.data, checksum))
    return checksum
