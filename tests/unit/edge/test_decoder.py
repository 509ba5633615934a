"""The columnar decoder against asyncua's."""

# asyncua types its fields with classes of its own and takes plain values.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

import datetime as dt
import struct
from typing import Any

import numpy as np
import pytest
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary, variant_to_binary
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unit.edge.notifications import (
    data_change,
    data_values,
    encode_response,
    item_lists,
    microseconds,
    variants,
)

from dualspan_edge.decoder import (
    DataChange,
    DecodeError,
    ItemRun,
    RunForm,
    decode_publish_response,
    decode_republish_response,
)
from dualspan_edge.decoder.wire import skip_variant
from dualspan_frame import BinaryColumn

PUBLISH_TIME = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
_TEXTS = {ua.VariantType.String, ua.VariantType.LocalizedText, ua.VariantType.Guid}
_NUMBERS = {ua.VariantType(number) for number in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13)}


def _expected(item: ua.MonitoredItemNotification) -> tuple[int, int, int, RunForm, Any]:
    """Handle, status, time, form and value of an item, as asyncua decoded it."""
    value = item.Value
    status = 0 if value.StatusCode is None else int(value.StatusCode.value)
    time = value.SourceTimestamp or value.ServerTimestamp or PUBLISH_TIME
    variant = value.Value
    form, content = RunForm.ABSENT, None
    if variant is not None and variant.VariantType is not ua.VariantType.Null:
        scalar = not variant.is_array
        if scalar and variant.VariantType in _NUMBERS:
            form, content = RunForm.NUMBER, variant.Value
            if isinstance(content, dt.datetime):
                content = microseconds(content)
        elif scalar and variant.VariantType in _TEXTS:
            text = variant.Value.Text if isinstance(variant.Value, ua.LocalizedText) else variant.Value
            form, content = RunForm.TEXT, ("" if text is None else str(text)).encode()
        else:
            form, content = RunForm.VARIANT, variant_to_binary(variant)
    return int(item.ClientHandle), status, microseconds(time), form, content


def _rows(change: DataChange) -> list[tuple[int, int, int, RunForm, Any]]:
    """The items of all runs, in the order in which they stood."""
    rows: list[tuple[int, tuple[int, int, int, RunForm, Any]]] = []
    for run in change.runs:
        columns = (run.index.tolist(), run.handle.tolist(), run.status.tolist(), run.timestamp.tolist(), _values(run))
        rows += [(row[0], (row[1], row[2], row[3], run.form, row[4])) for row in zip(*columns, strict=True)]
    return [row for _, row in sorted(rows, key=lambda pair: pair[0])]


def _values(run: ItemRun) -> list[Any]:
    if run.values is None:
        return [None] * len(run)
    return run.values.to_list() if isinstance(run.values, BinaryColumn) else run.values.tolist()


def _same(a: Any, b: Any) -> bool:
    return a == b or (a != a and b != b)  # noqa: PLR0124 - NaN is like NaN


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(item_lists(), min_size=1, max_size=2), st.integers(0, 3))
def test_equal_to_asyncua_for_any_notification(lists: list[list[Any]], diagnostics: int) -> None:
    body = encode_response([data_change(items, diagnostics) for items in lists])
    theirs = struct_from_binary(ua.PublishResponse, Buffer(body)).Parameters
    ours = decode_publish_response(body)
    assert ours.subscription_id == theirs.SubscriptionId
    assert ours.sequence_number == theirs.NotificationMessage.SequenceNumber
    assert list(ours.available_sequence_numbers) == theirs.AvailableSequenceNumbers
    assert list(ours.acknowledge_results) == [int(result.value) for result in theirs.Results]
    assert ours.more_notifications is theirs.MoreNotifications
    assert ours.publish_time == microseconds(theirs.NotificationMessage.PublishTime)
    assert len(ours.data_changes) == len(lists)
    for change, notification in zip(ours.data_changes, theirs.NotificationMessage.NotificationData, strict=True):
        expected = [_expected(item) for item in notification.MonitoredItems]
        rows = _rows(change)
        assert [row[:4] for row in rows] == [row[:4] for row in expected]
        assert all(_same(row[4], other[4]) for row, other in zip(rows, expected, strict=True))


@settings(max_examples=200, deadline=None)
@given(variants())
def test_walking_over_a_variant_ends_where_it_ends(variant: ua.Variant) -> None:
    encoded = variant_to_binary(variant)
    assert skip_variant(b"ab" + encoded + b"cdef", 2, len(encoded) + 6) == 2 + len(encoded)
    for end in range(2, 2 + len(encoded)):
        with pytest.raises(DecodeError):
            skip_variant(b"ab" + encoded + b"cdef", 2, end)


@given(data_values(st.just(ua.Variant(1.5, ua.VariantType.Double))), st.integers(1, 300))
@settings(deadline=None)
def test_items_of_one_shape_are_one_run(value: ua.DataValue, count: int) -> None:
    items = [ua.MonitoredItemNotification(ua.UInt32(number), value) for number in range(count)]
    (change,) = decode_publish_response(encode_response([data_change(items)])).data_changes
    (run,) = change.runs
    assert run.handle.tolist() == list(range(count))
    assert run.handle.dtype == np.uint32
    assert run.timestamp.dtype == np.int64


def _by_the_standard(mask: int) -> bytes:
    """An item with these parts, in the order of Part 6, 5.2.2.17."""
    parts = ((1, b"\x0b" + struct.pack("<d", 2.5)), (2, struct.pack("<I", 0x40000000)), (4, _ticks(1)))
    times = ((16, struct.pack("<H", 77)), (8, _ticks(2)), (32, struct.pack("<H", 88)))
    return struct.pack("<IB", 9, mask) + b"".join(part for bit, part in parts + times if mask & bit)


def _ticks(second: int) -> bytes:
    return struct.pack("<q", ua.datetime_to_win_epoch(PUBLISH_TIME + dt.timedelta(seconds=second)))


@pytest.mark.parametrize("mask", range(64))
@pytest.mark.parametrize("count", [1, 3])
def test_every_mask_as_the_standard_has_it(mask: int, count: int) -> None:
    body = struct.pack("<i", count) + _by_the_standard(mask) * count + struct.pack("<i", -1)
    data_change_type = ua.FourByteNodeId(ua.ObjectIds.DataChangeNotification_Encoding_DefaultBinary)
    part = ua.ExtensionObject(data_change_type, body)
    (change,) = decode_publish_response(encode_response([part])).data_changes
    time = microseconds(PUBLISH_TIME) + (1_000_000 if mask & 4 else 2_000_000 if mask & 8 else 0)
    form, value = (RunForm.NUMBER, 2.5) if mask & 1 else (RunForm.ABSENT, None)
    assert _rows(change) == [(9, 0x40000000 if mask & 2 else 0, time, form, value)] * count


def test_null_times_fall_back() -> None:
    times = (ua.FILETIME_EPOCH_AS_UTC_DATETIME, dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    items = [
        ua.MonitoredItemNotification(
            ua.UInt32(number),
            ua.DataValue(ua.Variant(1.0, ua.VariantType.Double), SourceTimestamp=source, ServerTimestamp=server),
        )
        for number, (source, server) in enumerate([(a, b) for a in times for b in times])
    ]
    (change,) = decode_publish_response(encode_response([data_change(items)])).data_changes
    new_year = microseconds(times[1])
    assert change.runs[0].timestamp.tolist() == [microseconds(PUBLISH_TIME), new_year, new_year, new_year]


def test_other_parts_of_a_notification() -> None:
    status = ua.StatusChangeNotification(Status=ua.StatusCode(ua.UInt32(ua.StatusCodes.BadTimeout)))
    events = ua.EventNotificationList([ua.EventFieldList(ua.UInt32(1), [ua.Variant("x", ua.VariantType.String)])])
    response = decode_publish_response(encode_response([status, events, data_change([])]))
    assert response.status_changes == (ua.StatusCodes.BadTimeout,)
    assert response.event_lists == 1
    assert response.sample_count == 1
    assert [(event.handle, event.fields) for event in response.events] == [(1, ("x",))]
    assert not response.is_keep_alive


def test_keep_alive_and_fault() -> None:
    assert decode_publish_response(encode_response([])).is_keep_alive
    fault = ua.ServiceFault()
    fault.ResponseHeader.ServiceResult = ua.StatusCode(ua.UInt32(ua.StatusCodes.BadNoSubscription))
    assert decode_publish_response(struct_to_binary(fault)).service_result == ua.StatusCodes.BadNoSubscription


def test_republished_notification() -> None:
    answer = ua.RepublishResponse()
    answer.NotificationMessage.SequenceNumber = ua.UInt32(9)
    value = ua.DataValue(ua.Variant(2, ua.VariantType.Int32))
    answer.NotificationMessage.NotificationData = [data_change([ua.MonitoredItemNotification(ua.UInt32(4), value)])]
    response = decode_republish_response(struct_to_binary(answer), 11)
    assert (response.subscription_id, response.sequence_number, response.sample_count) == (11, 9, 1)


def _double_body(count: int) -> bytearray:
    value = ua.DataValue(ua.Variant(1.0, ua.VariantType.Double), SourceTimestamp=PUBLISH_TIME)
    items = [ua.MonitoredItemNotification(ua.UInt32(number), value) for number in range(count)]
    return bytearray(encode_response([data_change(items)]))


@pytest.mark.parametrize("claimed", [4, 1000, 2**31 - 1])
def test_a_lying_count_is_refused(claimed: int) -> None:
    body = _double_body(3)
    at = body.index((3).to_bytes(4, "little") + b"\x00\x00\x00\x00")
    body[at : at + 4] = claimed.to_bytes(4, "little")
    with pytest.raises(DecodeError):
        decode_publish_response(bytes(body))


def test_a_cut_message_is_refused_wherever_it_is_cut() -> None:
    body = bytes(_double_body(3))
    for end in range(len(body)):
        with pytest.raises(DecodeError):
            decode_publish_response(body[:end])


def test_nesting_has_an_end() -> None:
    deep = b"\x18" * 5000 + b"\x00"
    with pytest.raises(DecodeError, match="nested"):
        skip_variant(deep, 0, len(deep))


def test_a_mask_that_does_not_exist_is_refused() -> None:
    body = _double_body(1)
    at = body.rindex((1).to_bytes(4, "little") + b"\x00\x00\x00\x00") + 8
    body[at] |= 0x40
    with pytest.raises(DecodeError, match="mask"):
        decode_publish_response(bytes(body))
