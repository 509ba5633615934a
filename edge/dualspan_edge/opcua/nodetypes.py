"""Types of one server, learned as they are met: of objects and variables, and of values."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from asyncua import ua

from dualspan.onboarding.v1 import browse_pb2
from dualspan_edge.decoder.cursor import Name, NodeKey
from dualspan_edge.opcua.asking import Asker
from dualspan_edge.opcua.datatypes import ABSTRACT_TYPES, ANY_RANKS, SCALAR, TYPE_ROOTS, kind_of
from dualspan_edge.opcua.nodekeys import NodeNames, namespace_of, standard_key
from dualspan_edge.opcua.properties import ENUM_STRINGS, ENUM_VALUES, enum_definition, enum_of, structure_definition
from dualspan_frame import ValueKind

_HAS_SUBTYPE, _HAS_PROPERTY = standard_key(ua.ObjectIds.HasSubtype), standard_key(ua.ObjectIds.HasProperty)
_BASE_DATA_TYPE = standard_key(ua.ObjectIds.BaseDataType)
_NUMBER_KEYS = {standard_key(number): number for number in TYPE_ROOTS}
_STRUCTURE, _ENUMERATION = 22, 29
_BROWSE_NAME, _VALUE, _DEFINITION = (
    int(attribute)
    for attribute in (ua.AttributeIds.BrowseName, ua.AttributeIds.Value, ua.AttributeIds.DataTypeDefinition)
)
# Longer chains of subtypes than this are a loop.
_DEEPEST = 30
# A server with more types than this makes them up as it is asked.
_MOST_TYPES = 20_000
# Types in a call: there are never many.
_FEW = 50


@dataclass(frozen=True, slots=True)
class DataType:
    """A data type: its name, what it derives from, and what its values can be.

    Attributes:
        name: BrowseName without its namespace.
        root: Number of the built-in or abstract type that it is or derives from.
        enum_values: Meanings of its values, if it is an enumeration.
        fields: Its fields, if it is a structure.
    """

    name: str
    root: int
    enum_values: Sequence[browse_pb2.EnumValue] = ()
    fields: Sequence[browse_pb2.StructureField] = ()


class TypeTree:
    """Names and supertypes of types.

    Args:
        asker: The server.
        names: Writes NodeIds as texts.
    """

    def __init__(self, asker: Asker, names: NodeNames) -> None:
        self._asker = asker
        self._texts = names
        self._names: dict[NodeKey, Name] = {}
        self._parents: dict[NodeKey, NodeKey | None] = {}

    def name(self, key: NodeKey) -> Name:
        """The BrowseName of a type that was learned; empty if the server does not tell."""
        return self._names.get(key, Name(0, ""))

    def chain(self, key: NodeKey) -> Iterable[NodeKey]:
        """A type and its supertypes, nearest first."""
        current: NodeKey | None = key
        for _ in range(_DEEPEST):
            if current is None:
                return
            yield current
            current = self._parents.get(current)

    async def learn(self, types: Iterable[NodeKey]) -> list[browse_pb2.BrowsedType]:
        """Learns types and all their supertypes, one level for all of them at a time; returns those that are new."""
        level = {key for key in types if key not in self._names}
        fresh: list[NodeKey] = []
        for _ in range(_DEEPEST):
            if not level or len(self._names) > _MOST_TYPES:
                break
            keys = list(level)
            for key, answer in zip(keys, await self._asker.read([(key, _BROWSE_NAME) for key in keys]), strict=True):
                self._names[key] = answer.value if isinstance(answer.value, Name) else Name(0, "")
            self._parents.update(zip(keys, await self._supertypes(keys), strict=True))
            fresh += keys
            level = {parent for key in keys if (parent := self._parents[key]) is not None and parent not in self._names}
        described = [self._described(key) for key in fresh]
        return [each for each in described if each.node_id]

    def _described(self, key: NodeKey) -> browse_pb2.BrowsedType:
        parent = self._parents.get(key)
        return browse_pb2.BrowsedType(
            node_id=self._texts.node_id(key),
            browse_name=self._texts.browse_name(self.name(key)),
            supertype="" if parent is None else self._texts.node_id(parent),
        )

    async def _supertypes(self, keys: Sequence[NodeKey]) -> list[NodeKey | None]:
        parents: list[NodeKey | None] = []
        few = min(_FEW, self._asker.browses.limit)
        for start in range(0, len(keys), few):
            answer = await self._asker.browse(keys[start : start + few], _HAS_SUBTYPE, 0, inverse=True)
            for result in answer.results:
                first = result.references[0] if result.references else None
                parents.append(None if first is None else self._texts.here(first.node, first.foreign))
        return parents


class DataTypes:
    """Data types of one server.

    Args:
        asker: The server.
        tree: Names and supertypes.
    """

    def __init__(self, asker: Asker, tree: TypeTree) -> None:
        self._asker = asker
        self._tree = tree
        self._known: dict[NodeKey, DataType] = {}

    async def learn(self, types: Iterable[NodeKey]) -> None:
        """Learns data types, with the meanings and fields of those that have any."""
        fresh = [key for key in set(types) if key not in self._known]
        await self._tree.learn(fresh)
        roots = {key: self._root(key) for key in fresh}
        own = [key for key in fresh if roots[key] in {_STRUCTURE, _ENUMERATION} and namespace_of(key)]
        answers = await self._asker.read([(key, _DEFINITION) for key in own])
        definitions = {key: answer.value for key, answer in zip(own, answers, strict=True)}
        enums = await self._enums([key for key in own if roots[key] == _ENUMERATION], definitions)
        fields = await self._fields([key for key in own if roots[key] == _STRUCTURE], definitions)
        for key in fresh:
            self._known[key] = DataType(self._tree.name(key).text, roots[key], enums.get(key, ()), fields.get(key, ()))

    def known(self, key: NodeKey) -> DataType:
        """A data type that was learned."""
        return self._known.get(key) or DataType("", _NUMBER_KEYS[_BASE_DATA_TYPE])

    def _root(self, key: NodeKey) -> int:
        found = (number for each in self._tree.chain(key) if (number := _NUMBER_KEYS.get(each)) is not None)
        return next(found, _NUMBER_KEYS[_BASE_DATA_TYPE])

    async def _enums(
        self, keys: Sequence[NodeKey], definitions: dict[NodeKey, object]
    ) -> dict[NodeKey, Sequence[browse_pb2.EnumValue]]:
        """From the definition, or where there is none from the older properties."""
        found = {key: enum_definition(definitions.get(key)) or [] for key in keys}
        older = [key for key in keys if not found[key]]
        few = min(_FEW, self._asker.browses.limit)
        for start in range(0, len(older), few):
            part = older[start : start + few]
            answer = await self._asker.browse(part, _HAS_PROPERTY, 0)
            for key, result in zip(part, answer.results, strict=True):
                stating = {
                    reference.browse_name.text: reference.node
                    for reference in result.references
                    if reference.browse_name.text in {ENUM_STRINGS, ENUM_VALUES}
                }
                values = await self._asker.read([(node, _VALUE) for node in stating.values()])
                found[key] = enum_of({name: each.value for name, each in zip(stating, values, strict=True)})
        return dict(found)

    async def _fields(
        self, keys: Sequence[NodeKey], definitions: dict[NodeKey, object]
    ) -> dict[NodeKey, Sequence[browse_pb2.StructureField]]:
        stated = {key: found for key in keys if (found := structure_definition(definitions.get(key))) is not None}
        await self._tree.learn({data_type for found in stated.values() for _, data_type in found})
        for found in stated.values():
            for field, data_type in found:
                field.data_type = self._tree.name(data_type).text
        return {key: [field for field, _ in found] for key, found in stated.items()}

    async def kinds(self, variables: Sequence[tuple[NodeKey, NodeKey, int]]) -> list[ValueKind]:
        """The kinds of samples of variables, each given as (node, data type, ValueRank); their types are learned.

        Where type or rank leaves it open, the current value tells.
        """
        roots = [self.known(data_type).root for _, data_type, _ in variables]
        unclear = [
            node
            for (node, _, rank), root in zip(variables, roots, strict=True)
            if rank in ANY_RANKS or (root in ABSTRACT_TYPES and rank == SCALAR)
        ]
        shapes = dict(zip(unclear, await self._asker.value_shapes(unclear), strict=True))
        kinds: list[ValueKind] = []
        for (node, _, rank), root in zip(variables, roots, strict=True):
            shape = shapes.get(node)
            if shape is not None and shape.built_in:
                kinds.append(kind_of(shape.built_in, scalar=not shape.is_array))
            else:
                kinds.append(kind_of(root, scalar=rank == SCALAR))
        return kinds


def data_type_of(value: object) -> NodeKey:
    """A DataType attribute as it was read; BaseDataType where the server does not tell."""
    return value if isinstance(value, NodeKey) else _BASE_DATA_TYPE
