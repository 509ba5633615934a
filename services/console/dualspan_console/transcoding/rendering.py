"""From the answer of a method to JSON."""

from __future__ import annotations

from functools import cache
from typing import Any, cast

import orjson
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from dualspan.frame.v1 import frame_pb2
from dualspan_console.transcoding.columns import block_columns, frame_columns
from dualspan_frame import decode_frame

_FRAME = frame_pb2.Frame.DESCRIPTOR.full_name
# One tag's, where it stands alone.
_BLOCK = frame_pb2.Block.DESCRIPTOR.full_name


def to_json(message: Message) -> bytes:
    """A message as proto3's JSON, but samples as columns: bytes that only a program of ours could read help nobody."""
    return orjson.dumps(to_document(message), option=orjson.OPT_SERIALIZE_NUMPY)


def to_document(message: Message) -> Any:
    """The same, as `orjson` takes it."""
    if message.DESCRIPTOR.full_name == _FRAME:
        return frame_columns(decode_frame(cast("frame_pb2.Frame", message)))
    if message.DESCRIPTOR.full_name == _BLOCK:
        frame = decode_frame(frame_pb2.Frame(blocks=[cast("frame_pb2.Block", message)]))
        return block_columns(frame.blocks[0])
    columnar = _columnar_fields(message.DESCRIPTOR)
    if not columnar:
        return json_format.MessageToDict(message, always_print_fields_with_no_presence=True)
    rest = type(message)()
    rest.CopyFrom(message)
    for field in columnar:
        rest.ClearField(cast("Any", field.name))
    document = json_format.MessageToDict(rest, always_print_fields_with_no_presence=True)
    for field in columnar:
        if field.is_repeated:
            document[field.json_name] = [to_document(each) for each in getattr(message, field.name)]
        elif message.HasField(cast("Any", field.name)):
            document[field.json_name] = to_document(getattr(message, field.name))
    return document


@cache
def _columnar_fields(descriptor: Descriptor) -> tuple[FieldDescriptor, ...]:
    """The fields that have samples somewhere in them."""
    return tuple(field for field in descriptor.fields if _has_samples(field.message_type, frozenset()))


def _has_samples(descriptor: Descriptor | None, above: frozenset[str]) -> bool:
    if descriptor is None or descriptor.full_name in above:
        return False
    if descriptor.full_name in {_FRAME, _BLOCK}:
        return True
    return any(_has_samples(field.message_type, above | {descriptor.full_name}) for field in descriptor.fields)
