"""Properties of variables that say what their values mean (Part 8): units, ranges, names of states."""

import functools
from collections.abc import Callable, Mapping
from typing import TypeVar

from dualspan.onboarding.v1 import browse_pb2
from dualspan_edge.decoder.cursor import MAX_ELEMENT_BYTES, MAX_ELEMENTS, Cursor, Extension, NodeKey
from dualspan_edge.errors import DecodeError
from dualspan_edge.opcua.nodekeys import standard_key
from dualspan_edge.opcua.units import code_of

_T = TypeVar("_T")
UNITS, EU_RANGE, INSTRUMENT_RANGE = "EngineeringUnits", "EURange", "InstrumentRange"
ENUM_STRINGS, ENUM_VALUES, TRUE_STATE, FALSE_STATE = "EnumStrings", "EnumValues", "TrueState", "FalseState"
WANTED = frozenset({UNITS, EU_RANGE, INSTRUMENT_RANGE, ENUM_STRINGS, ENUM_VALUES, TRUE_STATE, FALSE_STATE})
_UNITS_ENCODING, _RANGE_ENCODING, _ENUM_VALUE_ENCODING = map(standard_key, (889, 886, 8251))
_ENUM_DEFINITION_ENCODING, _STRUCTURE_DEFINITION_ENCODING = map(standard_key, (123, 122))


def _tolerant(read: Callable[[object], _T | None]) -> Callable[[object], _T | None]:
    """A value whose own body breaks the encoding is none: one odd property is no reason to end a browse."""

    @functools.wraps(read)
    def checked(value: object) -> _T | None:
        try:
            return read(value)
        except DecodeError:
            return None

    return checked


@_tolerant
def units_of(value: object) -> browse_pb2.EngineeringUnits | None:
    """EUInformation; None if the value is something else."""
    cursor = _cursor_of(value, _UNITS_ENCODING)
    if cursor is None:
        return None
    namespace, unit_id = cursor.text(), cursor.int32()
    name, description = cursor.localized_text(), cursor.localized_text()
    return browse_pb2.EngineeringUnits(
        namespace_uri=namespace,
        unit_id=unit_id,
        unece_code=code_of(unit_id),
        display_name=name,
        description=description,
    )


@_tolerant
def range_of(value: object) -> browse_pb2.ValueRange | None:
    """A Range; None if the value is something else."""
    cursor = _cursor_of(value, _RANGE_ENCODING)
    return None if cursor is None else browse_pb2.ValueRange(low=cursor.scalar(11), high=cursor.scalar(11))


def enum_of(values: Mapping[str, object]) -> list[browse_pb2.EnumValue]:
    """The names of states, from whichever property states them."""
    listed = values.get(ENUM_VALUES)
    if isinstance(listed, list):
        return [found for element in listed if (found := _enum_value(element)) is not None]
    strings = values.get(ENUM_STRINGS)
    if isinstance(strings, list):
        return [
            browse_pb2.EnumValue(value=index, name=name)
            for index, name in enumerate(strings)
            if isinstance(name, str) and name
        ]
    states = ((0, values.get(FALSE_STATE)), (1, values.get(TRUE_STATE)))
    return [browse_pb2.EnumValue(value=value, name=name) for value, name in states if isinstance(name, str)]


@_tolerant
def _enum_value(element: object) -> browse_pb2.EnumValue | None:
    cursor = _cursor_of(element, _ENUM_VALUE_ENCODING)
    return (
        None
        if cursor is None
        else browse_pb2.EnumValue(value=int(cursor.scalar(8)), name=cursor.localized_text(MAX_ELEMENT_BYTES))
    )


@_tolerant
def enum_definition(value: object) -> list[browse_pb2.EnumValue] | None:
    """An EnumDefinition (Part 3, 8.50); None if the value is something else."""
    cursor = _cursor_of(value, _ENUM_DEFINITION_ENCODING)
    if cursor is None:
        return None
    found: list[browse_pb2.EnumValue] = []
    for _ in range(min(cursor.count(14), MAX_ELEMENTS)):
        number, display = int(cursor.scalar(8)), cursor.localized_text(MAX_ELEMENT_BYTES)
        cursor.localized_text(0)
        found.append(browse_pb2.EnumValue(value=number, name=cursor.text(MAX_ELEMENT_BYTES) or display))
    return found


@_tolerant
def structure_definition(value: object) -> list[tuple[browse_pb2.StructureField, NodeKey]] | None:
    """A StructureDefinition (Part 3, 8.49) with the data types of its fields; None if the value is something else."""
    cursor = _cursor_of(value, _STRUCTURE_DEFINITION_ENCODING)
    if cursor is None:
        return None
    cursor.node_key()
    cursor.node_key()
    cursor.int32()
    found: list[tuple[browse_pb2.StructureField, NodeKey]] = []
    for _ in range(min(cursor.count(20), MAX_ELEMENTS)):
        name = cursor.text(MAX_ELEMENT_BYTES)
        cursor.localized_text(0)
        data_type, rank = cursor.node_key(), cursor.int32()
        cursor.skip(4 * cursor.count(4) + 4)
        optional = cursor.byte() != 0
        field = browse_pb2.StructureField(name=name, value_rank=rank, is_optional=optional)
        found.append((field, data_type))
    return found


def _cursor_of(value: object, encoding: NodeKey) -> Cursor | None:
    if not isinstance(value, Extension) or value.encoding != encoding:
        return None
    return Cursor(value.body, 0, len(value.body))
