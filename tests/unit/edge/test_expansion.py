"""Fields and elements taken out of Variants, against asyncua's decoder; and what a hostile server could send."""

# asyncua types its fields with classes of its own and takes plain values.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

import math
import struct
from typing import Any

import numpy as np
import pytest
from asyncua import ua
from asyncua.ua.ua_binary import variant_to_binary
from hypothesis import given, settings
from hypothesis import strategies as st

from dualspan_edge.conversion import BAD_NO_DATA, convert
from dualspan_edge.decoder import DataChange, ItemRun, RunForm
from dualspan_edge.decoder.expansion import (
    Expansion,
    FieldLayout,
    Shape,
    StructureForm,
    StructureLayout,
    expand,
)
from dualspan_edge.opcua.structures import parse_path
from dualspan_edge.samples import TagTable
from dualspan_frame import BinaryColumn, ValueKind

POINT = StructureLayout(
    "Point", StructureForm.PLAIN, (FieldLayout("X", 11), FieldLayout("Name", 12), FieldLayout("Ready", 1))
)
POSE = StructureLayout(
    "Pose",
    StructureForm.PLAIN,
    (
        FieldLayout("Count", 4),
        FieldLayout("Where", 0, "point"),
        FieldLayout("Limits", 10, is_array=True),
        FieldLayout("Points", 0, "point", is_array=True),
        FieldLayout("Any", 24),
        FieldLayout("Last", 9),
    ),
)
MAYBE = StructureLayout(
    "Maybe",
    StructureForm.OPTIONAL,
    (FieldLayout("A", 6), FieldLayout("B", 11, optional=True), FieldLayout("C", 12, optional=True)),
)
EITHER = StructureLayout("Either", StructureForm.UNION, (FieldLayout("Number", 11), FieldLayout("Words", 12)))
LAYOUTS = {"point": POINT, "pose": POSE, "maybe": MAYBE, "either": EITHER}
PATHS = (
    "Count",
    "Where.X",
    "Where.Name",
    "Where.Ready",
    "Limits[0]",
    "Limits[2]",
    "Limits",
    "Points[1].X",
    "Any",
    "Last",
)
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=5)


def encoded_point(x: float, name: str, ready: bool) -> bytes:
    text = name.encode()
    return struct.pack("<di", x, len(text)) + text + struct.pack("<?", ready)


def extension(body: bytes, type_id: int = 5001) -> bytes:
    return struct.pack("<BBHBi", 1, 1, type_id, 1, len(body)) + body


def encoded_pose(pose: dict[str, Any]) -> bytes:
    """A Variant with an ExtensionObject, as a server would send it."""
    body = struct.pack("<h", pose["count"]) + encoded_point(*pose["where"])
    body += struct.pack(f"<i{len(pose['limits'])}f", len(pose["limits"]), *pose["limits"])
    body += struct.pack("<i", len(pose["points"])) + b"".join(encoded_point(*point) for point in pose["points"])
    body += bytes(variant_to_binary(pose["any"])) + struct.pack("<Q", pose["last"])
    return b"\x16" + extension(body)


def run_of(contents: list[bytes]) -> ItemRun:
    count = len(contents)
    return ItemRun(
        RunForm.VARIANT,
        0,
        np.arange(count, dtype=np.int64),
        np.zeros(count, np.uint32),
        np.zeros(count, np.uint32),
        np.arange(count, dtype=np.int64),
        BinaryColumn.from_list(contents),
    )


def parts_of(contents: list[bytes], root: str, paths: tuple[str, ...], kind: ValueKind) -> list[list[Any]]:
    """By path, the value of each row (None: there is none)."""
    shape = Shape(root, LAYOUTS, tuple(parse_path(path) for path in paths))
    found: list[list[Any]] = [["missing"] * len(contents) for _ in paths]
    for number, part in expand(run_of(contents), shape):
        converted = convert(part, kind)
        values = converted.values
        plain = values.to_list() if isinstance(values, BinaryColumn) else values.tolist()
        for row, value, status in zip(part.index.tolist(), plain, converted.status.tolist(), strict=True):
            assert found[number][row] == "missing", "every row of a part comes once"
            found[number][row] = None if status == BAD_NO_DATA else status or value
    return found


POINTS = st.tuples(st.floats(width=64), TEXT, st.booleans())
POSES = st.fixed_dictionaries(
    {
        "count": st.integers(-(2**15), 2**15 - 1),
        "where": POINTS,
        "limits": st.lists(st.floats(width=32), max_size=4),
        "points": st.lists(POINTS, max_size=3),
        "any": st.sampled_from([ua.Variant(1.5), ua.Variant("x"), ua.Variant([1, 2], ua.VariantType.Int32)]),
        "last": st.integers(0, 2**63 - 1),
    }
)


def expected(pose: dict[str, Any], path: str) -> Any:
    limits, points = pose["limits"], pose["points"]
    return {
        "Count": pose["count"],
        "Where.X": pose["where"][0],
        "Where.Name": pose["where"][1].encode(),
        "Where.Ready": pose["where"][2],
        "Limits[0]": limits[0] if limits else None,
        "Limits[2]": limits[2] if len(limits) > 2 else None,
        "Points[1].X": points[1][0] if len(points) > 1 else None,
        "Last": pose["last"],
    }[path]


def same(left: Any, right: Any) -> bool:
    if isinstance(left, float) and isinstance(right, float) and math.isnan(left):
        return math.isnan(right)
    return left == right


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("Count", ValueKind.INT64),
        ("Where.X", ValueKind.FLOAT64),
        ("Where.Name", ValueKind.TEXT),
        ("Where.Ready", ValueKind.BOOL),
        ("Limits[0]", ValueKind.FLOAT64),
        ("Limits[2]", ValueKind.FLOAT64),
        ("Points[1].X", ValueKind.FLOAT64),
        ("Last", ValueKind.INT64),
    ],
)
@settings(max_examples=60, deadline=None)
@given(poses=st.lists(POSES, min_size=1, max_size=4), repeats=st.integers(1, 3))
def test_every_part_is_what_was_encoded(path: str, kind: ValueKind, poses: list[dict[str, Any]], repeats: int) -> None:
    all_poses = poses * repeats
    (values,) = parts_of([encoded_pose(pose) for pose in all_poses], "pose", (path,), kind)
    assert all(same(expected(pose, path), value) for pose, value in zip(all_poses, values, strict=True))


@settings(max_examples=60, deadline=None)
@given(pose=POSES)
def test_vectors_and_variants_stay_as_they_were_encoded(pose: dict[str, Any]) -> None:
    vector, anything = parts_of([encoded_pose(pose)], "pose", ("Limits", "Any"), ValueKind.BYTES)
    wanted = ua.Variant(pose["limits"], ua.VariantType.Float, is_array=True)
    assert vector == [bytes(variant_to_binary(wanted))]
    assert anything == [bytes(variant_to_binary(pose["any"]))]


def test_values_of_one_shape_are_columns() -> None:
    pose = {"where": (1.0, "abc", True), "limits": [1.0], "points": [], "any": ua.Variant(1.5), "last": 7}
    contents = [encoded_pose(pose | {"count": number}) for number in range(1000)]
    shape = Shape("pose", LAYOUTS, (parse_path("Count"), parse_path("Last")))
    parts = expand(run_of(contents), shape)
    assert [(number, len(part)) for number, part in parts] == [(0, 1000), (1, 1000)], "one column each, not row by row"
    assert convert(parts[0][1], ValueKind.INT64).values.tolist() == list(range(1000))


def test_a_shape_that_changes_among_equal_lengths_is_seen() -> None:
    short = {"where": (1.0, "ab", True), "limits": [1.0], "points": [], "any": ua.Variant(1.5), "count": 1, "last": 7}
    # As long, because four more characters take the place of one more number.
    long = short | {"where": (2.0, "abcdef", True), "limits": []}
    contents = [encoded_pose(short), encoded_pose(long)]
    assert len(contents[0]) == len(contents[1])
    assert parts_of(contents, "pose", ("Last",), ValueKind.INT64) == [[7, 7]]
    assert parts_of(contents, "pose", ("Limits[0]",), ValueKind.FLOAT64) == [[1.0, None]]


def test_optional_fields_and_unions() -> None:
    both = extension(struct.pack("<Iid", 1, 5, 2.5))
    neither = extension(struct.pack("<Ii", 0, 6))
    second = extension(struct.pack("<Iii", 2, 7, 1) + b"x")
    contents = [b"\x16" + body for body in (both, neither, second)]
    assert parts_of(contents, "maybe", ("A",), ValueKind.INT64) == [[5, 6, 7]]
    assert parts_of(contents, "maybe", ("B",), ValueKind.FLOAT64) == [[2.5, None, None]]
    assert parts_of(contents, "maybe", ("C",), ValueKind.TEXT) == [[None, None, b"x"]]
    number, words = extension(struct.pack("<Id", 1, 2.5)), extension(struct.pack("<Ii", 2, 1) + b"y")
    nothing = extension(struct.pack("<I", 0))
    contents = [b"\x16" + body for body in (number, words, nothing)]
    assert parts_of(contents, "either", ("Number",), ValueKind.FLOAT64) == [[2.5, None, None]]
    assert parts_of(contents, "either", ("Words",), ValueKind.TEXT) == [[None, b"y", None]]


def test_elements_of_plain_arrays() -> None:
    numbers = [bytes(variant_to_binary(ua.Variant([1.0, 2.0], ua.VariantType.Double, is_array=True)))] * 2
    assert parts_of(numbers, "", ("[1]", "[5]"), ValueKind.FLOAT64) == [[2.0, 2.0], [None, None]]
    words = [bytes(variant_to_binary(ua.Variant(["a", "bc"], ua.VariantType.String, is_array=True)))]
    assert parts_of(words, "", ("[0]", "[1]"), ValueKind.TEXT) == [[b"a"], [b"bc"]]


@settings(max_examples=300, deadline=None)
@given(pose=POSES, cut=st.integers(0, 60), place=st.integers(0, 200), octet=st.integers(0, 255))
def test_a_hostile_value_harms_its_own_rows_only(pose: dict[str, Any], cut: int, place: int, octet: int) -> None:
    good = encoded_pose(pose)
    broken = bytearray(good[: max(1, len(good) - cut)])
    broken[place % len(broken)] = octet
    values = parts_of([good, bytes(broken), good], "pose", PATHS, ValueKind.BYTES)
    (clean,) = zip(*parts_of([good], "pose", PATHS, ValueKind.BYTES), strict=True)
    assert [column[0] for column in values] == list(clean)
    assert [column[2] for column in values] == list(clean)


def test_structures_without_end_are_refused_and_not_followed() -> None:
    endless = StructureLayout("Endless", StructureForm.PLAIN, (FieldLayout("Self", 0, "endless"),))
    shape = Shape("endless", {"endless": endless}, (parse_path("Self"),))
    ((_, part),) = expand(run_of([b"\x16" + extension(b"\x00" * 50)]), shape)
    assert part.form is RunForm.ABSENT


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("X", ("X",)),
        ("Limits[2].High", ("Limits", 2, "High")),
        ("[7]", (7,)),
        ("[7].Name", (7, "Name")),
        ("A[1][2]", ("A", 1, 2)),
        ("", ()),
        (".X", ()),
        ("X..Y", ()),
        ("X[", ()),
    ],
)
def test_paths(text: str, path: tuple[object, ...]) -> None:
    assert parse_path(text) == path


def test_parts_become_samples_of_their_own_tags() -> None:
    table = TagTable()
    shape = Shape("point", LAYOUTS, (parse_path("X"), parse_path("Name")))
    kinds = (ValueKind.FLOAT64, ValueKind.TEXT)
    first = table.add_parts(Expansion(shape, (11, 12), kinds))
    second = table.add_parts(Expansion(shape, (21, 22), kinds))
    contents = [b"\x16" + extension(encoded_point(float(n), f"n{n}", True)) for n in range(4)]
    run = run_of(contents)
    handles = np.array([first, second, first, second], np.uint32)
    run = ItemRun(run.form, 0, run.index, handles, run.status, run.timestamp + 1_700_000_000_000_000, run.values)
    received = table.receive(DataChange(4, (run,)), 1_700_000_000_000_000)
    by_kind = {block.kind: block for block in received.blocks}
    assert by_kind[ValueKind.FLOAT64].tag.tolist() == [11, 21, 11, 21]
    assert by_kind[ValueKind.FLOAT64].value.tolist() == [0.0, 1.0, 2.0, 3.0]
    assert by_kind[ValueKind.TEXT].tag.tolist() == [12, 22, 12, 22]
    table.remove(first)
    again = table.receive(DataChange(4, (run,)), 1_700_000_000_000_000)
    assert {int(tag) for block in again.blocks for tag in block.tag} == {21, 22}
