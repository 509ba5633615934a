"""Files of samples: what goes in comes out, in row groups of a sane size; whole or not at all."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dualspan_analytics import destinations
from dualspan_analytics.columns import PropertyRef, Series
from dualspan_analytics.destinations import Quota, open_folder
from dualspan_analytics.exports import parquet
from dualspan_runtime.errors import FailedPrecondition, Unavailable

REF = PropertyRef("m1", "speed", 2)


def series(values: list[object], dtype: object) -> Series:
    count = len(values)
    value = np.array(values, dtype)  # type: ignore[call-overload]
    return Series(np.arange(count, dtype=np.int64), value, np.zeros(count, np.uint32), "mm/s")


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (st.floats(allow_nan=True, allow_infinity=True), np.float64),
        (st.integers(-(2**63), 2**63 - 1), np.int64),
        (st.booleans(), np.bool_),
        (st.text(st.characters(codec="utf-8")), object),
    ],
)
def test_values_come_out_as_they_went_in(values: st.SearchStrategy[object], dtype: object) -> None:
    column = {np.float64: "value", np.int64: "integer", np.bool_: "boolean", object: "text"}[dtype]  # type: ignore[index]

    @given(st.lists(values, min_size=1, max_size=20))
    @settings(max_examples=40, deadline=None)
    def hold(given_: list[object]) -> None:
        table = parquet.sample_table(REF, series(given_, dtype))
        assert table.schema == parquet.SAMPLES
        found = table[column].to_pylist()
        assert [repr(each) for each in found] == [repr(each) for each in given_]
        for other in {"value", "integer", "boolean", "text"} - {column, "value"}:
            assert table[other].null_count == len(given_)
        assert table["value"].null_count == (len(given_) if dtype is object else 0)

    hold()


@given(st.lists(st.integers(0, 60), max_size=12))
@settings(max_examples=40, deadline=None)
def test_row_groups_are_neither_tiny_nor_huge(tmp_path_factory: pytest.TempPathFactory, sizes: list[int]) -> None:
    path = tmp_path_factory.mktemp("groups") / "a.parquet"
    file = parquet.SampleFile(path, smallest=20, largest=50)
    for place, size in enumerate(sizes):
        file.append(PropertyRef("m1", f"p{place:02}"), series([1.0] * size, np.float64))
    content = file.close()
    read = pq.ParquetFile(path)
    groups = [read.metadata.row_group(i).num_rows for i in range(read.num_row_groups)]
    assert sum(groups) == content.rows == sum(sizes)
    assert all(group <= 50 for group in groups)
    assert all(group >= 20 for group in groups[:-1])
    assert content == parquet.content_of(path, content.rows)


def test_a_file_that_is_abandoned_is_gone(tmp_path: Path) -> None:
    file = parquet.SampleFile(tmp_path / "a")
    file.append(REF, series([1.0], np.float64))
    file.abandon()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_shows_whole_files_only(tmp_path: Path) -> None:
    with open_folder(tmp_path / "x") as folder:
        scratch = folder.scratch()
        scratch.write_bytes(b"new")
        assert folder.sizes("samples") == {}
        folder.put(scratch, "samples/a=1/f")
        assert folder.sizes("samples") == {"samples/a=1/f": 3}
        folder.remove("samples/a=1/f")
        folder.remove("samples/a=1/f")
        assert folder.sizes("samples") == {}
        left = folder.scratch()
        left.write_bytes(b"half")
    assert not left.exists()


def test_exports_of_one_enterprise_fill_no_more_than_their_part(tmp_path: Path) -> None:
    quota = Quota(tmp_path / "acme", 10)

    def put(export: str, path: str, size: int) -> None:
        with open_folder(tmp_path / "acme" / export, quota) as folder:
            scratch = folder.scratch()
            scratch.write_bytes(b"x" * size)
            folder.put(scratch, path)

    put("one", "a", 6)
    put("two", "b", 4)
    with pytest.raises(FailedPrecondition, match="EXPORT_FOLDER_FULL"):
        put("two", "c", 1)
    put("one", "a", 3)
    put("two", "c", 3)
    with open_folder(tmp_path / "acme" / "two", quota) as folder:
        folder.remove("b")
    put("one", "d", 4)
    assert not (tmp_path / "acme" / "one" / "_scratch").exists()


def test_a_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FailedPrecondition, match="file/x"), open_folder(tmp_path / "file" / "x"):
        pass


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("AWS Error NETWORK_CONNECTION during PutObject: curlCode: 7", Unavailable),
        ("AWS Error SLOW_DOWN during UploadPart", Unavailable),
        ("AWS Error ACCESS_DENIED during CreateMultipartUpload", FailedPrecondition),
        ("AWS Error NO_SUCH_BUCKET during ListObjectsV2", FailedPrecondition),
    ],
)
def test_what_may_pass_is_told_from_what_will_not(words: str, kind: type[Exception]) -> None:
    assert isinstance(destinations._of_bucket("s3://lake", words), kind)
