"""History decodes to what a notification of the same values decodes to."""

# asyncua types its fields with classes of its own and takes plain values.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from typing import Any

import pytest
from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unit.edge.notifications import data_change, data_values, encode_response, microseconds, variants
from unit.edge.test_decoder import PUBLISH_TIME, _rows

from dualspan_edge.decoder import DataChange, DecodeError, decode_publish_response
from dualspan_edge.decoder.history import HistoryResponse, decode_history_response


def encode_history(nodes: list[tuple[int, bytes | None, list[ua.DataValue] | None]]) -> bytes:
    """A HistoryReadResponse as it leaves the secure channel."""
    response = ua.HistoryReadResponse()
    for status, continuation, values in nodes:
        result = ua.HistoryReadResult()
        result.StatusCode = ua.StatusCode(ua.UInt32(status))
        result.ContinuationPoint = continuation
        if values is not None:
            result.HistoryData = ua.HistoryData(values)
        response.Results.append(result)
    return struct_to_binary(response)


@st.composite
def histories(draw: st.DrawFn) -> list[list[ua.DataValue]]:
    """Values of some nodes, in stretches: servers repeat one shape."""
    nodes: list[list[ua.DataValue]] = []
    for _ in range(draw(st.integers(0, 4))):
        values: list[ua.DataValue] = []
        for _ in range(draw(st.integers(0, 4))):
            values += [draw(data_values(variants()))] * draw(st.sampled_from([1, 2, 63, 64, 65, 200]))
        nodes.append(values)
    return nodes


def rows(response: HistoryResponse) -> list[tuple[Any, ...]]:
    return _rows(DataChange(0, response.runs))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(histories())
def test_values_are_those_of_a_notification(nodes: list[list[ua.DataValue]]) -> None:
    body = encode_history([(0, b"more" if number % 2 else None, values) for number, values in enumerate(nodes)])
    response = decode_history_response(body)
    assert [node.count for node in response.nodes] == [len(values) for values in nodes]
    assert [node.continuation for node in response.nodes] == [b"more" if n % 2 else b"" for n in range(len(nodes))]
    items = [
        ua.MonitoredItemNotification(ua.UInt32(number), value)
        for number, values in enumerate(nodes)
        for value in values
    ]
    published = decode_publish_response(encode_response([data_change(items)]))
    never = microseconds(PUBLISH_TIME)
    # A value without any time has that of the message there, and none here.
    expected = [(h, s, 0 if t == never else t, *rest) for h, s, t, *rest in _rows(published.data_changes[0])]
    found = [(h, s, 0 if t == never else t, *rest) for h, s, t, *rest in rows(response)]
    assert repr(found) == repr(expected)


def test_refusals_and_empty_answers() -> None:
    body = encode_history([(0x80710000, None, None), (0x00A50000, b"", [])])
    response = decode_history_response(body)
    assert [(node.status, node.count) for node in response.nodes] == [(0x80710000, 0), (0x00A50000, 0)]
    assert not response.runs
    fault = ua.ServiceFault()
    fault.ResponseHeader.ServiceResult = ua.StatusCode(ua.UInt32(0x800B0000))
    assert decode_history_response(struct_to_binary(fault)).service_result == 0x800B0000


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_what_is_cut_or_changed_raises_nothing_else(data: st.DataObject) -> None:
    value = ua.DataValue(ua.Variant(1.5, ua.VariantType.Double), SourceTimestamp=PUBLISH_TIME)
    body = bytearray(encode_history([(0, b"x", [value] * 3), (0, None, [ua.DataValue(ua.Variant("text"))] * 2)]))
    position = data.draw(st.integers(0, len(body) - 1))
    if data.draw(st.booleans()):
        del body[position:]
    else:
        body[position] = data.draw(st.integers(0, 255))
    try:
        decode_history_response(bytes(body))
    except DecodeError:
        return


def test_a_lying_count_costs_nothing() -> None:
    value = ua.DataValue(ua.Variant(1.5, ua.VariantType.Double))
    body = encode_history([(0, None, [value])])
    lying = body.replace(b"\x01\x00\x00\x00\x03\x0b", b"\xff\xff\xff\x7f\x03\x0b")
    assert lying != body
    with pytest.raises(DecodeError):
        decode_history_response(lying)
