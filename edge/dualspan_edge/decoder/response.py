"""The PublishResponse around the notifications: only as much of it as is needed."""

import struct

from dualspan_edge.decoder.events import read_event_list
from dualspan_edge.decoder.items import decode_items
from dualspan_edge.decoder.layout import ticks_to_microseconds
from dualspan_edge.decoder.model import DataChange, EventFields, PublishResponse
from dualspan_edge.decoder.wire import (
    advance,
    read_count,
    read_int32,
    read_node_id,
    read_uint32,
    skip_bytes,
    skip_data_value,
    skip_diagnostic_info,
    skip_diagnostic_infos,
    skip_extension_object,
)
from dualspan_edge.errors import DecodeError, ServiceRefusedError

# NodeIds of the binary encodings, namespace 0 (Part 6, Annex A).
_SERVICE_FAULT, _PUBLISH_RESPONSE, _REPUBLISH_RESPONSE = (0, 397), (0, 829), (0, 835)
_DATA_CHANGE, _STATUS_CHANGE, _EVENT_LIST = (0, 811), (0, 820), (0, 916)
_SMALLEST_ITEM = 5  # handle and an empty DataValue
_int64 = struct.Struct("<q").unpack_from


def decode_publish_response(body: bytes) -> PublishResponse:
    """Decodes a message that answers a Publish request: a PublishResponse or a ServiceFault.

    Args:
        body: The message as it leaves the secure channel, from the TypeId on.

    Raises:
        DecodeError: The message is neither, is cut off, or lies about a length or a count.
    """
    end = len(body)
    type_id, position = read_node_id(body, 0, end)
    service_result, position = _read_response_header(body, position, end)
    if type_id == _SERVICE_FAULT:
        return PublishResponse(service_result=service_result or 0x80000000)
    if type_id != _PUBLISH_RESPONSE:
        raise DecodeError(f"a PublishResponse was expected, not {type_id}")
    if service_result & 0x80000000:
        return PublishResponse(service_result=service_result)
    return _read_publish_result(body, position, end, service_result)


def decode_republish_response(body: bytes, subscription_id: int) -> PublishResponse:
    """Decodes a message that answers a Republish request, as if it had been published now.

    Args:
        body: The message from the TypeId on.
        subscription_id: Of the request; the answer does not repeat it.

    Raises:
        DecodeError: As in `decode_publish_response`.
    """
    end = len(body)
    type_id, position = read_node_id(body, 0, end)
    service_result, position = _read_response_header(body, position, end)
    if type_id == _SERVICE_FAULT or service_result & 0x80000000:
        return PublishResponse(service_result=service_result or 0x80000000, subscription_id=subscription_id)
    if type_id != _REPUBLISH_RESPONSE:
        raise DecodeError(f"a RepublishResponse was expected, not {type_id}")
    parts = _Parts()
    parts.read_message(body, position, end)
    return parts.response(service_result=service_result, subscription_id=subscription_id)


def check_read_response(body: bytes) -> None:
    """Walks over a message that answers a Read request, before a decoder that makes objects of it believes it.

    Raises:
        DecodeError: It is cut off, or lies about a length, a count or a depth.
    """
    end = len(body)
    type_id, position = read_node_id(body, 0, end)
    service_result, position = _read_response_header(body, position, end)
    if type_id == _SERVICE_FAULT or service_result & 0x80000000:
        return
    count, position = read_count(body, position, end, 1)
    for _ in range(count):
        position = skip_data_value(body, position, end)
    skip_diagnostic_infos(body, position, end)


def open_response(body: bytes, expected: tuple[int, int]) -> tuple[int, int]:
    """The position behind the header of a response, and the message's end.

    Args:
        body: The message from the TypeId on.
        expected: Namespace index and identifier of the response's encoding.

    Raises:
        ServiceRefusedError: It is a ServiceFault, or its ServiceResult is bad.
        DecodeError: It is another response, or cut off.
    """
    end = len(body)
    type_id, position = read_node_id(body, 0, end)
    service_result, position = _read_response_header(body, position, end)
    if type_id == _SERVICE_FAULT or service_result & 0x80000000:
        raise ServiceRefusedError(service_result or 0x80000000)
    if type_id != expected:
        raise DecodeError(f"a response {expected} was expected, not {type_id}")
    return position, end


def _read_response_header(body: bytes, position: int, end: int) -> tuple[int, int]:
    """The ServiceResult, and the position behind the ResponseHeader (Part 4, 7.34)."""
    position = advance(position, 12, end)
    service_result, position = read_uint32(body, position, end)
    position = skip_diagnostic_info(body, position, end)
    strings, position = read_count(body, position, end, 4)
    for _ in range(strings):
        position = skip_bytes(body, position, end)
    return service_result, skip_extension_object(body, position, end)


def _read_publish_result(body: bytes, position: int, end: int, service_result: int) -> PublishResponse:
    subscription_id, position = read_uint32(body, position, end)
    available, position = _read_uint32s(body, position, end)
    more_at, position = position, advance(position, 1, end)
    parts = _Parts()
    position = parts.read_message(body, position, end)
    results, position = _read_uint32s(body, position, end)
    skip_diagnostic_infos(body, position, end)
    return parts.response(
        service_result=service_result,
        subscription_id=subscription_id,
        available=available,
        more=bool(body[more_at]),
        results=results,
    )


def _read_uint32s(body: bytes, position: int, end: int) -> tuple[tuple[int, ...], int]:
    count, position = read_count(body, position, end, 4)
    return struct.unpack_from(f"<{count}I", body, position), position + 4 * count


class _Parts:
    """The parts of a NotificationMessage (Part 4, 7.26), as they are read."""

    def __init__(self) -> None:
        self._sequence_number = 0
        self._publish_time = 0
        self._data_changes: list[DataChange] = []
        self._status_changes: list[int] = []
        self._event_lists = 0
        self._events: list[EventFields] = []
        self._unknown = 0

    def response(
        self,
        service_result: int,
        subscription_id: int,
        available: tuple[int, ...] = (),
        more: bool = False,  # noqa: FBT001, FBT002 - a field of the message
        results: tuple[int, ...] = (),
    ) -> PublishResponse:
        """What was read, as one response."""
        return PublishResponse(
            service_result=service_result,
            subscription_id=subscription_id,
            available_sequence_numbers=available,
            more_notifications=more,
            sequence_number=self._sequence_number,
            publish_time=self._publish_time,
            data_changes=tuple(self._data_changes),
            status_changes=tuple(self._status_changes),
            event_lists=self._event_lists,
            events=tuple(self._events),
            acknowledge_results=results,
            unknown_parts=self._unknown,
        )

    def read_message(self, body: bytes, position: int, end: int) -> int:
        """Reads a NotificationMessage; the position behind it."""
        self._sequence_number, position = read_uint32(body, position, end)
        time_at, position = position, advance(position, 8, end)
        self._publish_time = ticks_to_microseconds(_int64(body, time_at)[0])
        parts, position = read_count(body, position, end, 3)
        for _ in range(parts):
            position = self._read_part(body, position, end)
        return position

    def _read_part(self, body: bytes, position: int, end: int) -> int:
        """One ExtensionObject of NotificationData; the position behind it."""
        type_id, position = read_node_id(body, position, end)
        encoding_at, position = position, advance(position, 1, end)
        if body[encoding_at] != 1:
            raise DecodeError(f"notification data at offset {encoding_at} has no binary body")
        length, position = read_int32(body, position, end)
        if length < 0:
            raise DecodeError(f"notification data at offset {position} does not state its length")
        part_end = advance(position, length, end)
        if type_id == _DATA_CHANGE:
            self._read_data_change(body, position, part_end)
        elif type_id == _STATUS_CHANGE:
            self._status_changes.append(read_uint32(body, position, part_end)[0])
        elif type_id == _EVENT_LIST:
            self._event_lists += 1
            self._events += read_event_list(body, position, part_end)
        else:
            self._unknown += 1
        return part_end

    def _read_data_change(self, body: bytes, position: int, end: int) -> None:
        count, position = read_count(body, position, end, _SMALLEST_ITEM)
        runs, position = decode_items(body, position, end, count, self._publish_time)
        skip_diagnostic_infos(body, position, end)
        self._data_changes.append(DataChange(count, tuple(runs)))
