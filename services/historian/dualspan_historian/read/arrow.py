"""Frames and series as Apache Arrow IPC streams."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa  # pyright: ignore  # compiled, without types

from dualspan_frame import BinaryColumn, Block, Frame, ValueKind
from dualspan_historian.read.aggregates import Aggregate, Series

_VALUE_COLUMNS: dict[ValueKind, tuple[str, Any]] = {
    ValueKind.FLOAT64: ("value_float64", pa.float64()),
    ValueKind.INT64: ("value_int64", pa.int64()),
    ValueKind.BOOL: ("value_bool", pa.bool_()),
    ValueKind.TEXT: ("value_text", pa.large_string()),
    ValueKind.BYTES: ("value_bytes", pa.large_binary()),
}
_TIME = pa.timestamp("us", tz="UTC")


def frame_to_arrow(frame: Frame) -> bytes:
    """Return the samples in order of block: tag_id, timestamp, status, and one value column per kind."""
    fields = [("tag_id", pa.int64()), ("timestamp", _TIME), ("status", pa.uint32())]
    kinds = [block.kind for block in frame.blocks]
    schema = pa.schema(fields + [_VALUE_COLUMNS[kind] for kind in kinds])
    batches = [_batch(block, kinds, schema) for block in frame.blocks]
    return _stream(schema, batches)


def series_to_arrow(rows: Sequence[tuple[int, Aggregate, Series]]) -> bytes:
    """Return aggregates as one batch: tag_id, aggregate, timestamp, status, value."""
    counts = [len(series.value) for _, _, series in rows]
    columns = {
        "tag_id": pa.array(np.repeat(np.array([tag for tag, _, _ in rows], np.int64), counts)),
        "aggregate": pa.array(np.repeat(np.array([aggregate for _, aggregate, _ in rows], np.int32), counts)),
        "timestamp": pa.array(np.concatenate([series.timestamp for _, _, series in rows]), _TIME),
        "status": pa.array(np.concatenate([series.status for _, _, series in rows])),
        "value": pa.array(np.concatenate([series.value for _, _, series in rows])),
    }
    batch = pa.RecordBatch.from_pydict(columns)
    return _stream(batch.schema, [batch])


def _batch(block: Block, kinds: list[ValueKind], schema: Any) -> Any:
    values = [_values(block) if kind == block.kind else pa.nulls(len(block), _VALUE_COLUMNS[kind][1]) for kind in kinds]
    columns = [pa.array(block.tag), pa.array(block.timestamp, _TIME), pa.array(block.status), *values]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _values(block: Block) -> Any:
    kind = _VALUE_COLUMNS[block.kind][1]
    if not isinstance(block.value, BinaryColumn):
        return pa.array(block.value, kind)
    buffers = [None, pa.py_buffer(block.value.offsets), pa.py_buffer(np.ascontiguousarray(block.value.data))]
    return pa.Array.from_buffers(kind, len(block), buffers)


def _stream(schema: Any, batches: list[Any]) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return sink.getvalue().to_pybytes()
