import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualspan_frame import BinaryColumn

contents = st.lists(st.binary(max_size=12), max_size=40)


@given(contents)
def test_a_list_survives(items: list[bytes]) -> None:
    column = BinaryColumn.from_list(items)
    assert len(column) == len(items)
    assert column.to_list() == items


@given(st.lists(st.text(max_size=8), max_size=30))
def test_text_survives_as_utf8(items: list[str]) -> None:
    column = BinaryColumn.from_list(items)
    assert column.to_text() == items
    assert column.is_text()


@given(contents, st.data())
def test_take_is_a_list_comprehension(items: list[bytes], data: st.DataObject) -> None:
    indexes = data.draw(st.lists(st.integers(0, len(items) - 1), max_size=60)) if items else []
    taken = BinaryColumn.from_list(items).take(np.array(indexes, np.int64))
    assert taken.to_list() == [items[index] for index in indexes]


@given(contents, st.integers(-50, 50), st.integers(-50, 50))
def test_slice_is_a_list_slice(items: list[bytes], start: int, stop: int) -> None:
    assert BinaryColumn.from_list(items).slice(start, stop).to_list() == items[start:stop]


@given(st.lists(contents, max_size=4))
def test_concat_joins(lists: list[list[bytes]]) -> None:
    joined = BinaryColumn.concat([BinaryColumn.from_list(items) for items in lists])
    assert joined.to_list() == [item for items in lists for item in items]


@given(contents)
def test_dictionary_holds_each_content_once(items: list[bytes]) -> None:
    found = BinaryColumn.from_list(items).dictionary()
    assert found is not None
    distinct, indexes = found
    assert distinct.to_list() == list(dict.fromkeys(items))
    assert [distinct.to_list()[index] for index in indexes] == items


@given(st.lists(st.binary(max_size=4), max_size=10))
def test_text_is_judged_content_by_content(items: list[bytes]) -> None:
    def is_utf8(item: bytes) -> bool:
        try:
            item.decode()
        except UnicodeDecodeError:
            return False
        return True

    assert BinaryColumn.from_list(items).is_text() == all(is_utf8(item) for item in items)


def test_a_character_split_over_two_contents_is_not_text() -> None:
    assert not BinaryColumn.from_list(["é".encode()[:1], "é".encode()[1:]]).is_text()


@pytest.mark.parametrize(
    ("offsets", "data"),
    [
        (np.array([], np.int64), np.zeros(0, np.uint8)),
        (np.array([0, 2], np.int64), np.zeros(1, np.uint8)),
        (np.array([1, 2], np.int64), np.zeros(2, np.uint8)),
        (np.array([0, 3, 1, 2], np.int64), np.zeros(2, np.uint8)),
        (np.array([0, 1], np.int32), np.zeros(1, np.uint8)),
        (np.array([0, 1], np.int64), np.zeros(1, np.int8)),
    ],
)
def test_impossible_arrays_are_refused(
    offsets: "np.ndarray[tuple[int], np.dtype[np.int64]]", data: "np.ndarray[tuple[int], np.dtype[np.uint8]]"
) -> None:
    with pytest.raises(ValueError, match=r"offsets|data"):
        BinaryColumn(offsets, data)


def test_equal_means_the_same_contents() -> None:
    assert BinaryColumn.from_list(["a", "bc"]) == BinaryColumn.from_list([b"a", b"bc"])
    assert BinaryColumn.from_list(["ab", "c"]) != BinaryColumn.from_list(["a", "bc"])
