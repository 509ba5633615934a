"""The column encoder, held against asyncua's own decoder."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import from_binary, struct_from_binary
from hypothesis import given
from hypothesis import strategies as st

from plc_sim.opcua import encoding
from plc_sim.opcua.encoding import SCALAR_DTYPES, BuiltInType, DataValues, Stamps
from plc_sim.opcua.standard import node_id

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
STATUSES = (0, 0x80AB0000, 0x40000000, 0x480)


def decoded(data: bytes, count: int) -> list[ua.DataValue]:
    buffer = Buffer(data)
    values = [struct_from_binary(ua.DataValue, buffer) for _ in range(count)]
    assert len(buffer) == 0
    return values


@given(
    kind=st.sampled_from([kind for kind in SCALAR_DTYPES if kind is not BuiltInType.DATETIME]),
    rows=st.lists(
        st.tuples(st.integers(0, 127), st.sampled_from(STATUSES), st.integers(0, 4_000_000_000_000_000)), max_size=20
    ),
    stamps=st.sampled_from(Stamps),
)
def test_scalars_decode_to_what_was_encoded(
    kind: BuiltInType, rows: list[tuple[int, int, int]], stamps: Stamps
) -> None:
    values = np.array([row[0] for row in rows]).astype(SCALAR_DTYPES[kind])
    status = np.array([row[1] for row in rows], np.uint32)
    times = np.array([row[2] for row in rows], np.int64)
    data = encoding.encode(DataValues(kind, times, values, status), stamps, 1_700_000_000_000_000)
    for value, expected, code, time in zip(decoded(data, len(rows)), values, status, times, strict=True):
        assert value.StatusCode is None or value.StatusCode.value == code
        if code & encoding.BAD:
            assert value.Value is None or value.Value.Value is None
        else:
            assert value.Value is not None
            assert value.Value.VariantType.value == int(kind)
            assert value.Value.Value == expected
        if stamps in {Stamps.SOURCE, Stamps.BOTH}:
            assert value.SourceTimestamp == EPOCH + timedelta(microseconds=int(time))
        else:
            assert value.SourceTimestamp is None
        assert (value.ServerTimestamp is not None) == (stamps in {Stamps.SERVER, Stamps.BOTH})


def test_a_handle_leads_every_value_of_a_notification() -> None:
    column = DataValues(
        BuiltInType.DOUBLE, np.array([1, 2], np.int64), np.array([1.5, 2.5]), np.array([0, 0x80000000], np.uint32)
    )
    body = (2).to_bytes(4, "little") + encoding.encode(column, Stamps.BOTH, 5, handle=77) + b"\xff\xff\xff\xff"
    notification = struct_from_binary(ua.DataChangeNotification, Buffer(body))
    assert [item.ClientHandle for item in notification.MonitoredItems] == [77, 77]
    assert notification.MonitoredItems[0].Value.Value.Value == 1.5


def test_datetime_columns_are_microseconds() -> None:
    moment = datetime(2026, 11, 22, 15, 0, 0, 250_000, tzinfo=UTC)
    micros = (moment - EPOCH) // timedelta(microseconds=1)
    column = DataValues(BuiltInType.DATETIME, np.array([0]), np.array([micros]), np.zeros(1, np.uint32))
    value = decoded(encoding.encode(column, Stamps.NEITHER, 0), 1)[0].Value
    assert value is not None
    assert value.Value == moment


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        (encoding.variant_string("Flasche ½ l"), "Flasche ½ l"),
        (encoding.variant_text("瓶", "zh"), ua.LocalizedText("瓶", "zh")),
        (encoding.variant_array(BuiltInType.DOUBLE, np.array([1.0, -2.5])), [1.0, -2.5]),
        (encoding.variant_array(BuiltInType.INT32, np.array([], np.int32)), []),
    ],
)
def test_variants_without_fixed_width(variant: bytes, expected: Any) -> None:
    column = DataValues(
        BuiltInType.STRING, np.array([10, 20]), [variant, variant], np.array([0, 0x80000000], np.uint32)
    )
    good, bad = decoded(encoding.encode(column, Stamps.SOURCE, 0), 2)
    assert good.Value is not None
    assert good.Value.Value == expected
    assert bad.Value is None or bad.Value.Value is None


def test_structures_are_extension_objects_with_a_numeric_encoding() -> None:
    # A type that no server has: asyncua decodes those that another test's client has read, for the whole process.
    data = encoding.variant_structure(77, 3002, b"body")
    value = from_binary(ua.Variant, Buffer(data)).Value
    assert value.TypeId == node_id(3002, 77)
    assert value.Body == b"body"
