"""What a gateway found, as it can be stored. What a PLC says is not trusted, and neither is what repeats it."""

import dataclasses
import math
from collections.abc import Sequence

from dualspan_onboarding.browsed import (
    BrowsedNode,
    BrowsedType,
    EngineeringUnits,
    EnumValue,
    StructureField,
    ValueRange,
    VariableDetails,
)
from dualspan_onboarding.rules import MAX_BROWSE_PATH_BYTES, MAX_INTERVAL_US, is_node_id

_MAX_NAME = 1000
_MAX_DESCRIPTION = 2000
# Of states, fields and dimensions; and of their names.
_MAX_PARTS = 500
_MAX_PART_NAME = 200
_MAX_WARNINGS = 20
# Indexes are 16 bits; a plant's server has a few dozen namespaces.
_MAX_NAMESPACES = 65_536


def _storable(text: str, maximum_bytes: int) -> str:
    """A PLC's text, as the database can keep it: no NUL, not longer than an index takes."""
    return text.replace("\x00", "�").encode("utf-8", "replace")[:maximum_bytes].decode("utf-8", "ignore")


def clean_node(node: BrowsedNode) -> BrowsedNode | None:
    """A browsed node as it can be stored, or None if its id cannot."""
    if not is_node_id(node.node_id):
        return None
    minimum = node.minimum_sampling_interval_ms
    return BrowsedNode(
        node_id=node.node_id,
        browse_path=_storable(node.browse_path.lstrip("/"), MAX_BROWSE_PATH_BYTES),
        display_name=_storable(node.display_name, _MAX_NAME),
        node_class=node.node_class if 0 <= node.node_class <= 255 else 0,
        data_type=_storable(node.data_type, 200),
        kind=node.kind if 1 <= node.kind <= 5 else 0,
        value_rank=node.value_rank,
        access_level=node.access_level,
        unit=_storable(node.unit, 50),
        minimum_sampling_interval_ms=minimum if 0 <= minimum <= MAX_INTERVAL_US / 1000 else 0.0,
        browse_name=_storable(node.browse_name, _MAX_NAME),
        parent_node_id=_node_id(node.parent_node_id),
        type_definition=_node_id(node.type_definition),
        type_name=_storable(node.type_name, _MAX_NAME),
        description=_storable(node.description, _MAX_DESCRIPTION),
        user_access_level=node.user_access_level,
        event_notifier=node.event_notifier,
        details=_clean_details(node.details),
    )


def _node_id(text: str) -> str:
    return text if is_node_id(text) else ""


def _clean_details(details: VariableDetails) -> VariableDetails:
    return VariableDetails(
        data_type_id=_node_id(details.data_type_id),
        array_dimensions=details.array_dimensions[:_MAX_PARTS],
        engineering_units=_clean_units(details.engineering_units),
        eu_range=_clean_range(details.eu_range),
        instrument_range=_clean_range(details.instrument_range),
        enum_values=tuple(
            EnumValue(v.value, _storable(v.name, _MAX_PART_NAME)) for v in details.enum_values[:_MAX_PARTS]
        ),
        fields=tuple(
            StructureField(
                _storable(f.name, _MAX_PART_NAME), _storable(f.data_type, _MAX_PART_NAME), f.value_rank, f.is_optional
            )
            for f in details.fields[:_MAX_PARTS]
        ),
    )


def _clean_units(units: EngineeringUnits | None) -> EngineeringUnits | None:
    if units is None:
        return None
    texts = {
        field.name: _storable(value, _MAX_NAME)
        for field in dataclasses.fields(units)
        if isinstance(value := getattr(units, field.name), str)
    }
    return dataclasses.replace(units, **texts)


def _clean_range(span: ValueRange | None) -> ValueRange | None:
    if span is None or not (math.isfinite(span.low) and math.isfinite(span.high) and span.low <= span.high):
        return None
    return span


def clean_type(found: BrowsedType) -> BrowsedType | None:
    """A type as it can be stored, or None if its id cannot."""
    if not is_node_id(found.node_id):
        return None
    return BrowsedType(found.node_id, _storable(found.browse_name, _MAX_NAME), _node_id(found.supertype))


def clean_warnings(warnings: Sequence[str]) -> list[str]:
    """A gateway's words about a browse."""
    return [_storable(warning, _MAX_NAME) for warning in warnings[:_MAX_WARNINGS]]


def clean_namespaces(namespaces: Sequence[str]) -> list[str]:
    """A server's NamespaceArray as it can be stored; each keeps its index."""
    return [_storable(uri, _MAX_NAME) for uri in namespaces[:_MAX_NAMESPACES]]
