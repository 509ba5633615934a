"""What the nodes that a browse found are: their attributes, types, units, ranges and states."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from asyncua import ua

from dualspan.frame.v1 import frame_pb2
from dualspan.onboarding.v1 import browse_pb2
from dualspan.onboarding.v1 import resources_pb2 as onboarding
from dualspan_edge.decoder.cursor import Name, NodeKey
from dualspan_edge.opcua import properties
from dualspan_edge.opcua.asking import Asker
from dualspan_edge.opcua.findings import Findings
from dualspan_edge.opcua.nodekeys import NodeNames
from dualspan_edge.opcua.nodetypes import DataTypes, TypeTree, data_type_of
from dualspan_edge.opcua.units import symbol_of

OBJECT, VARIABLE, METHOD = (int(c) for c in (ua.NodeClass.Object, ua.NodeClass.Variable, ua.NodeClass.Method))
_IDS = ua.AttributeIds
_VALUE, _DESCRIPTION, _DIMENSIONS = int(_IDS.Value), int(_IDS.Description), int(_IDS.ArrayDimensions)
_DATA_TYPE, _RANK, _ACCESS, _USER_ACCESS, _MINIMUM, _NOTIFIER = (
    int(attribute)
    for attribute in (
        _IDS.DataType,
        _IDS.ValueRank,
        _IDS.AccessLevel,
        _IDS.UserAccessLevel,
        _IDS.MinimumSamplingInterval,
        _IDS.EventNotifier,
    )
)
_OF_CLASS = {
    OBJECT: (_DESCRIPTION, _NOTIFIER),
    VARIABLE: (_DATA_TYPE, _RANK, _ACCESS, _USER_ACCESS, _MINIMUM, _DESCRIPTION),
    METHOD: (_DESCRIPTION,),
}
_ANY_RANK = -2
# What is said of a node, what may be said of it, and what may be said of all nodes beyond the ordinary.
_ORDINARY_BYTES, _MOST_BYTES, _MOST_EXTRA_BYTES = 1_000, 60_000, 64_000_000
_INT32 = 2**31


@dataclass(slots=True)
class FoundNode:
    """A node on its way into the result.

    Attributes:
        key: Which.
        parent: The node that it was found below; None at the root of the browse.
        path: BrowseNames from the Objects folder, or from the root of the browse, to here.
        browse_name: Its own.
        display_name: For people.
        node_class: OBJECT, VARIABLE or METHOD.
        type_definition: Of objects and variables.
        properties: Those that say what its values mean, by name.
    """

    key: NodeKey
    parent: NodeKey | None
    path: str
    browse_name: Name
    display_name: str
    node_class: int
    type_definition: NodeKey | None
    properties: dict[str, NodeKey] | None = field(default=None)


class Describer:
    """Describes nodes of one server.

    Args:
        asker: The server.
        names: Writes NodeIds as texts.
        findings: Where it is noted what could not be had.
    """

    def __init__(self, asker: Asker, names: NodeNames, findings: Findings) -> None:
        self._asker = asker
        self._names = names
        self._findings = findings
        self._tree = TypeTree(asker, names)
        self._data_types = DataTypes(asker, self._tree)
        self._extra_bytes = 0

    async def describe(
        self, found: Sequence[FoundNode]
    ) -> tuple[list[onboarding.BrowsedNode], list[browse_pb2.BrowsedType]]:
        """The nodes as the contract has them, and the types that were not met before."""
        types = await self._tree.learn({node.type_definition for node in found if node.type_definition is not None})
        attributes = await self._attributes(found)
        browsed = {node.key: self._plain(node, attributes) for node in found}
        await self._describe_variables([node for node in found if node.node_class == VARIABLE], attributes, browsed)
        usable = [node for node in browsed.values() if node.node_id]
        for node in usable:
            self._bound(node)
        self._findings.unusable_ids += len(browsed) - len(usable)
        return usable, types

    def _bound(self, node: onboarding.BrowsedNode) -> None:
        """Leaves the longest parts out where a server says more than anybody could read."""
        size = node.ByteSize()
        self._extra_bytes += max(size - _ORDINARY_BYTES, 0)
        if size > _MOST_BYTES or self._extra_bytes > _MOST_EXTRA_BYTES:
            node.ClearField("description")
            for name in ("enum_values", "fields", "array_dimensions"):
                node.details.ClearField(name)
            self._findings.note("its descriptions, states and fields are too long, and some were left out")

    async def _attributes(self, found: Sequence[FoundNode]) -> Mapping[tuple[NodeKey, int], object]:
        """One attribute of all nodes after the other: values of one type stand together, and decode as columns."""
        wanted = [
            (node.key, attribute)
            for node_class, attributes in _OF_CLASS.items()
            for attribute in attributes
            for node in found
            if node.node_class == node_class
        ]
        answers = await self._asker.read(wanted)
        return {asked: answer.value for asked, answer in zip(wanted, answers, strict=True)}

    def _plain(self, node: FoundNode, attributes: Mapping[tuple[NodeKey, int], object]) -> onboarding.BrowsedNode:
        """What every node has."""
        description = attributes.get((node.key, _DESCRIPTION))
        browsed = onboarding.BrowsedNode(
            node_id=self._names.node_id(node.key),
            browse_path=node.path,
            display_name=node.display_name,
            node_class=node.node_class,
            browse_name=self._names.browse_name(node.browse_name),
            parent_node_id="" if node.parent is None else self._names.node_id(node.parent),
            description=description if isinstance(description, str) else "",
            event_notifier=_level(attributes.get((node.key, _NOTIFIER))),
        )
        if node.type_definition is not None:
            browsed.type_definition = self._names.node_id(node.type_definition)
            browsed.type_name = self._names.browse_name(self._tree.name(node.type_definition))
        return browsed

    async def _describe_variables(
        self,
        variables: Sequence[FoundNode],
        attributes: Mapping[tuple[NodeKey, int], object],
        browsed: Mapping[NodeKey, onboarding.BrowsedNode],
    ) -> None:
        data_types = {node.key: data_type_of(attributes.get((node.key, _DATA_TYPE))) for node in variables}
        ranks = {node.key: _rank(attributes.get((node.key, _RANK))) for node in variables}
        await self._data_types.learn(data_types.values())
        kinds = await self._data_types.kinds([(node.key, data_types[node.key], ranks[node.key]) for node in variables])
        for node, kind in zip(variables, kinds, strict=True):
            message, data_type = browsed[node.key], self._data_types.known(data_types[node.key])
            message.data_type = data_type.name
            message.kind = frame_pb2.ValueKind.ValueType(kind)
            message.value_rank = ranks[node.key]
            message.access_level = _level(attributes.get((node.key, _ACCESS)))
            message.user_access_level = _level(attributes.get((node.key, _USER_ACCESS)))
            message.minimum_sampling_interval_ms = _minimum(attributes.get((node.key, _MINIMUM)))
            message.details.data_type_id = self._names.node_id(data_types[node.key])
            message.details.enum_values.extend(data_type.enum_values)
            message.details.fields.extend(data_type.fields)
        await self._read_dimensions([node for node in variables if ranks[node.key] > 0], browsed)
        await self._read_properties([node for node in variables if node.properties], browsed)

    async def _read_dimensions(
        self, arrays: Sequence[FoundNode], browsed: Mapping[NodeKey, onboarding.BrowsedNode]
    ) -> None:
        answers = await self._asker.read([(node.key, _DIMENSIONS) for node in arrays])
        for node, answer in zip(arrays, answers, strict=True):
            if isinstance(answer.value, list):
                sizes = [size for size in answer.value if isinstance(size, int) and 0 <= size < 2 * _INT32]
                browsed[node.key].details.array_dimensions.extend(sizes)

    async def _read_properties(
        self, variables: Sequence[FoundNode], browsed: Mapping[NodeKey, onboarding.BrowsedNode]
    ) -> None:
        asked = [(node.key, name, key) for node in variables for name, key in (node.properties or {}).items()]
        answers = await self._asker.read([(key, _VALUE) for _, _, key in asked])
        by_node: dict[NodeKey, dict[str, object]] = {}
        for (node, name, _), answer in zip(asked, answers, strict=True):
            by_node.setdefault(node, {})[name] = answer.value
        for node, values in by_node.items():
            _say(browsed[node], values)


def _say(message: onboarding.BrowsedNode, values: Mapping[str, object]) -> None:
    """Puts the values of properties where the contract has them."""
    details = message.details
    units = properties.units_of(values.get(properties.UNITS))
    if units is not None:
        details.engineering_units.CopyFrom(units)
        message.unit = units.display_name or symbol_of(units.unece_code)
    eu_range = properties.range_of(values.get(properties.EU_RANGE))
    if eu_range is not None:
        details.eu_range.CopyFrom(eu_range)
    instrument_range = properties.range_of(values.get(properties.INSTRUMENT_RANGE))
    if instrument_range is not None:
        details.instrument_range.CopyFrom(instrument_range)
    states = properties.enum_of(values)
    if states:
        del details.enum_values[:]
        details.enum_values.extend(states)


def _level(value: object) -> int:
    return value if isinstance(value, int) and 0 <= value < 2 * _INT32 else 0


def _rank(value: object) -> int:
    return value if isinstance(value, int) and -_INT32 <= value < _INT32 else _ANY_RANK


def _minimum(value: object) -> float:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else 0.0
