"""The EventNotificationList (Part 4, 7.25.3): events are few beside values, and each is read by itself."""

from dualspan_edge.decoder.cursor import Cursor
from dualspan_edge.decoder.model import EventFields
from dualspan_edge.decoder.wire import read_int32, skip_variant

# A handle and the number of fields.
_SMALLEST_EVENT = 8
_BYTE_STRING = 15
_MOST_FIELDS = 100
# An EventId that is longer names nothing; the field counts as absent.
_MAX_ID_BYTES = 1000


def read_event_list(body: bytes, position: int, end: int) -> list[EventFields]:
    """Reads the list whose body is between `position` and `end`; raises DecodeError if it is cut off or lies."""
    cursor = Cursor(body, position, end)
    events: list[EventFields] = []
    for _ in range(cursor.count(_SMALLEST_EVENT)):
        handle = cursor.uint32()
        fields = [_field(body, cursor, end, number) for number in range(cursor.count(1))]
        events.append(EventFields(handle, tuple(fields[:_MOST_FIELDS])))
    return events


def _field(body: bytes, cursor: Cursor, end: int, number: int) -> object:
    start = cursor.position
    after = skip_variant(body, start, end)
    value: object = None
    if body[start] == _BYTE_STRING:
        length, first = read_int32(body, start + 1, end)
        value = body[first : first + length] if 0 <= length <= _MAX_ID_BYTES else None
    elif number < _MOST_FIELDS:
        value = cursor.variant()
    cursor.position = after
    return value
