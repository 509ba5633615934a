"""Browsed nodes as rows and back: lists become parallel arrays, what a node lacks becomes NULL."""

import uuid

from asyncpg import Record

from dualspan_onboarding.browsed import (
    PLAIN_FACTS,
    BrowsedNode,
    EngineeringUnits,
    EnumValue,
    StructureField,
    ValueRange,
    VariableDetails,
)

_DETAILS = (
    "data_type_id",
    "array_dimensions",
    "unit_namespace",
    "unit_id",
    "unit_code",
    "unit_name",
    "unit_description",
    "eu_low",
    "eu_high",
    "instrument_low",
    "instrument_high",
    "enum_values",
    "enum_names",
    "field_names",
    "field_types",
    "field_ranks",
    "field_optional",
)
COLUMNS = ("tenant_id", "browse_id", *PLAIN_FACTS, *_DETAILS)
NODE_COLUMNS = ", ".join((*PLAIN_FACTS, *_DETAILS))
PLACE_COLUMNS = ("browse_path", "parent_node_id")
ATTRIBUTE_COLUMNS = tuple(name for name in (*PLAIN_FACTS, *_DETAILS) if name not in ("node_id", *PLACE_COLUMNS))


def record_of(tenant: str, browse: uuid.UUID, node: BrowsedNode) -> tuple[object, ...]:
    """A node as a row, in the order of COLUMNS."""
    details = node.details
    units, eu, instrument = details.engineering_units, details.eu_range, details.instrument_range
    enum, fields = details.enum_values, details.fields
    return (
        tenant,
        browse,
        *(getattr(node, name) for name in PLAIN_FACTS),
        details.data_type_id,
        list(details.array_dimensions) or None,
        *(
            (None, None, None, None, None)
            if units is None
            else (units.namespace_uri, units.unit_id, units.unece_code, units.display_name, units.description)
        ),
        *((None, None) if eu is None else (eu.low, eu.high)),
        *((None, None) if instrument is None else (instrument.low, instrument.high)),
        [each.value for each in enum] or None,
        [each.name for each in enum] or None,
        [field.name for field in fields] or None,
        [field.data_type for field in fields] or None,
        [field.value_rank for field in fields] or None,
        [int(field.is_optional) for field in fields] or None,
    )


def node_of(row: Record) -> BrowsedNode:
    """A row as a node."""
    return BrowsedNode(**{name: row[name] for name in PLAIN_FACTS}, details=_details_of(row))


def _details_of(row: Record) -> VariableDetails:
    enum = zip(row["enum_values"] or (), row["enum_names"] or (), strict=True)
    parts = [row[name] or () for name in ("field_names", "field_types", "field_ranks", "field_optional")]
    return VariableDetails(
        data_type_id=row["data_type_id"],
        array_dimensions=tuple(row["array_dimensions"] or ()),
        engineering_units=_units_of(row),
        eu_range=_range_of(row["eu_low"], row["eu_high"]),
        instrument_range=_range_of(row["instrument_low"], row["instrument_high"]),
        enum_values=tuple(EnumValue(value, name) for value, name in enum),
        fields=tuple(
            StructureField(name, data_type, rank, bool(optional))
            for name, data_type, rank, optional in zip(*parts, strict=True)
        ),
    )


def _units_of(row: Record) -> EngineeringUnits | None:
    if row["unit_name"] is None:
        return None
    return EngineeringUnits(
        namespace_uri=row["unit_namespace"],
        unit_id=row["unit_id"],
        unece_code=row["unit_code"],
        display_name=row["unit_name"],
        description=row["unit_description"],
    )


def _range_of(low: float | None, high: float | None) -> ValueRange | None:
    return None if low is None or high is None else ValueRange(low, high)
