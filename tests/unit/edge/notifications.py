"""Notifications of every shape, made with asyncua's encoder, and how its decoder sees them."""

# asyncua types its fields with classes of its own and takes plain values.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

import datetime as dt
from typing import Any

from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary
from hypothesis import strategies as st

_U32 = st.integers(0, 2**32 - 1)
_TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
_TIMES = st.one_of(
    st.just(dt.datetime(2026, 11, 22, 12, 30, tzinfo=dt.UTC)),
    st.timedeltas(dt.timedelta(0), dt.timedelta(days=40_000)).map(
        lambda since: dt.datetime(1990, 1, 1, tzinfo=dt.UTC) + since
    ),
)


def _integers(bits: int, *, signed: bool) -> st.SearchStrategy[int]:
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else st.integers(0, 2**bits - 1)


_VALUES: dict[ua.VariantType, st.SearchStrategy[Any]] = {
    ua.VariantType.Boolean: st.booleans(),
    ua.VariantType.SByte: _integers(8, signed=True),
    ua.VariantType.Byte: _integers(8, signed=False),
    ua.VariantType.Int16: _integers(16, signed=True),
    ua.VariantType.UInt16: _integers(16, signed=False),
    ua.VariantType.Int32: _integers(32, signed=True),
    ua.VariantType.UInt32: _integers(32, signed=False),
    ua.VariantType.Int64: _integers(64, signed=True),
    ua.VariantType.UInt64: _integers(64, signed=False),
    ua.VariantType.Float: st.floats(width=32),
    ua.VariantType.Double: st.floats(),
    ua.VariantType.DateTime: _TIMES,
    ua.VariantType.String: _TEXT,
    ua.VariantType.Guid: st.uuids(),
    ua.VariantType.ByteString: st.binary(max_size=12),
    ua.VariantType.XmlElement: st.builds(ua.XmlElement, _TEXT),
    ua.VariantType.NodeId: st.one_of(
        st.builds(lambda number: ua.NodeId(number, 3), st.integers(0, 2**31)),
        st.builds(lambda text: ua.NodeId(text, 2), _TEXT.filter(bool)),
        st.builds(lambda guid: ua.NodeId(guid, 2, ua.NodeIdType.Guid), st.uuids()),
    ),
    ua.VariantType.ExpandedNodeId: st.builds(
        lambda text: ua.ExpandedNodeId(7, 1, ua.NodeIdType.Numeric, text, 2), _TEXT.filter(bool)
    ),
    ua.VariantType.StatusCode: st.builds(ua.StatusCode, _U32),
    ua.VariantType.QualifiedName: st.builds(ua.QualifiedName, _TEXT, st.integers(0, 9)),
    ua.VariantType.LocalizedText: st.builds(
        ua.LocalizedText, st.one_of(st.none(), _TEXT), st.one_of(st.none(), st.just("de"))
    ),
    ua.VariantType.ExtensionObject: st.builds(ua.Range, st.floats(0, 1), st.floats(1, 2)),
}


@st.composite
def variants(draw: st.DrawFn) -> ua.Variant:
    """A Variant: null, scalar, array or matrix."""
    kind = draw(st.sampled_from([ua.VariantType.Null, *_VALUES]))
    if kind is ua.VariantType.Null:
        return ua.Variant(None, kind)
    shape = draw(st.sampled_from(["scalar", "scalar", "scalar", "array", "matrix"]))
    if shape == "scalar":
        return ua.Variant(draw(_VALUES[kind]), kind)
    if shape == "array":
        return ua.Variant(draw(st.lists(_VALUES[kind], max_size=4)), kind, is_array=True)
    rows = [[draw(_VALUES[kind]) for _ in range(2)] for _ in range(2)]
    return ua.Variant(rows, kind, [2, 2], is_array=True)


@st.composite
def data_values(draw: st.DrawFn, of: st.SearchStrategy[ua.Variant]) -> ua.DataValue:
    """A DataValue with any of the six parts.

    Not SourcePicoseconds together with ServerTimestamp: asyncua puts the two in another order than Part 6, 5.2.2.17.
    """
    present = draw(st.integers(0, 63).filter(lambda mask: mask & 24 != 24))
    return ua.DataValue(
        Value=draw(of) if present & 1 else None,
        StatusCode=ua.StatusCode(draw(_U32)) if present & 2 else None,
        SourceTimestamp=draw(_TIMES) if present & 4 else None,
        ServerTimestamp=draw(_TIMES) if present & 8 else None,
        SourcePicoseconds=draw(st.integers(0, 9999)) if present & 16 else None,
        ServerPicoseconds=draw(st.integers(0, 9999)) if present & 32 else None,
    )


@st.composite
def item_lists(draw: st.DrawFn) -> list[ua.MonitoredItemNotification]:
    """Items in stretches: each stretch repeats one shape, as servers do, so that long runs and short ones both come."""
    items: list[ua.MonitoredItemNotification] = []
    for _ in range(draw(st.integers(0, 5))):
        value = draw(data_values(variants()))
        for _ in range(draw(st.sampled_from([1, 1, 2, 7, 9, 70, 200]))):
            items.append(ua.MonitoredItemNotification(draw(_U32) if len(items) < 20 else ua.UInt32(len(items)), value))
    return items


def encode_response(parts: list[Any], *, sequence_number: int = 7, subscription: int = 3) -> bytes:
    """A PublishResponse as it leaves the secure channel."""
    response = ua.PublishResponse()
    response.ResponseHeader.StringTable = ["one", "two"]
    response.Parameters.SubscriptionId = ua.UInt32(subscription)
    response.Parameters.AvailableSequenceNumbers = [ua.UInt32(5), ua.UInt32(sequence_number)]
    response.Parameters.MoreNotifications = True
    message = response.Parameters.NotificationMessage
    message.SequenceNumber = ua.UInt32(sequence_number)
    message.PublishTime = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
    message.NotificationData = parts
    response.Parameters.Results = [ua.StatusCode(ua.UInt32(0)), ua.StatusCode(ua.UInt32(0x807A0000))]
    return struct_to_binary(response)


def data_change(items: list[ua.MonitoredItemNotification], diagnostics: int = 0) -> ua.DataChangeNotification:
    """A DataChangeNotification."""
    infos = [ua.DiagnosticInfo(SymbolicId=ua.Int32(1), AdditionalInfo="why") for _ in range(diagnostics)]
    return ua.DataChangeNotification(items, infos)


def microseconds(time: dt.datetime) -> int:
    """As the decoder gives it."""
    return (time - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)
