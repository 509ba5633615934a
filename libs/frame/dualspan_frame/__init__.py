"""The columnar batch of samples that everything in DualSpan moves as, and its codec."""

from dualspan_frame.binary_column import BinaryColumn
from dualspan_frame.codec import decode_frame, encode_frame
from dualspan_frame.column_codec import decode_column, encode_column
from dualspan_frame.errors import CORRUPT_BLOCK, TOO_LARGE, FrameError
from dualspan_frame.frame import Block, Frame, ValueKind, Values, concat_values, value_dtype
from dualspan_frame.limits import DecodeLimits

__all__ = [
    "CORRUPT_BLOCK",
    "TOO_LARGE",
    "BinaryColumn",
    "Block",
    "DecodeLimits",
    "Frame",
    "FrameError",
    "ValueKind",
    "Values",
    "concat_values",
    "decode_column",
    "decode_frame",
    "encode_column",
    "encode_frame",
    "value_dtype",
]
