"""Structures and arrays: which fields and elements the values of a variable have, and how they are taken out.

What a server states of its types (DataTypeDefinition, Part 3, 5.8.3) is read as data and made into layouts; type
dictionaries are not used, and nothing that a server sends is executed.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from asyncua import ua

from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan.onboarding.v1 import resources_pb2 as onboarding
from dualspan.onboarding.v1 import sampling_pb2 as sampling
from dualspan.onboarding.v1 import sampling_service_pb2 as service
from dualspan_edge.decoder.cursor import MAX_ELEMENTS, Cursor, Extension, NodeKey
from dualspan_edge.decoder.expansion import (
    MAX_PARTS,
    Expansion,
    FieldLayout,
    Path,
    Shape,
    StructureForm,
    StructureLayout,
)
from dualspan_edge.errors import DecodeError
from dualspan_edge.opcua.asking import Asker
from dualspan_edge.opcua.connection import Connection
from dualspan_edge.opcua.datatypes import SCALAR, kind_of
from dualspan_edge.opcua.findings import Findings
from dualspan_edge.opcua.items import BAD_UNEXPECTED_ERROR, report
from dualspan_edge.opcua.nodeids import NodeIdError, parse_node_id
from dualspan_edge.opcua.nodekeys import NodeNames, key_of, standard_key
from dualspan_edge.opcua.nodetypes import DataTypes, TypeTree, data_type_of
from dualspan_edge.opcua.plan import PlannedTag
from dualspan_frame import ValueKind

_STEP = re.compile(r"\[([0-9]{1,7})\]|([^.\[\]]+)")
_DEFINITION_ENCODING, _STRUCTURE_KEY = standard_key(122), standard_key(22)
_STRUCTURE, _ENUMERATION, _INT32, _VARIANT = 22, 29, 6, 24
_ABSTRACT = frozenset({24, 26, 27, 28})
_FORMS = {0: StructureForm.PLAIN, 1: StructureForm.OPTIONAL, 2: StructureForm.UNION}
# With subtyped values (Part 3, 8.49): a marked field is an ExtensionObject of whatever subtype, and always there.
_SUBTYPED = {3: StructureForm.PLAIN, 4: StructureForm.UNION}
_MOST_TYPES = 500
_MOST_FIELDS = 2000
_DEEPEST = 10
# A longer array is better kept as a vector: a tag for each element is more than anybody looks at.
_MOST_ELEMENTS = 64
_DATA_TYPE, _RANK, _DIMENSIONS, _VALUE, _DEFINITION = (
    int(attribute)
    for attribute in (
        ua.AttributeIds.DataType,
        ua.AttributeIds.ValueRank,
        ua.AttributeIds.ArrayDimensions,
        ua.AttributeIds.Value,
        ua.AttributeIds.DataTypeDefinition,
    )
)


@dataclass(frozen=True, slots=True)
class _Definition:
    """A StructureDefinition as it was read: its form, and name, data type, ValueRank, length and mark of each field."""

    form: StructureForm
    subtyped: bool
    fields: tuple[tuple[str, NodeKey, int, int, bool], ...]


@dataclass(frozen=True, slots=True)
class _Leaf:
    """Where a path ends: the root type of what is there, whether it is an array, of which length if that is known."""

    path: str
    data_type: str
    root: int
    is_array: bool
    length: int
    optional: bool

    @property
    def kind(self) -> ValueKind:
        return kind_of(self.root, scalar=not self.is_array)


class StructureTypes:
    """Structured types of one server, learned as they are met."""

    def __init__(self, connection: Connection) -> None:
        self._asker = Asker(connection, Findings())
        tree = TypeTree(self._asker, NodeNames(connection.namespaces))
        self._types = DataTypes(self._asker, tree)
        self._definitions: dict[NodeKey, _Definition | None] = {}
        self.layouts: dict[str, StructureLayout] = {}

    @property
    def asker(self) -> Asker:
        """The server."""
        return self._asker

    async def learn(self, keys: Iterable[NodeKey]) -> None:
        """Learns data types and all types of their fields; bounded, however a server's types go on."""
        level = set(keys)
        for _ in range(_DEEPEST):
            fresh = [key for key in level if key not in self._definitions][: _MOST_TYPES - len(self._definitions)]
            if not fresh:
                break
            await self._types.learn(fresh)
            structured = [key for key in fresh if self.root(key) == _STRUCTURE and key != _STRUCTURE_KEY]
            answers = await self._asker.read([(key, _DEFINITION) for key in structured])
            self._definitions.update(dict.fromkeys(fresh))
            for key, answer in zip(structured, answers, strict=True):
                self._definitions[key] = _definition(answer.value)
            found = (self._definitions[key] for key in structured)
            level = {data_type for one in found if one is not None for _, data_type, _, _, _ in one.fields}
        self._lay_out()

    def root(self, key: NodeKey) -> int:
        """The number of the built-in or abstract type that a learned type is or derives from."""
        return self._types.known(key).root

    def name(self, key: NodeKey) -> str:
        """The BrowseName of a learned type."""
        return self._types.known(key).name

    def _lay_out(self) -> None:
        """Makes layouts of definitions; a type with a field whose encoding nobody knows has none, nor what holds it."""
        layouts = {key: self._layout(key, one) for key, one in self._definitions.items() if one is not None}
        while True:
            known = {_id(key) for key in layouts}
            broken = [
                key
                for key, layout in layouts.items()
                if any(one.built_in == 0 and one.structure not in known for one in layout.fields)
            ]
            if not broken:
                break
            for key in broken:
                del layouts[key]
        self.layouts.update({_id(key): layout for key, layout in layouts.items()})

    def _layout(self, key: NodeKey, definition: _Definition) -> StructureLayout:
        fields = tuple(
            self._field(name, data_type, rank, marked=marked, definition=definition)
            for name, data_type, rank, _, marked in definition.fields
        )
        return StructureLayout(self.name(key), definition.form, fields)

    def _field(self, name: str, data_type: NodeKey, rank: int, *, marked: bool, definition: _Definition) -> FieldLayout:
        root, structure = self.root(data_type), ""
        if root == _STRUCTURE and data_type != _STRUCTURE_KEY:
            structure = _id(data_type)
            root = _STRUCTURE if definition.subtyped and marked else 0
        elif root == _ENUMERATION:
            root = _INT32
        elif root in _ABSTRACT:
            root = _VARIANT
        optional = marked and not definition.subtyped
        return FieldLayout(name, root, structure, is_array=rank != SCALAR, optional=optional)

    def structure_of(self, data_type: NodeKey) -> str:
        """The key of the layout of a data type; "" if it is no structure, or one that nobody can take apart."""
        return _id(data_type) if _id(data_type) in self.layouts else ""

    def leaves(self, data_type: NodeKey, *, is_array: bool, length: int) -> Iterator[_Leaf]:
        """What can be a tag of its own in values of a type: fields, elements, and arrays that are kept as vectors."""
        if not is_array:
            yield from self._below("", data_type, depth=0, optional=False)
            return
        for number in range(length):
            if self.structure_of(data_type):
                yield from self._below(f"[{number}]", data_type, depth=1, optional=True)
            else:
                yield _Leaf(f"[{number}]", self.name(data_type), self.root(data_type), False, 0, True)

    def _below(self, path: str, data_type: NodeKey, *, depth: int, optional: bool) -> Iterator[_Leaf]:
        definition = self._definitions.get(data_type)
        if definition is None or depth > _DEEPEST or not self.structure_of(data_type):
            return
        union = definition.form is StructureForm.UNION
        for name, kind, rank, length, marked in definition.fields:
            if "." in name or "[" in name or "]" in name:
                continue
            here = f"{path}.{name}" if path else name
            maybe = optional or union or (marked and not definition.subtyped)
            if rank != SCALAR:
                yield from self._of_array(here, kind, length, depth=depth, optional=maybe)
            elif self.structure_of(kind) and not (definition.subtyped and marked):
                yield from self._below(here, kind, depth=depth + 1, optional=maybe)
            else:
                yield _Leaf(here, self.name(kind), self.root(kind), False, 0, maybe)

    def _of_array(self, path: str, data_type: NodeKey, length: int, *, depth: int, optional: bool) -> Iterator[_Leaf]:
        structured = bool(self.structure_of(data_type))
        if not structured or not 0 < length <= _MOST_ELEMENTS:
            # A structure in place has no encoding that says what it is: an array of them is no value by itself.
            if not structured:
                yield _Leaf(path, self.name(data_type), self.root(data_type), True, length, optional)
            return
        for number in range(length):
            yield from self._below(f"{path}[{number}]", data_type, depth=depth + 1, optional=optional)


def _id(key: NodeKey) -> str:
    return key.hex()


def _definition(value: object) -> _Definition | None:
    """A StructureDefinition; None if the value is none, breaks the encoding or is of a form that is not known."""
    if not isinstance(value, Extension) or value.encoding != _DEFINITION_ENCODING:
        return None
    try:
        return _read_definition(Cursor(value.body, 0, len(value.body)))
    except DecodeError:
        return None


def _read_definition(cursor: Cursor) -> _Definition | None:
    cursor.node_key()
    cursor.node_key()
    number = cursor.int32()
    form = _FORMS.get(number) or _SUBTYPED.get(number)
    count = cursor.count(20)
    if form is None or count > MAX_ELEMENTS:
        return None
    fields: list[tuple[str, NodeKey, int, int, bool]] = []
    for _ in range(count):
        name = cursor.text()
        cursor.localized_text()
        data_type, rank = cursor.node_key(), cursor.int32()
        dimensions = [cursor.uint32() for _ in range(cursor.count(4))]
        cursor.skip(4)
        fields.append((name, data_type, rank, dimensions[0] if len(dimensions) == 1 else 0, cursor.byte() != 0))
    return _Definition(form, number in _SUBTYPED, tuple(fields))


def parse_path(text: str) -> Path:
    """The steps of a path such as `Limits[2].High`; empty if it is malformed."""
    steps: list[str | int] = []
    position = 0
    while position < len(text):
        if text[position] == "." and steps:
            position += 1
        found = _STEP.match(text, position)
        if found is None:
            return ()
        steps.append(int(found[1]) if found[1] is not None else found[2])
        position = found.end()
    return tuple(steps)


async def with_parts(
    connection: Connection, planned: Sequence[PlannedTag]
) -> tuple[list[PlannedTag], list[gateway.TagReport]]:
    """Tags that are parts of one node's value, together in one monitored item; reports of those that cannot be."""
    whole = [member for member in planned if not member.tag.field_path]
    groups: dict[tuple[object, ...], list[PlannedTag]] = {}
    for member in planned:
        if member.tag.field_path:
            groups.setdefault(_sharing(member), []).append(member)
    if not groups:
        return whole, []
    types, data_types = StructureTypes(connection), {}
    keys = list({key_of(group[0].node): None for group in groups.values()})
    answers = await types.asker.read([(key, _DATA_TYPE) for key in keys])
    data_types = {key: data_type_of(answer.value) for key, answer in zip(keys, answers, strict=True)}
    await types.learn(data_types.values())
    shapes: dict[tuple[str, tuple[Path, ...]], Shape] = {}
    reports: list[gateway.TagReport] = []
    for group in groups.values():
        root = types.structure_of(data_types[key_of(group[0].node)])
        usable = [member for member in group if _resolves(parse_path(member.tag.field_path), root, types.layouts)]
        reports += [_no_such_part(member.tag) for member in group if member not in usable]
        whole += [
            _shared(usable[start : start + MAX_PARTS], root, types, shapes)
            for start in range(0, len(usable), MAX_PARTS)
        ]
    return whole, reports


def _sharing(member: PlannedTag) -> tuple[object, ...]:
    tag = member.tag
    intervals = (tag.sampling_interval.ToNanoseconds(), tag.publishing_interval.ToNanoseconds())
    how = sampling.Acquisition()
    how.CopyFrom(tag.acquisition)
    how.ClearField("heartbeat_interval")
    return tag.node_id, *intervals, tag.queue_size, how.SerializeToString(deterministic=True)


def _shared(
    members: Sequence[PlannedTag],
    root: str,
    types: StructureTypes,
    shapes: dict[tuple[str, tuple[Path, ...]], Shape],
) -> PlannedTag:
    """One monitored item for parts of one node; items of the same type and paths have the same shape."""
    tags = tuple(member.tag for member in members)
    paths = tuple(parse_path(tag.field_path) for tag in tags)
    shape = shapes.setdefault((root, paths), Shape(root, types.layouts, paths))
    kinds = tuple(ValueKind(tag.kind) for tag in tags)
    expansion = Expansion(shape, tuple(tag.tag_id for tag in tags), kinds)
    return replace(members[0], expansion=expansion, sharers=tags)


def _resolves(path: Path, root: str, layouts: Mapping[str, StructureLayout]) -> bool:
    """Whether values of a type can have this part: what is not a structure can have elements only."""
    if not path:
        return False
    if isinstance(path[0], int):
        return len(path) == 1 or (bool(root) and _resolves(path[1:], root, layouts))
    layout, rest = layouts.get(root), path
    while rest:
        name, *rest = rest
        found = next((one for one in layout.fields if one.name == name), None) if layout is not None else None
        if found is None:
            return False
        if rest and isinstance(rest[0], int):
            if not found.is_array:
                return False
            rest = rest[1:]
        layout = layouts.get(found.structure)
    return True


def _no_such_part(tag: gateway.TagConfiguration) -> gateway.TagReport:
    words = (
        f"the server's values have no part {tag.field_path}, or it states nothing of their type: describe the values "
        "again, or store the whole value"
    )
    return report(tag, onboarding.TAG_STATE_REFUSED, BAD_UNEXPECTED_ERROR, words)


async def describe_values(connection: Connection, node_ids: Sequence[str]) -> service.DescribeValuesResponse:
    """What is in the values of variables, each with its own error if it cannot be looked into."""
    types = StructureTypes(connection)
    nodes: dict[str, NodeKey] = {}
    answers: dict[str, service.DescribedValue] = {}
    for node_id in node_ids:
        try:
            nodes[node_id] = key_of(parse_node_id(node_id, connection.namespaces))
        except NodeIdError as error:
            answers[node_id] = service.DescribedValue(node_id=node_id, error=str(error))
    wanted = (_DATA_TYPE, _RANK, _DIMENSIONS)
    read = await types.asker.read([(key, attribute) for key in nodes.values() for attribute in wanted])
    values = [[answer.value for answer in read[start : start + 3]] for start in range(0, len(read), 3)]
    stated = dict(zip(nodes, values, strict=True))
    await types.learn(data_type_of(data_type) for data_type, _, _ in stated.values())
    for node_id, (data_type, rank, dimensions) in stated.items():
        answers[node_id] = await _described(types, nodes[node_id], node_id, data_type, rank, dimensions)
    return service.DescribeValuesResponse(values=[answers[node_id] for node_id in node_ids])


async def _described(
    types: StructureTypes, key: NodeKey, node_id: str, data_type: object, rank: object, dimensions: object
) -> service.DescribedValue:
    if not isinstance(data_type, NodeKey):
        return service.DescribedValue(node_id=node_id, error="the node is no variable, or may not be read")
    is_array = isinstance(rank, int) and rank != SCALAR
    length = await _length(types.asker, key, dimensions) if is_array else 0
    if length > _MOST_ELEMENTS:
        words = (
            f"it has {length} elements; more than {_MOST_ELEMENTS} are better kept as one vector, or as an index range"
        )
        return service.DescribedValue(node_id=node_id, error=words)
    fields = [
        sampling.ValueField(
            path=leaf.path, data_type=leaf.data_type, kind=leaf.kind, length=leaf.length, optional=leaf.optional
        )
        for leaf, _ in zip(types.leaves(data_type, is_array=is_array, length=length), range(_MOST_FIELDS), strict=False)
    ]
    if fields:
        return service.DescribedValue(node_id=node_id, fields=fields)
    if types.root(data_type) == _STRUCTURE:
        words = f"the server states no DataTypeDefinition of {types.name(data_type)}; it can only be stored whole"
    else:
        words = "it is neither a structure nor an array with elements; store it whole"
    return service.DescribedValue(node_id=node_id, error=words)


async def _length(asker: Asker, key: NodeKey, dimensions: object) -> int:
    """How many elements an array has: as stated, else as it is now; 0 if neither tells, or with several dimensions."""
    if isinstance(dimensions, list) and dimensions and all(isinstance(one, int) for one in dimensions):
        stated = [one for one in dimensions if isinstance(one, int)]
        if len(stated) > 1 or stated[0]:
            return stated[0] if len(stated) == 1 else 0
    (answer,) = await asker.read([(key, _VALUE)])
    return len(answer.value) if isinstance(answer.value, list) else 0
