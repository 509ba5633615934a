"""Answers to Browse and Read, held against asyncua's encoder; whatever else comes is one error, or is bounded."""

# asyncua types its fields with classes of its own and takes plain values.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

import contextlib
import random
import uuid
from collections.abc import Sequence

import pytest
from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary
from hypothesis import given
from hypothesis import strategies as st

from dualspan_edge.decoder.browsing import decode_browse_response
from dualspan_edge.decoder.cursor import Extension, Name, NodeKey
from dualspan_edge.decoder.reading import Attribute, decode_read_response, decode_value_shapes
from dualspan_edge.errors import DecodeError, ServiceRefusedError
from dualspan_edge.opcua.nodeids import format_node_id, parse_node_id
from dualspan_edge.opcua.nodekeys import NodeNames, key_of
from dualspan_edge.opcua.properties import enum_definition, enum_of, range_of, structure_definition, units_of
from dualspan_edge.opcua.units import code_of, symbol_of

NAMESPACES = ["http://opcfoundation.org/UA/", "urn:server", "http://plant;100%"]
NAMES = NodeNames(NAMESPACES)
# Null and empty strings are one and the same to whoever reads them.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
NODES = st.builds(
    ua.NodeId,
    st.one_of(
        st.integers(0, 2**32 - 1),
        TEXTS.filter(lambda text: "\x00" not in text),
        st.binary(min_size=1, max_size=20),
        st.uuids(),
    ),
    st.integers(0, 2),
)
REFERENCES = st.builds(
    ua.ReferenceDescription,
    ReferenceTypeId=NODES,
    IsForward=st.booleans(),
    NodeId=NODES,
    BrowseName=st.builds(ua.QualifiedName, TEXTS, st.integers(0, 2)),
    DisplayName=st.builds(ua.LocalizedText, TEXTS),
    NodeClass=st.sampled_from([ua.NodeClass.Object, ua.NodeClass.Variable, ua.NodeClass.Method]),
    TypeDefinition=NODES,
)


def _browse_response(results: Sequence[ua.BrowseResult]) -> bytes:
    response = ua.BrowseResponse()
    response.Results = list(results)
    return struct_to_binary(response)


def _read_response(values: Sequence[ua.DataValue]) -> bytes:
    response = ua.ReadResponse()
    response.Results = list(values)
    return struct_to_binary(response)


@given(NODES)
def test_a_node_is_written_as_everywhere_else(node: ua.NodeId) -> None:
    text = NAMES.node_id(key_of(node))
    assert text == format_node_id(node, NAMESPACES)
    assert key_of(parse_node_id(text, NAMESPACES)) == key_of(node)


@given(st.lists(st.lists(REFERENCES, max_size=4), max_size=4), st.binary(max_size=30))
def test_references_come_as_they_were_sent(nodes: list[list[ua.ReferenceDescription]], point: bytes) -> None:
    results = [ua.BrowseResult(References=references, ContinuationPoint=point) for references in nodes]
    answer = decode_browse_response(_browse_response(results), 1000)
    assert (answer.unread, answer.repaired) == (0, 0)
    for result, sent in zip(answer.results, results, strict=True):
        assert (result.status, result.continuation_point) == (0, point)
        for got, wanted in zip(result.references, sent.References, strict=True):
            assert got.node == key_of(wanted.NodeId)
            assert got.reference_type == key_of(wanted.ReferenceTypeId)
            assert got.type_definition == key_of(wanted.TypeDefinition)
            assert got.browse_name == Name(wanted.BrowseName.NamespaceIndex, wanted.BrowseName.Name)
            assert got.display_name == wanted.DisplayName.Text
            assert (got.is_forward, got.node_class) == (wanted.IsForward, wanted.NodeClass)


def test_references_behind_the_most_are_counted_and_left() -> None:
    results = [ua.BrowseResult(References=[ua.ReferenceDescription()] * 5) for _ in range(3)]
    answer = decode_browse_response(_browse_response(results), 7)
    assert [len(result.references) for result in answer.results] == [5, 2, 0]
    assert answer.unread == 8


VALUES = st.one_of(
    st.builds(ua.Variant, st.booleans(), st.just(ua.VariantType.Boolean)),
    st.builds(ua.Variant, st.integers(0, 255), st.just(ua.VariantType.Byte)),
    st.builds(ua.Variant, st.integers(-(2**31), 2**31 - 1), st.just(ua.VariantType.Int32)),
    st.builds(ua.Variant, st.floats(allow_nan=False), st.just(ua.VariantType.Double)),
    st.builds(ua.Variant, NODES, st.just(ua.VariantType.NodeId)),
    st.builds(ua.Variant, TEXTS, st.just(ua.VariantType.String)),
    st.builds(ua.Variant, st.builds(ua.LocalizedText, TEXTS), st.just(ua.VariantType.LocalizedText)),
    st.builds(ua.Variant, st.lists(st.integers(0, 9), min_size=1, max_size=5), st.just(ua.VariantType.UInt32)),
)
DATA_VALUES = st.one_of(
    st.builds(ua.DataValue, VALUES),
    st.builds(ua.DataValue, StatusCode=st.builds(ua.StatusCode, st.sampled_from([0x80340000, 0x80350000]))),
)


def _plain(sent: ua.DataValue) -> Attribute:
    if sent.StatusCode is not None and not sent.StatusCode.is_good():
        return Attribute(int(sent.StatusCode.value), None)
    value = sent.Value.Value if sent.Value is not None else None
    if isinstance(value, ua.NodeId):
        value = key_of(value)
    elif isinstance(value, ua.LocalizedText):
        value = value.Text
    return Attribute(0, value)


@given(st.lists(st.tuples(DATA_VALUES, st.integers(1, 40)), min_size=1, max_size=12))
def test_attributes_come_as_they_were_sent_however_they_are_mixed(runs: list[tuple[ua.DataValue, int]]) -> None:
    """Long runs of one kind are read as columns, short ones one by one: the result is the same."""
    sent = [value for value, count in runs for _ in range(count)]
    answer = decode_read_response(_read_response(sent), len(sent))
    assert answer.attributes == [_plain(value) for value in sent]


@given(st.lists(DATA_VALUES, min_size=1, max_size=20))
def test_shapes_of_values(values: list[ua.DataValue]) -> None:
    shapes = decode_value_shapes(_read_response(values), len(values))
    for shape, sent in zip(shapes, values, strict=True):
        wanted = (sent.Value.VariantType.value, sent.Value.is_array) if sent.Value is not None else (0, False)
        assert (shape.built_in, shape.is_array) == (wanted[0], bool(wanted[1]))


@given(st.binary(max_size=400), st.integers(1, 50))
def test_noise_is_an_error(noise: bytes, asked: int) -> None:
    for decode in (lambda: decode_browse_response(noise, 1000), lambda: decode_read_response(noise, asked)):
        with pytest.raises((DecodeError, ServiceRefusedError)):
            decode()


@given(st.lists(st.lists(REFERENCES, max_size=3), min_size=1, max_size=3), st.integers())
def test_a_message_that_was_tampered_with_is_bounded(nodes: list[list[ua.ReferenceDescription]], seed: int) -> None:
    body = bytearray(_browse_response([ua.BrowseResult(References=references) for references in nodes]))
    chance = random.Random(seed)
    position = chance.randrange(24, len(body))
    body[position : position + 4] = chance.choice([b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff", b"\x00\x00\x00\x80"])
    with contextlib.suppress(DecodeError, ServiceRefusedError):
        answer = decode_browse_response(bytes(body), 100)
        assert sum(len(result.references) for result in answer.results) <= 100


def test_another_number_of_attributes_is_an_error() -> None:
    body = _read_response([ua.DataValue(ua.Variant(1, ua.VariantType.Int32))] * 3)
    with pytest.raises(DecodeError, match="answers 3 results to 4"):
        decode_read_response(body, 4)


def _value(value: object) -> object:
    body = _read_response([ua.DataValue(ua.Variant(value))])
    return decode_read_response(body, 1).attributes[0].value


def test_properties_that_say_what_values_mean() -> None:
    celsius = ua.EUInformation("http://unece", 4408652, ua.LocalizedText("°C"), ua.LocalizedText("degree Celsius"))
    units = units_of(_value(celsius))
    assert units is not None
    assert (units.unece_code, units.display_name, units.unit_id) == ("CEL", "°C", 4408652)
    span = range_of(_value(ua.Range(-5.0, 1e6)))
    assert span is not None
    assert (span.low, span.high) == (-5.0, 1e6)
    assert range_of(_value(celsius)) is None
    assert units_of("text") is None
    listed = [ua.EnumValueType(7, ua.LocalizedText("Run"), ua.LocalizedText("")), ua.Range(0.0, 1.0)]
    (found,) = enum_of({"EnumValues": _value(listed)})
    assert (found.value, found.name) == (7, "Run")


def test_definitions_of_data_types() -> None:
    fields = [
        ua.EnumField(Value=3, DisplayName=ua.LocalizedText("Three"), Name="THREE"),
        ua.EnumField(Value=4, DisplayName=ua.LocalizedText("Four")),
    ]
    states = enum_definition(_value(ua.EnumDefinition(fields)))
    assert states is not None
    assert [(state.value, state.name) for state in states] == [(3, "THREE"), (4, "Four")]
    part = ua.StructureField(Name="X", DataType=ua.NodeId(11), ValueRank=1, ArrayDimensions=[3, 4], IsOptional=True)
    structure = structure_definition(_value(ua.StructureDefinition(Fields=[part])))
    assert structure is not None
    ((field, data_type),) = structure
    assert (field.name, field.value_rank, field.is_optional) == ("X", 1, True)
    assert data_type == key_of(ua.NodeId(11))


@given(st.binary(max_size=60))
def test_a_property_with_a_broken_body_is_none(body: bytes) -> None:
    for number, read in ((889, units_of), (886, range_of), (123, enum_definition), (122, structure_definition)):
        with contextlib.suppress(AssertionError):
            read(Extension(key_of(ua.NodeId(number)), body))


@pytest.mark.parametrize(
    ("unit_id", "code", "symbol"),
    [(4408652, "CEL", "°C"), (5067858, "MTR", "m"), (20529, "P1", "%"), (-1, "", ""), (0, "", ""), (2**31 - 1, "", "")],
)
def test_unece_codes(unit_id: int, code: str, symbol: str) -> None:
    assert (code_of(unit_id), symbol_of(code)) == (code, symbol)


def test_what_cannot_be_written_is_no_node() -> None:
    far = ua.NodeId(5, 9)
    assert NAMES.node_id(key_of(far)) == ""
    assert NAMES.node_id(NodeKey(b"\x03\x01\x00\x02\x00\x00\x00\xff\xfe")) == ""
    assert NAMES.node_id(key_of(ua.NodeId("x" * 2000, 1))) == ""
    assert NAMES.node_id(key_of(ua.NodeId(uuid.UUID(int=7), 1))) == f"nsu=urn:server;g={uuid.UUID(int=7)}"
