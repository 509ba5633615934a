import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from dualspan_onboarding.browsed import (
    BrowsedNode,
    BrowsedType,
    EngineeringUnits,
    EnumValue,
    StructureField,
    ValueRange,
    VariableDetails,
)
from dualspan_onboarding.rules import MAX_BROWSE_PATH_BYTES, is_node_id
from dualspan_onboarding.scrubbing import clean_node, clean_type, clean_warnings
from dualspan_onboarding.servicer import browse_mapping
from dualspan_onboarding.store.browsed_rows import COLUMNS, NODE_COLUMNS, record_of

INT32, UINT32 = st.integers(-(2**31), 2**31 - 1), st.integers(0, 2**32 - 1)
NODE_IDS = st.one_of(st.just("nsu=http://plant;s=T"), st.text())
DETAILS = st.builds(
    VariableDetails,
    data_type_id=NODE_IDS,
    array_dimensions=st.lists(UINT32, max_size=3).map(tuple),
    engineering_units=st.none() | st.builds(EngineeringUnits, st.text(), INT32, st.text(), st.text(), st.text()),
    eu_range=st.none() | st.builds(ValueRange, st.floats(), st.floats()),
    instrument_range=st.none() | st.builds(ValueRange, st.floats(), st.floats()),
    enum_values=st.lists(st.builds(EnumValue, st.integers(-(2**63), 2**63 - 1), st.text()), max_size=3).map(tuple),
    fields=st.lists(st.builds(StructureField, st.text(), st.text(), INT32, st.booleans()), max_size=3).map(tuple),
)
NODES = st.builds(
    BrowsedNode,
    node_id=NODE_IDS,
    browse_path=st.text(max_size=4000),
    display_name=st.text(),
    node_class=UINT32,
    data_type=st.text(),
    kind=INT32,
    value_rank=INT32,
    access_level=UINT32,
    unit=st.text(),
    minimum_sampling_interval_ms=st.floats(),
    browse_name=st.text(),
    parent_node_id=NODE_IDS,
    type_definition=NODE_IDS,
    type_name=st.text(),
    description=st.text(),
    user_access_level=UINT32,
    event_notifier=UINT32,
    details=DETAILS,
)


def texts_of(value: object) -> list[str]:
    """Every text in a dataclass, however deep."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, tuple):
        return [text for part in value for text in texts_of(part)]
    if dataclasses.is_dataclass(value):
        return [text for field in dataclasses.fields(value) for text in texts_of(getattr(value, field.name))]
    return []


@given(NODES)
def test_whatever_a_plc_says_of_a_node_can_be_stored(found: BrowsedNode) -> None:
    clean = clean_node(found)
    if clean is None:
        assert not is_node_id(found.node_id)
        return
    for text in texts_of(clean):
        assert "\x00" not in text
        text.encode()
    assert len(clean.browse_path.encode()) <= MAX_BROWSE_PATH_BYTES
    assert 0 <= clean.kind <= 5
    assert 0 <= clean.node_class <= 255
    assert 0 <= clean.minimum_sampling_interval_ms < float("inf")
    for node_id in (clean.parent_node_id, clean.type_definition, clean.details.data_type_id):
        assert not node_id or is_node_id(node_id)
    for span in (clean.details.eu_range, clean.details.instrument_range):
        assert span is None or span.low <= span.high


@given(NODES)
def test_what_is_stored_comes_back_as_it_was(found: BrowsedNode) -> None:
    clean = clean_node(found)
    if clean is None:
        return
    message = browse_mapping.browsed_node(clean)
    assert browse_mapping._found(message) == clean
    row = dict(zip(COLUMNS, record_of("acme", "browse", clean), strict=True))  # pyright: ignore[reportArgumentType]
    assert set(NODE_COLUMNS.split(", ")) | {"tenant_id", "browse_id"} == set(row)


def test_a_type_without_a_usable_id_is_left_out() -> None:
    assert clean_type(BrowsedType("ns=2;i=1", "T", "")) is None
    assert clean_type(BrowsedType("i=58", "A\x00", "ns=1;i=9")) == BrowsedType("i=58", "A�", "")


def test_words_of_a_gateway_are_bounded() -> None:
    assert len(clean_warnings(["x" * 5000] * 100)) == 20
    assert len(clean_warnings(["x" * 5000])[0]) == 1000
