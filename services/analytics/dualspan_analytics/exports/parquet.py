"""Samples as Parquet: columns that every reader knows, row groups of a size that they like."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dualspan_analytics.assets import Asset, AssetLevel, AssetTree, PropertyRole
from dualspan_analytics.columns import PropertyRef, Series
from dualspan_analytics.exports.layout import partition_path
from dualspan_analytics.exports.model import Place

# Readers work on row groups at the same time and skip those whose statistics rule them out: too small ones cost more to
# open than to read, too large ones have to be held in memory whole.
SMALLEST_GROUP = 131_072
LARGEST_GROUP = 1_048_576
_LEVEL = 3
_TIME = pa.timestamp("us", tz="UTC")
SAMPLES = pa.schema(
    [
        pa.field("property", pa.string(), nullable=False),
        pa.field("index", pa.int32(), nullable=False),
        pa.field("timestamp", _TIME, nullable=False),
        # Numbers and truth values as a double; what is exact stands beside it.
        pa.field("value", pa.float64()),
        pa.field("integer", pa.int64()),
        pa.field("boolean", pa.bool_()),
        pa.field("text", pa.string()),
        # OPC UA's 32 bits, in a type that Spark and Trino have.
        pa.field("status", pa.int64(), nullable=False),
        pa.field("good", pa.bool_(), nullable=False),
        pa.field("unit", pa.string(), nullable=False),
    ]
)
_ORDER = [pq.SortingColumn(0), pq.SortingColumn(1), pq.SortingColumn(2)]
_DICTIONARIES = ["property", "text", "unit", "status"]
_ENCODINGS = {"timestamp": "DELTA_BINARY_PACKED", "integer": "DELTA_BINARY_PACKED"}


@dataclass(frozen=True, slots=True)
class Content:
    """What a file that was written is.

    Attributes:
        rows: Of it.
        size: Of it, in bytes.
        sha256: Of its bytes.
    """

    rows: int
    size: int
    sha256: bytes


NOTHING = Content(0, 0, b"")
"""What a partition without samples is: no file."""


class SampleFile:
    """Writes one partition; properties come in order, the samples of each in order of time.

    Args:
        path: Of the file; what stands there is replaced.
        smallest: Row groups have so many rows, unless the samples end.
        largest: Row groups have no more.
    """

    def __init__(self, path: Path, smallest: int = SMALLEST_GROUP, largest: int = LARGEST_GROUP) -> None:
        self._path = path
        self._smallest, self._largest = smallest, largest
        self._waiting: list[Any] = []
        self._rows = self._waiting_rows = 0
        self._writer: Any = pq.ParquetWriter(
            path,
            SAMPLES,
            compression="zstd",
            compression_level=_LEVEL,
            use_dictionary=_DICTIONARIES,  # pyright: ignore[reportArgumentType] - columns by name are taken too
            column_encoding=_ENCODINGS,
            sorting_columns=_ORDER,
            write_page_index=True,
        )

    def append(self, ref: PropertyRef, series: Series) -> None:
        """Add samples of one property."""
        if len(series):
            self._waiting.append(sample_table(ref, series))
            self._waiting_rows += len(series)
            self._rows += len(series)
            if self._waiting_rows >= self._smallest:
                self._flush()

    def close(self) -> Content:
        """End the file."""
        self._flush()
        self._writer.close()
        return content_of(self._path, self._rows)

    def abandon(self) -> None:
        """Let go of the file; what was written of it is no Parquet file that anyone could take for one."""
        self._waiting = []
        self._writer.close()
        self._path.unlink(missing_ok=True)

    def _flush(self) -> None:
        if self._waiting:
            table = pa.concat_tables(self._waiting).combine_chunks()
            groups = -(-len(table) // self._largest)
            self._writer.write_table(table, row_group_size=-(-len(table) // groups))
        self._waiting, self._waiting_rows = [], 0


def sample_table(ref: PropertyRef, series: Series) -> Any:
    """Samples of one property as a table of the schema `SAMPLES`."""
    count, kind = len(series), series.value.dtype
    nothing = {"value": pa.float64(), "integer": pa.int64(), "boolean": pa.bool_(), "text": pa.string()}
    values = {name: pa.nulls(count, of) for name, of in nothing.items()} | _values(series, kind)
    columns = {
        "property": pa.repeat(pa.scalar(ref.property, pa.string()), count),
        "index": pa.repeat(pa.scalar(ref.index, pa.int32()), count),
        "timestamp": pa.array(series.timestamp, _TIME),
        **values,
        "status": pa.array(series.status.astype(np.int64)),
        "good": pa.array(series.is_good),
        "unit": pa.repeat(pa.scalar(series.unit, pa.string()), count),
    }
    return pa.Table.from_arrays([columns[field.name] for field in SAMPLES], schema=SAMPLES)


def _values(series: Series, kind: Any) -> dict[str, Any]:
    if kind == np.bool_:
        return {"value": pa.array(series.value.astype(np.float64)), "boolean": pa.array(series.value)}
    if kind == np.int64:
        return {"value": pa.array(series.value.astype(np.float64)), "integer": pa.array(series.value)}
    if kind == np.float64:
        return {"value": pa.array(series.value, from_pandas=False)}
    return {"text": pa.array(series.value.tolist(), pa.string())}


def write_table(path: Path, table: Any) -> Content:
    """Write a table that is small enough to be one row group."""
    pq.write_table(table, path, compression="zstd", compression_level=_LEVEL)
    return content_of(path, len(table))


def content_of(path: Path, rows: int) -> Content:
    """Size and digest of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    return Content(rows, path.stat().st_size, digest.digest())


def asset_table(tree: AssetTree, assets: Iterable[str]) -> Any:
    """What assets are called, what they are and where they stand (ISA-95): one row each."""
    rows = [_asset_row(tree, tree.asset(asset)) for asset in assets]
    names = ["asset", "name", "level", "site", "area", "line", "parent", "model", "model_version", "industry"]
    return pa.table({name: pa.array([row[name] for row in rows], pa.string()) for name in names})


def _asset_row(tree: AssetTree, asset: Asset) -> dict[str, str]:
    above = {each.level: each.id for each in tree.path(asset.id)}
    model = tree.model_of(asset.id)
    return {
        "asset": asset.id,
        "name": asset.display_name,
        "level": asset.level.name.lower(),
        "site": above.get(AssetLevel.SITE, ""),
        "area": above.get(AssetLevel.AREA, ""),
        "line": above.get(AssetLevel.LINE, ""),
        "parent": asset.parent,
        "model": asset.model,
        "model_version": asset.model_version,
        "industry": model.industry if model else "",
    }


def property_table(tree: AssetTree, refs: Sequence[PropertyRef]) -> Any:
    """What properties are called, their units, and the tags that they come from: one row each."""
    found = [tree.property(ref) for ref in refs]
    return pa.table(
        {
            "asset": pa.array([ref.asset for ref in refs], pa.string()),
            "property": pa.array([ref.property for ref in refs], pa.string()),
            "index": pa.array([ref.index for ref in refs], pa.int32()),
            "name": pa.array([each.name for each in found], pa.string()),
            "name_zh": pa.array([each.name_zh for each in found], pa.string()),
            "unit": pa.array([each.unit for each in found], pa.string()),
            "role": pa.array([PropertyRole(each.role).name.lower() for each in found], pa.string()),
            "tag": pa.array([tree.binding(ref).tag_id for ref in refs], pa.int64()),
        }
    )


def manifest_table(tenant: str, partitions: Sequence[tuple[Place, Content]], facts: Mapping[str, str]) -> Any:
    """Every file of samples with its size and digest; `facts` go into the metadata of the schema."""
    table = pa.table(
        {
            "path": pa.array([partition_path(tenant, place) for place, _ in partitions], pa.string()),
            "asset": pa.array([place.asset for place, _ in partitions], pa.string()),
            "date": pa.array([place.day for place, _ in partitions], pa.int32()).cast(pa.date32()),
            "rows": pa.array([content.rows for _, content in partitions], pa.int64()),
            "bytes": pa.array([content.size for _, content in partitions], pa.int64()),
            "sha256": pa.array([content.sha256.hex() for _, content in partitions], pa.string()),
        }
    )
    return table.replace_schema_metadata(dict(facts))
