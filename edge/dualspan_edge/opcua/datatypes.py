"""Which kind the samples of a variable have, from its data type."""

from collections.abc import Sequence
from dataclasses import dataclass

from asyncua import ua

from dualspan_edge.opcua.connection import Connection
from dualspan_edge.opcua.nodeids import standard_node
from dualspan_edge.opcua.services import in_portions, read_attributes, value_of
from dualspan_frame import ValueKind

# Built-in types (Part 6, 5.1.2) and the abstract numbers of Part 3, 8; Enumeration (29) is sent as Int32.
_BASE_DATA_TYPE, _NUMBER, _INTEGER, _UINTEGER, _ENUMERATION = 24, 26, 27, 28, 29
_ROOTS = frozenset([*range(1, 26), _NUMBER, _INTEGER, _UINTEGER, _ENUMERATION])
_ABSTRACT = frozenset({_BASE_DATA_TYPE, _NUMBER, _INTEGER, _UINTEGER})
_SCALAR = -1
_ANY_RANKS = frozenset({-2, -3})
# Longer chains of subtypes than this are a loop.
_DEEPEST = 20


@dataclass(frozen=True, slots=True)
class Description:
    """A variable's type: its name, and the kind of its samples."""

    name: str
    kind: ValueKind


class DataTypes:
    """The data types of one server, learned as they are met."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._parents: dict[ua.NodeId, ua.NodeId | None] = {}
        self._names: dict[ua.NodeId, str] = {}

    async def describe(self, variables: Sequence[tuple[ua.NodeId, object, object]]) -> list[Description]:
        """Describes variables, each given as (node, DataType, ValueRank) as they were read."""
        types = [data_type if isinstance(data_type, ua.NodeId) else standard_node(24) for _, data_type, _ in variables]
        await self._learn({data_type for data_type in types if data_type not in self._names})
        roots = [self._root(data_type) for data_type in types]
        unclear = [
            node
            for (node, _, rank), root in zip(variables, roots, strict=True)
            if rank in _ANY_RANKS or (root in _ABSTRACT and rank == _SCALAR)
        ]
        seen = await self._look_at(unclear)
        return [
            Description(self._names.get(data_type, ""), seen.get(node) or kind_of(root, scalar=rank == _SCALAR))
            for (node, _, rank), data_type, root in zip(variables, types, roots, strict=True)
        ]

    def _root(self, data_type: ua.NodeId) -> int:
        """The built-in or abstract type that it is, or derives from."""
        current: ua.NodeId | None = data_type
        for _ in range(_DEEPEST):
            if current is None:
                break
            if current.NamespaceIndex == 0 and current.Identifier in _ROOTS:
                return int(current.Identifier)
            current = self._parents.get(current)
        return _BASE_DATA_TYPE

    async def _learn(self, data_types: set[ua.NodeId]) -> None:
        """Reads names and supertypes up to the built-in types, one level for all of them at a time."""
        portion = self._connection.limits.nodes_per_read
        names = [(node, ua.AttributeIds.BrowseName) for node in data_types]
        for (node, _), answer in zip(
            names, await read_attributes(self._connection.session, names, portion), strict=True
        ):
            name = value_of(answer)
            self._names[node] = name.Name or "" if isinstance(name, ua.QualifiedName) else ""
        level = {node for node in data_types if not _is_root(node)}
        for _ in range(_DEEPEST):
            unknown = [node for node in level if node not in self._parents]
            if not unknown:
                return
            parents = await self._read_parents(unknown)
            self._parents.update(zip(unknown, parents, strict=True))
            level = {parent for parent in parents if parent is not None and not _is_root(parent)}

    async def _read_parents(self, nodes: Sequence[ua.NodeId]) -> list[ua.NodeId | None]:
        async def ask(part: Sequence[ua.NodeId]) -> list[ua.BrowseResult]:
            parameters = ua.BrowseParameters()
            parameters.NodesToBrowse = [_supertype_of(node) for node in part]
            return await self._connection.session.browse(parameters)

        results = await in_portions(ask, nodes, self._connection.limits.nodes_per_browse)
        parents: list[ua.NodeId | None] = []
        for result in results:
            references = result.References or ()
            expanded = references[0].NodeId if references else None
            parents.append(expanded and ua.NodeId(expanded.Identifier, expanded.NamespaceIndex, expanded.NodeIdType))
        return parents

    async def _look_at(self, nodes: Sequence[ua.NodeId]) -> dict[ua.NodeId, ValueKind]:
        """The kinds of the current values, where the type or the rank leaves it open."""
        values = [(node, ua.AttributeIds.Value) for node in nodes]
        portion = self._connection.limits.nodes_per_read
        answers = await read_attributes(self._connection.session, values, portion)
        found: dict[ua.NodeId, ValueKind] = {}
        for node, answer in zip(nodes, answers, strict=True):
            if answer.Value is not None and value_of(answer) is not None:
                found[node] = kind_of(answer.Value.VariantType.value, scalar=not answer.Value.is_array)
        return found


def kind_of(root: int, *, scalar: bool) -> ValueKind:
    """The kind of samples of a built-in or abstract type."""
    if not scalar:
        return ValueKind.BYTES
    match root:
        case 1:
            return ValueKind.BOOL
        case 10 | 11 | 26:
            return ValueKind.FLOAT64
        case 12 | 14 | 21:
            return ValueKind.TEXT
        case 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 13 | 27 | 28 | 29:
            return ValueKind.INT64
        case _:
            return ValueKind.BYTES


def _is_root(node: ua.NodeId) -> bool:
    return node.NamespaceIndex == 0 and node.Identifier in _ROOTS


def _supertype_of(node: ua.NodeId) -> ua.BrowseDescription:
    description = ua.BrowseDescription()
    description.NodeId = node
    description.BrowseDirection = ua.BrowseDirection.Inverse
    description.ReferenceTypeId = standard_node(ua.ObjectIds.HasSubtype)
    description.IncludeSubtypes = True
    description.NodeClassMask = ua.NodeClass.DataType
    description.ResultMask = ua.BrowseResultMask.All
    return description
