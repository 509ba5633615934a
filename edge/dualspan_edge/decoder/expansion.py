"""Fields of structures and elements of arrays, taken out of the Variants that a notification carries.

Which fields there are and how they are encoded is data (`StructureLayout`, made from the server's DataTypeDefinition,
Part 3, 5.8.3); nothing is executed that a server sends. A value is walked once for all of its parts.

Values that have one shape are walked once for all of them: what decided the walk of the first (type ids, lengths,
counts, masks) is noted as guards. Where the guards of the others are equal, their parts lie at the same places, and
each part of all values is one column.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from dualspan_edge.decoder.items import content_of
from dualspan_edge.decoder.layout import NUMBER_DTYPES, to_unix_microseconds
from dualspan_edge.decoder.model import ItemRun, RunForm, RunValues
from dualspan_edge.decoder.wire import FIXED_SIZES, advance, read_count, read_int32, read_node_id, skip_built_in
from dualspan_edge.errors import DecodeError
from dualspan_frame import BinaryColumn, ValueKind

MAX_PARTS = 10_000
_MAX_DEPTH = 32
_BAD_DECODING_ERROR = 0x80070000
_ARRAY_BIT, _DIMENSIONS_BIT, _TYPE_BITS = 0x80, 0x40, 0x3F
_DATE_TIME, _EXTENSION, _VARIANT = 13, 22, 24
# String, ByteString, XmlElement.
_COUNTED = frozenset({12, 15, 16})

Step: TypeAlias = str | int
Path: TypeAlias = tuple[Step, ...]


class StructureForm(Enum):
    """How the fields of a structure follow each other (Part 6, 5.2.6 to 5.2.8)."""

    PLAIN = auto()
    # A UInt32 says which of the optional fields are there.
    OPTIONAL = auto()
    # A UInt32 says which of the fields is there.
    UNION = auto()


@dataclass(frozen=True, slots=True)
class FieldLayout:
    """One field.

    Attributes:
        name: Its name.
        built_in: How it is encoded (Part 6, 5.1.2); 0 if it is a structure in place.
        structure: Key of its layout if it is a structure in place, or an ExtensionObject of known type.
        is_array: One or more dimensions.
        optional: It may be left out.
    """

    name: str
    built_in: int
    structure: str = ""
    is_array: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True)
class StructureLayout:
    """The fields of a structured data type, in the order of their encoding."""

    name: str
    form: StructureForm
    fields: tuple[FieldLayout, ...]


Layouts: TypeAlias = Mapping[str, StructureLayout]


@dataclass(slots=True)
class _Want:
    """What is wanted of a value: parts of it, and whether the value itself is a part (its place in the list)."""

    part: int = -1
    inner: "dict[Step, _Want]" = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """What is to be taken out of the values of one or more nodes, which are alike.

    Attributes:
        root: Key of the layout that the values have, if they are structures or arrays of them.
        layouts: Every layout that they may reach.
        paths: What is wanted, in order.
    """

    root: str
    layouts: Layouts
    paths: tuple[Path, ...]
    _want: _Want = field(default_factory=_Want)

    def __post_init__(self) -> None:
        for number, path in enumerate(self.paths):
            want = self._want
            for step in path:
                want = want.inner.setdefault(step, _Want())
            want.part = number

    @property
    def want(self) -> _Want:
        """The paths as a tree."""
        return self._want


@dataclass(frozen=True, slots=True, eq=False)
class Expansion:
    """A shape, and which tags the parts of one node are: ids and kinds in the order of the shape's paths."""

    shape: Shape
    tag_ids: tuple[int, ...]
    kinds: tuple[ValueKind, ...]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a part lies in a Variant; `built_in` says how it is encoded there; arrays begin with their count."""

    built_in: int
    start: int
    end: int
    is_array: bool = False


@dataclass(slots=True)
class _Walk:
    """One value on its way: what was found, and what decided the way."""

    body: bytes
    layouts: Layouts
    places: list[_Place | None]
    guards: list[tuple[int, int]] = field(default_factory=list)

    def guard(self, start: int, end: int) -> None:
        self.guards.append((start, end))


def walk(content: bytes, shape: Shape) -> _Walk:
    """Finds the parts of one Variant.

    Raises:
        DecodeError: It is cut off, or not of the type that was expected.
    """
    result = _Walk(content, shape.layouts, [None] * len(shape.paths))
    if not content:
        raise DecodeError("there is no value")
    encoding = content[0]
    result.guard(0, 1)
    built_in, end = encoding & _TYPE_BITS, len(content)
    if encoding & _ARRAY_BIT:
        _walk_array(result, 1, end, FieldLayout("", built_in, shape.root, is_array=True), shape.want, 0)
    else:
        _walk_single(result, 1, end, FieldLayout("", built_in, shape.root), shape.want, 0)
    return result


def _walk_single(result: _Walk, position: int, end: int, layout: FieldLayout, want: _Want | None, depth: int) -> int:
    """Over one value; notes the parts that are wanted of it."""
    if depth > _MAX_DEPTH:
        raise DecodeError(f"structures are nested more than {_MAX_DEPTH} deep")
    built_in = layout.built_in
    if built_in == 0:
        after = _walk_structure(result, position, end, layout.structure, want, depth)
    elif built_in == _EXTENSION and want is not None and want.inner and layout.structure:
        after = _walk_extension(result, position, end, layout.structure, want, depth)
    else:
        after = skip_built_in(result.body, position, end, built_in, 0)
        if built_in not in FIXED_SIZES:
            # What decides how long it is: its length, or of what is made of parts, all of it.
            result.guard(position, min(position + 4, after) if built_in in _COUNTED else after)
    if want is not None and want.part >= 0:
        result.places[want.part] = _Place(built_in, position, after) if built_in else None
    return after


def _walk_array(result: _Walk, position: int, end: int, layout: FieldLayout, want: _Want | None, depth: int) -> int:
    start = position
    smallest = FIXED_SIZES.get(layout.built_in, 1)
    count, position = read_count(result.body, position, end, smallest)
    result.guard(start, position)
    single = FieldLayout(layout.name, layout.built_in, layout.structure)
    size = FIXED_SIZES.get(layout.built_in)
    if size:
        for step, inner in want.inner.items() if want else ():
            if isinstance(step, int) and step < count and inner.part >= 0:
                at = position + step * size
                result.places[inner.part] = _Place(layout.built_in, at, at + size)
        position = advance(position, count * size, end)
    else:
        for number in range(count):
            position = _walk_single(result, position, end, single, want.inner.get(number) if want else None, depth + 1)
    if want is not None and want.part >= 0 and layout.built_in:
        result.places[want.part] = _Place(layout.built_in, start, position, is_array=True)
    return position


def _walk_extension(result: _Walk, position: int, end: int, structure: str, want: _Want, depth: int) -> int:
    """Over an ExtensionObject (Part 6, 5.2.2.15): its type, how it is encoded, its length, its body."""
    body, start = result.body, position
    _, position = read_node_id(body, position, end)
    position = advance(position, 1, end)
    if body[position - 1] != 1:
        result.guard(start, position)
        return skip_built_in(body, start, end, _EXTENSION, 0)
    length, position = read_int32(body, position, end)
    result.guard(start, position)
    after = advance(position, max(length, 0), end)
    _walk_structure(result, position, after, structure, want, depth + 1)
    return after


def _walk_structure(result: _Walk, position: int, end: int, key: str, want: _Want | None, depth: int) -> int:
    layout = result.layouts.get(key)
    if layout is None:
        raise DecodeError("a structure of unknown type")
    present = _present(result, position, end, layout)
    if layout.form is not StructureForm.PLAIN:
        position = advance(position, 4, end)
    for one in layout.fields:
        if one.name not in present:
            continue
        inner = want.inner.get(one.name) if want is not None else None
        step = _walk_array if one.is_array else _walk_single
        position = step(result, position, end, one, inner, depth + 1)
    return position


def _present(result: _Walk, position: int, end: int, layout: StructureLayout) -> set[str]:
    """The names of the fields that a value has."""
    if layout.form is StructureForm.PLAIN:
        return {one.name for one in layout.fields}
    mask_end = advance(position, 4, end)
    result.guard(position, mask_end)
    switch = int.from_bytes(result.body[position:mask_end], "little")
    if layout.form is StructureForm.UNION:
        return {layout.fields[switch - 1].name} if 0 < switch <= len(layout.fields) else set()
    present: set[str] = set()
    bit = 0
    for one in layout.fields:
        if not one.optional:
            present.add(one.name)
            continue
        if switch >> bit & 1:
            present.add(one.name)
        bit += 1
    return present


def expand(run: ItemRun, shape: Shape) -> list[tuple[int, ItemRun]]:
    """The parts of the values of a run.

    Args:
        run: Values of one shape.
        shape: What is wanted of them.

    Returns:
        Numbers of parts with their rows. The runs of a part together have every row once; it is ABSENT where a value
        does not have it.
    """
    if run.form is not RunForm.VARIANT or not isinstance(run.values, BinaryColumn):
        return [(number, _absent(run)) for number in range(len(shape.paths))]
    contents = run.values.to_list()
    try:
        first = walk(contents[0], shape)
    except DecodeError:
        return _one_by_one(run, contents, shape)
    table = _table(run.values, first)
    if table is None:
        return _one_by_one(run, contents, shape)
    return [(number, _column(run, table, place)) for number, place in enumerate(first.places)]


def _table(values: BinaryColumn, first: _Walk) -> NDArray[np.uint8] | None:
    """All values as rows of one table, if the walk of the first goes for all of them; uint8, shape (n, length)."""
    lengths = values.lengths
    if not (lengths == lengths[0]).all():
        return None
    table = values.data.reshape(len(lengths), -1)
    if len(table) > 1:
        for start, end in first.guards:
            if not (table[:, start:end] == table[0, start:end]).all():
                return None
    return table


def _column(run: ItemRun, table: NDArray[np.uint8], place: _Place | None) -> ItemRun:
    if place is None:
        return _absent(run)
    octets = np.ascontiguousarray(table[:, place.start : place.end])
    if place.built_in in NUMBER_DTYPES and not place.is_array:
        return _numbers(run, octets.tobytes(), place.built_in)
    return _contents(run, [row.tobytes() for row in octets], place)


def _numbers(run: ItemRun, octets: bytes, built_in: int) -> ItemRun:
    column = np.frombuffer(octets, NUMBER_DTYPES[built_in])
    values: RunValues = column
    if built_in == _DATE_TIME:
        values = to_unix_microseconds(column)
    elif built_in == 1:
        values = column != 0
    return ItemRun(RunForm.NUMBER, built_in, run.index, run.handle, run.status, run.timestamp, values)


def _contents(run: ItemRun, contents: Sequence[bytes], place: _Place) -> ItemRun:
    encoding = place.built_in | (_ARRAY_BIT if place.is_array else 0)
    form, values = RunForm.VARIANT, contents
    if encoding != _VARIANT:
        head = bytes((encoding,))
        taken = [content_of(head + content, 0, len(content) + 1, encoding) for content in contents]
        form, values = taken[0][0], [value for _, value in taken]
    column = BinaryColumn.from_list(values)
    return ItemRun(form, 0, run.index, run.handle, run.status, run.timestamp, column)


def _absent(run: ItemRun, status: NDArray[np.uint32] | None = None) -> ItemRun:
    return ItemRun(
        RunForm.ABSENT, 0, run.index, run.handle, run.status if status is None else status, run.timestamp, None
    )


def _one_by_one(run: ItemRun, contents: Sequence[bytes], shape: Shape) -> list[tuple[int, ItemRun]]:
    """The parts of values whose shapes differ: each is walked. One that cannot be read says so in its own rows."""
    found: list[list[_Place | None]] = []
    status = run.status.copy()
    for row, content in enumerate(contents):
        try:
            found.append(walk(content, shape).places)
        except DecodeError:
            found.append([None] * len(shape.paths))
            if not status[row] & 0xC0000000:
                status[row] = _BAD_DECODING_ERROR
    stated = ItemRun(run.form, run.built_in, run.index, run.handle, status, run.timestamp, run.values)
    return [
        (number, part)
        for number in range(len(shape.paths))
        for part in _by_form(stated, contents, [places[number] for places in found])
    ]


def _by_form(run: ItemRun, contents: Sequence[bytes], places: Sequence[_Place | None]) -> list[ItemRun]:
    """One part of all values, cut by how it is encoded in each; the runs together have every row once."""
    groups: dict[tuple[int, bool] | None, list[int]] = {}
    for row, place in enumerate(places):
        groups.setdefault(place and (place.built_in, place.is_array), []).append(row)
    runs: list[ItemRun] = []
    for form, rows in groups.items():
        some = _rows(run, rows)
        if form is None:
            runs.append(_absent(some))
            continue
        built_in, is_array = form
        slices = [contents[row][place.start : place.end] for row in rows if (place := places[row]) is not None]
        if built_in in NUMBER_DTYPES and not is_array:
            runs.append(_numbers(some, b"".join(slices), built_in))
        else:
            runs.append(_contents(some, slices, _Place(built_in, 0, 0, is_array)))
    return runs


def _rows(run: ItemRun, rows: Sequence[int]) -> ItemRun:
    chosen = np.zeros(len(run), np.bool_)
    chosen[np.array(rows, np.int64)] = True
    return run.take(chosen)
